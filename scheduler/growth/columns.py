"""Output units that there are, shared: what a task can still be told by where no slot is left for outputs of its own.

An output unit says one of the task's classes from now on, whatever it says for the task that it was born for. Which
says which is an assignment of classes to units, one to one. It begins where units tell the samples of their classes
apart best, each unit's answers less their mean and in units of their spread (Kuhn 1955, Naval Research Logistics 2,
83), and goes on with what lowers the loss of the training samples: another unit for a class, or two that change places.
Nothing is born, and no device moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.answers.judge import positions
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import Batch


@dataclass(frozen=True)
class Columns:
    """Output units that would say the classes of a task."""

    outputs: tuple[int, ...]  # slot of the unit of each class
    loss: float  # on validation data
    score: float


def shared_columns(grower: Grower, classes: tuple[int, ...], training: Batch, validation: Batch) -> Columns | None:
    """The units that tell these classes apart best; None where there are fewer units than classes."""
    from scipy.optimize import linear_sum_assignment  # not above: few runs come here

    slots = torch.tensor(sorted({slot for expert in grower.agent.experts for slot in expert.outputs}))
    if len(slots) < len(classes):
        return None
    said, labels = _answers(grower, slots, training[0]), positions(classes, training[1].labels)
    usual = (said - said.mean(0)) / said.std(0).clamp(min=1e-12)
    empty = usual.new_zeros(len(slots))
    worth = [usual[labels == k].mean(0) if bool((labels == k).any()) else empty for k in range(len(classes))]
    _, best = linear_sum_assignment(torch.stack(worth).numpy(), maximize=True)
    asked = Expert(-1, classes, -1, (), sets=[list(classes)])
    judge = grower.judge
    chosen = _improved(
        best.tolist(), lambda columns: float(judge.losses(asked, said[:, columns], training[1]).mean()), len(slots)
    )
    answers = _answers(grower, slots, validation[0])[:, chosen]
    loss = float(judge.losses(asked, answers, validation[1]).mean())
    return Columns(tuple(slots[chosen].tolist()), loss, judge.score(asked, answers, validation[1]))


def _improved(columns: list[int], loss: Callable[[list[int]], float], units: int) -> list[int]:
    """An assignment that no single change makes better; ``columns``: unit of each class."""
    lowest, better = loss(columns), True
    while better:
        better = False
        for k, unit in product(range(len(columns)), range(units)):
            other = list(columns)
            if unit in columns:
                other[columns.index(unit)] = columns[k]
            other[k] = unit
            if (value := loss(other)) < lowest:
                columns, lowest, better = other, value, True
    return columns


def _answers(grower: Grower, slots: Tensor, x: Tensor) -> Tensor:
    """What output units say of samples [B, S], all experts running."""
    network, agent = grower.network, grower.agent
    running = torch.stack([agent.running(expert) for expert in agent.experts]).any(0)
    with torch.no_grad():
        return network.read(network.run(x, slots.to(network.device), running)).cpu()
