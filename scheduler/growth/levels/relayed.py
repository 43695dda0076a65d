"""What outputs over the relay alone would say, in closed form, before anything is born behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.growth.regression import Regression
from smalti.model.probe import filtered
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import CHUNK, Batch, fitted, targets_of


@dataclass(frozen=True)
class Reading:
    """A read-out, judged on validation data."""

    weights: Tensor  # [P, O] float64
    score: float
    loss: float


def reading(
    grower: Grower, running: list[int], relay: list[int], classes: tuple[int, ...], training: Batch, validation: Batch
) -> Reading:
    """The best read-out of a relay, by the mean over time of its traces as an output membrane has them.

    Args:
        grower: of the network.
        running: slots of the neurons that run.
        relay: slots of those that are read [P].
        classes: that the outputs stand for.
        training: samples by which it is made.
        validation: those by which it is judged.
    """
    judge = grower.judge
    heard, asked = (torch.cat([*_traces(grower, batch[0], running, relay)]) for batch in (training, validation))
    targets, weights = targets_of(judge, training[1], classes)
    regression = Regression.of([(heard[:, 0], targets[:, 0], weights[:, 0])], grower.options.reuse.ridge)
    for place in range(len(relay)):
        regression.take(place)
    expert = Expert(-1, classes, -1, (), sets=[list(classes)])
    best = fitted(judge, expert, heard, regression.weights(), training[1])
    answers = (asked[:, 0].double() @ best).to(asked)
    loss = float(judge.losses(expert, answers, validation[1]).mean())
    return Reading(best, judge.score(expert, answers, validation[1]), loss)


def _traces(grower: Grower, x: Tensor, running: list[int], relay: list[int]) -> Iterator[Tensor]:
    """Means over time [B, 1, P] of the traces of the relay's neurons."""
    network, sources = grower.network, torch.tensor(relay)
    mask = torch.zeros_like(network.state.alive)
    mask[running] = True
    outputs = torch.tensor(grower.agent.experts[0].outputs, device=network.device)
    for part in torch.split(x, CHUNK):
        probe = network.probe(part, outputs, lambda logits: logits.sum(1) * 0, mask, sources[:0])
        traces = filtered(probe.drive(sources), network.options.output_leak)
        yield traces.permute(2, 0, 1).cpu().mean(1, keepdim=True)
