"""How right outputs are where something is asked of them at single time steps; a higher score is always the better one.

With w[t] the weights of a sample's steps divided by their sum, so that every sample counts alike; z outputs, y targets:

    right       sum_t w[t] [argmax z[t] = argmax y[t]], mean over samples; with one output: [z > .5] = [y > .5]
    direction   whether a trial ends in the right direction, fixating until then; mean over trials (Yang et al. 2019)
    r2          1 - sum w |z - y|^2 / sum w |y - mean y|^2 over all samples, the mean being that of each output
    smape       1 - sMAPE / 200, which is 1 - mean |z - y| / (|z| + |y|): 1 is perfect, 0 the worst
    roc         area under the receiver operating characteristic of each output against the others; their mean

Extension point: add a function ``(outputs [B, T, O], targets [B, T, O], weights [B, T]) -> float`` to ``SCORES`` and
name it in ``stream.score``. Weights are 0 where nothing is asked; no sample has none but those.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.scheduler.streams.types import Ints

Score = Callable[[Tensor, Tensor, Tensor], float]

THRESHOLD = 0.5  # of a single output, and of fixation
NEAR = math.radians(36)  # directions that are no farther from each other are one
LAST = 4  # steps of a phase that are asked


def right(outputs: Tensor, targets: Tensor, weights: Tensor) -> float:
    """Share of the asked steps at which the largest output is that of the largest target.

    A single output says yes above .5, as does its target.
    """
    if outputs.shape[-1] == 1:
        same = ((outputs > THRESHOLD) == (targets > THRESHOLD))[..., 0]
    else:
        same = outputs.argmax(-1) == targets.argmax(-1)
    return float((_shares(weights) * same).sum(1).mean())


def direction(outputs: Tensor, targets: Tensor, weights: Tensor) -> float:
    """Share of trials whose response is right: outputs are fixation, cosine and sine of a direction.

    G. R. Yang et al., Task representations in neural networks trained to perform many cognitive tasks, Nature
    Neuroscience 22, 2019, doi 10.1038/s41593-018-0310-2. A phase is a run of steps that are asked; the last one is the
    response. The mean over its last four steps is right where fixation is above .5 and should be, or is not and should
    not be, with the direction within 36 degrees of the target's. The mean fixation over the last four steps of the
    phase before, if there is one, must be above .5. Of a shorter phase all steps are meant.
    """
    asked, step = weights.numpy() > 0, np.arange(weights.shape[1])
    said, meant = outputs.numpy(), targets.numpy()
    begins = asked.copy()
    begins[:, 1:] &= ~asked[:, :-1]
    response = _last(begins, step)
    answer, wanted = (_end(values, response, _last(asked, step)) for values in (said, meant))
    fixating, should = answer[:, 0] > THRESHOLD, wanted[:, 0] > THRESHOLD
    apart = np.arctan2(answer[:, 2], answer[:, 1]) - np.arctan2(wanted[:, 2], wanted[:, 1])
    near = np.cos(apart) > math.cos(NEAR)
    earlier = step < response[:, None]
    before, until = _last(begins & earlier, step), _last(asked & earlier, step)
    kept = (_end(said[..., :1], before, until)[:, 0] > THRESHOLD) | (until < 0)
    return float((np.where(should, fixating, ~fixating & near) & kept).mean())


def r2(outputs: Tensor, targets: Tensor, weights: Tensor) -> float:
    """Share of the targets' variance that is explained, over all outputs; below 0 where their mean would be better.

    Targets that never vary give 1 if they are met exactly, else 0.
    """
    shares, outputs, targets = _shares(weights)[..., None], outputs.double(), targets.double()
    mean = (shares * targets).sum((0, 1)) / len(targets)
    wrong = float((shares * (outputs - targets).square()).sum())
    asked = targets[weights > 0]
    if bool((asked == asked[:1]).all()):
        return float(wrong == 0)
    return 1 - wrong / float((shares * (targets - mean).square()).sum())


def smape(outputs: Tensor, targets: Tensor, weights: Tensor) -> float:
    """1 - sMAPE / 200, sMAPE being 200 |z - y| / (|z| + |y|) on average: the error of NeuroBench, higher being better.

    Where output and target are both 0 there is no error.
    """
    outputs, targets = outputs.double(), targets.double()
    size = outputs.abs() + targets.abs()
    wrong = torch.where(size > 0, (outputs - targets).abs() / size, 0).mean(-1)
    return 1 - float((_shares(weights) * wrong).sum(1).mean())


def roc(outputs: Tensor, targets: Tensor, weights: Tensor) -> float:
    """Probability that an output is larger at a step with its target above .5 than at one without; ties count half.

    The mean over outputs; one whose target is always above .5, or never, says nothing and is left out. .5 if all are.
    """
    shares = _shares(weights)
    rows = shares > 0
    shares = shares[rows]
    areas = []
    for output, target in zip(outputs[rows].T, targets[rows].T, strict=True):
        places, levels = torch.unique(output, return_inverse=True)
        yes, no = (
            torch.zeros(len(places), dtype=torch.double, device=shares.device).index_add_(0, levels, shares * kind)
            for kind in (target > THRESHOLD, target <= THRESHOLD)
        )
        if yes.sum() > 0 and no.sum() > 0:
            below = no.cumsum(0) - no / 2
            areas.append(float((yes * below).sum() / (yes.sum() * no.sum())))
    return sum(areas) / len(areas) if areas else 0.5


SCORES: dict[str, Score] = {"right": right, "direction": direction, "r2": r2, "smape": smape, "roc": roc}

BOUNDED = frozenset(SCORES)
"""Scores whose best is 1; one of a plug-in may have another, or none."""


def _shares(weights: Tensor) -> Tensor:
    """Weights [B, T] that add up to 1 for every sample."""
    weights = weights.double()
    return weights / weights.sum(1, keepdim=True)


def _last(marked: NDArray[np.bool_], step: Ints) -> Ints:
    """Last of the marked steps [B] of marks [B, T]; -1 where there is none."""
    return np.asarray(np.where(marked, step, -1).max(1))


def _end(values: NDArray[Any], begin: Ints, end: Ints) -> NDArray[np.float64]:
    """Mean [B, O] of values [B, T, O] over the last ``LAST`` steps from ``begin`` to ``end``, both [B] and included."""
    steps = end[:, None] - np.arange(LAST)
    within = (steps >= begin[:, None]) & (steps >= 0)
    chosen = values[np.arange(len(values))[:, None], np.maximum(steps, 0)] * within[..., None]
    mean: NDArray[np.float64] = chosen.sum(1, dtype=np.float64) / np.maximum(within.sum(1, keepdims=True), 1)
    return mean
