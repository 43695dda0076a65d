"""Trials of the cognitive tasks for rate units: firing probabilities, as numbers, every so many steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smalti.scheduler.streams.made_options import CognitiveOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.cognitive import load_cognitive
from smalti.scheduler.streams.types import Samples


@dataclass(frozen=True)
class Trials:
    """Trials of one part: inputs [S, T, I], targets [S, T, O], weights of steps [S, T], and tasks [S]."""

    x: Tensor
    targets: Tensor
    weights: Tensor
    task: Tensor
    names: tuple[str, ...]

    def of(self, rows: Tensor) -> Trials:
        """Some of them, by position [s] or mask [S]."""
        return Trials(self.x[rows], self.targets[rows], self.weights[rows], self.task[rows], self.names)


def trials(every: int) -> tuple[Trials, Trials]:
    """Training and validation trials of all tasks, every so manieth step of them."""
    made = load_cognitive(StreamOptions(name="cognitive", cognitive=CognitiveOptions()))
    names = tuple(task.name for task in made.tasks)
    train, validation = ([getattr(task, part) for task in made.tasks] for part in ("train", "validation"))
    return _joined(train, every, names), _joined(validation, every, names)


def _joined(parts: list[Samples], every: int, names: tuple[str, ...]) -> Trials:
    columns = ([getattr(part, name)[:][:, ::every] for part in parts] for name in ("x", "targets", "weights"))
    x, targets, weights = (torch.from_numpy(np.concatenate(column)) for column in columns)
    task = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(part) for part in parts]))
    return Trials(x, targets, weights, task, names)
