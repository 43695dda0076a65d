"""Which samples come at which minibatch where experiences may run into one another. Knows no network.

With ``drift`` d, the last n = round(d S) of an experience's S minibatches are mixed with the next one's: of B samples,
the j-th of them (1 to n) takes round(B j / (n + 1)) from the next experience. Every task goes through its own sequence
of places (``scheduler.streams.batches``) from where it last stopped, whichever experience asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smalti.scheduler.streams import Experience, Stream
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.streams.wanted import Wanted


@dataclass
class Minibatch:
    """What comes in one step."""

    x: Tensor  # [B, T, I] uint8 input spikes
    wanted: Wanted  # what the samples ask
    fresh: Tensor  # [B] bool: shown for the first time
    begins: bool  # whether it is the first with samples of another experience than those before

    @property
    def labels(self) -> Tensor:
        """Classes of the samples [B] int; where they ask for targets, their tasks."""
        return self.wanted.labels


def mixed(steps: int, drift: float, batch: int) -> np.ndarray:
    """Samples of each minibatch of an experience [steps] that come from the next one."""
    count = round(drift * steps)
    share = np.arange(1, count + 1) / (count + 1)
    return np.concatenate([np.zeros(steps - count, dtype=np.int64), np.rint(batch * share).astype(np.int64)])


class DriftingBatches:
    """The minibatches of a run, as functions of experience and step.

    Args:
        stream: the experiences.
        steps: minibatches of an experience.
        batch: samples of a minibatch, B.
        drift: share of an experience's minibatches that are mixed with the next one's.
        seed: seed of the run.
    """

    def __init__(self, stream: Stream, steps: int, batch: int, drift: float, seed: int) -> None:
        self.stream, self.batch, self.seed = stream, batch, seed
        self._of_task: dict[int, TaskBatches] = {}  # task -> its samples
        self._own: list[np.ndarray] = []  # of an experience: first place in its own task at each step
        self._next: list[np.ndarray] = []  # first place in the next one's
        self._shares: list[np.ndarray] = []  # samples from the next one
        past = dict.fromkeys((e.task for e in stream.experiences), 0)
        for number, experience in enumerate(stream.experiences):
            following = stream.experiences[number + 1 : number + 2]
            size = min(batch, len(experience.train))
            changes = any(other.task != experience.task for other in following)
            share = mixed(steps, drift if changes else 0.0, size)
            self._shares.append(share)
            self._own.append(_places(past, experience.task, size - share))
            self._next.append(_places(past, following[0].task, share) if following else share)

    def minibatch(self, number: int, step: int) -> Minibatch:
        """What experience ``number`` brings at its minibatch ``step``, both counted from 0."""
        here, share = self.stream.experiences[number], int(self._shares[number][step])
        own = min(self.batch, len(here.train)) - share
        parts = [self._part(here, int(self._own[number][step]), own)] if own else []
        if share:
            following = self.stream.experiences[number + 1]
            parts.append(self._part(following, int(self._next[number][step]), share))
        spikes, asked, firsts = zip(*parts, strict=True)
        x, wanted, fresh = torch.cat(spikes), Wanted.joined(asked), torch.cat(firsts)
        before = self._shares[number - 1].any() if number else True  # the experience has begun before its first step
        first = share > 0 and not self._shares[number][:step].any()
        return Minibatch(x, wanted, fresh, bool(first or (step == 0 and not before)))

    def _part(self, experience: Experience, first: int, count: int) -> tuple[Tensor, Wanted, Tensor]:
        batches = self._batches(experience)
        fresh = torch.arange(first, first + count) < len(experience.train)
        x, wanted = batches.places(first, count)
        return x, wanted, fresh

    def _batches(self, experience: Experience) -> TaskBatches:
        if experience.task not in self._of_task:
            self._of_task[experience.task] = TaskBatches(experience, self.stream.steps, self.batch, self.seed)
        return self._of_task[experience.task]


def _places(past: dict[int, int], task: int, counts: np.ndarray) -> np.ndarray:
    """First place of a task at each step, given how many it takes; the task is then past them."""
    ends = past[task] + np.cumsum(counts)
    past[task] = int(ends[-1])
    begins: np.ndarray = ends - counts
    return begins
