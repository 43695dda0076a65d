"""Keeping old tasks while a new one is learned: the continual-learning method and elastic protection in training.

It looks up the samples that a buffer has stored and draws their spikes; what methods do is in ``model.continual``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.continual import METHODS, ContinualOptions, Task
from smalti.model.continual.elastic import Elastic
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.probe import Probe
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.randomness import Use, entropy, generator
from smalti.scheduler.streams import Samples, Stream
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.streams.coding.encode import draw
from smalti.scheduler.streams.wanted import Wanted

Prober = Callable[[Expert, Tensor, Wanted], Probe]

CHUNK = 256  # samples that run at once where answers are recorded
BEGIN, END, RECALL, RECALLED, RECORDED, MEASURED = range(6)  # what random numbers are for


class Rehearsal:
    """The method of a run, and the elastic protection of its experts.

    Args:
        options: which method, and its constants.
        network, moments: what is trained.
        stream: where stored samples come from.
        seed: seed of the run.
    """

    def __init__(
        self, options: ContinualOptions, network: Network, moments: Moments, stream: Stream, seed: int
    ) -> None:
        self.network, self.moments, self.seed = network, moments, seed
        self.judge = Judge(network, stream.readout)
        self._samples = {experience.task: experience.train for experience in stream.experiences}
        self.method = METHODS[options.method](options, network, moments)
        self.elastic = Elastic(options, network, moments)

    @property
    def stored_values(self) -> int:
        """Numbers held in memory now."""
        return self.method.stored_values + self.elastic.stored_values

    @property
    def devices(self) -> tuple[Tensor, ...]:
        """What is known of devices, [K, R, n] each: it moves along with neurons."""
        return (*self.method.devices.values(), *self.elastic.devices.values())

    def refresh(self) -> None:
        """Forget what was known of devices that have been laid or removed since the last step."""
        gone = ~self.network.state.mask | (self.moments.count == 0)
        self.method.forget(gone)
        self.elastic.forget(gone)

    def begin(self, batches: TaskBatches, expert: Expert, old: Tensor, running: Tensor, probe: Prober) -> None:
        """Before the first step of a task.

        Args:
            batches: its samples.
            expert: serves it.
            old: outputs of the label sets [G, O] bool that the expert knew before.
            running: neurons that take part [N] bool.
            probe: spikes and adjoints of an expert on spikes [B, T, I] and what they ask.
        """
        self.method.begin_task(self._task(batches, expert, old, running, probe, BEGIN))

    def end(self, batches: TaskBatches, expert: Expert, running: Tensor, probe: Prober) -> None:
        """After the last step of a task; arguments as in ``begin``."""
        self.method.end_task(self._task(batches, expert, expert.label_sets(), running, probe, END))

    def rehearse(self, batches: TaskBatches, number: int, x: Tensor, wanted: Wanted) -> tuple[Tensor, Wanted]:
        """The minibatch of a step [B, T, I] with the stored samples that belong beside or in place of it."""
        if not self.method.recalls:
            return x, wanted
        keys = batches.task, number
        entries = self.method.recall(len(x), generator(self.seed, Use.MEMORY, RECALL, *keys))
        if not len(entries):
            return x, wanted
        trains = [(self._samples[task], row) for task, row, _ in entries.tolist()]
        parts = [train.select(np.array([row])) for train, row in trains]
        stored = Samples(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("x", "y", "index")))
        spikes = torch.from_numpy(draw(stored, batches.steps, entropy(self.seed, Use.MEMORY, RECALLED, *keys)))
        asked = Wanted.joined([Wanted.of(part) for part in parts])
        return (spikes, asked) if self.method.alone else (torch.cat([x, spikes]), Wanted.joined([wanted, asked]))

    def pulled(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """A gradient of the loss [K, R, n] with that of the penalties on weights."""
        costs = [cost for rehearsal in (self.method, self.elastic) if (cost := rehearsal.penalty(weight)) is not None]
        return gradient + torch.autograd.grad(torch.stack(costs).sum(), weight)[0] if costs else gradient

    def state_dict(self) -> dict[str, Any]:
        """What the method and the elastic protection keep."""
        return {"method": self.method.state_dict(), "elastic": self.elastic.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.method.load_state_dict(state["method"])
        self.elastic.load_state_dict(state["elastic"])

    def _task(
        self, batches: TaskBatches, expert: Expert, old: Tensor, running: Tensor, probe: Prober, purpose: int
    ) -> Task:
        train, number = batches.experience.train, batches.experience.task

        def spikes(samples: Samples, what: int) -> Tensor:
            return torch.from_numpy(draw(samples, batches.steps, entropy(self.seed, Use.MEMORY, what, number)))

        def measure(rows: Tensor) -> Probe:
            chosen = train.select(rows.numpy())
            return probe(expert, spikes(chosen, MEASURED), Wanted.of(chosen))

        return Task(
            number=number,
            labels=torch.from_numpy(train.y),
            values=int(np.prod(train.x.shape[1:])),
            old=old.to(self.network.device),
            probe=measure,
            answers=lambda: answers(self.judge, expert, running, spikes(train, RECORDED)),
            chance=generator(self.seed, Use.MEMORY, purpose, number),
        )


def answers(judge: Judge, expert: Expert, running: Tensor, x: Tensor) -> Tensor:
    """Answers [S, ...] of an expert for spikes [S, T, I], without a gradient."""
    outputs = torch.tensor(expert.outputs, device=judge.network.device)
    with torch.no_grad():
        parts = [judge.answers(judge.network.run(part, outputs, running)) for part in torch.split(x, CHUNK)]
    return torch.cat(parts)
