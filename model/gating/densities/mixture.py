"""From scores of classes to scores of experts, and the check of a state. Knows no density."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import Tensor, cat, full, tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.options import Choice
from smalti.model.gating.protocol import GatingNetwork

NOBODY = -1  # number of no expert
UNKNOWN = -1e9  # stands for the log density of a class that the gating network has not met


def expert_scores(density: Tensor, classes: Sequence[int], assignment: Assignment) -> Tensor:
    """log p(expert | x) [B, E]: the logsumexp over an expert's classes, a mixture with equal priors, normalised.

    An expert none of whose classes is among ``classes`` scores -inf; if that is so for all, all score alike.

    Args:
        density: log densities [B, C], of which a common constant does not matter.
        classes: classes of its columns.
        assignment: who serves which class.

    Raises:
        ValueError: no expert has been assigned.
    """
    experts, expert_of = assignment.experts, assignment.expert_of
    if not experts:
        raise ValueError("no expert to score: assign classes to an expert first")
    if not any(expert_of.get(c) in experts for c in classes):
        return full((len(density), len(experts)), -math.log(len(experts)), dtype=density.dtype)
    mixed = _by_expert(density, classes, assignment, -math.inf).logsumexp(2)  # [B, E]
    return mixed.log_softmax(1)


def _by_expert(density: Tensor, classes: Sequence[int], assignment: Assignment, without: float) -> Tensor:
    """Log densities [B, C] by expert [B, E, most classes of an expert], filled up with a number."""
    columns: dict[int, list[int]] = {expert: [] for expert in assignment.experts}
    for column, label in enumerate(classes):
        columns.get(assignment.expert_of.get(label, NOBODY), []).append(column)
    most = max(1, *map(len, columns.values()))
    beyond = density.new_full((len(density), 1), without)
    table = tensor([own + [len(classes)] * (most - len(own)) for own in columns.values()])
    return cat([density, beyond], 1)[:, table]


def ranked(gate: GatingNetwork, choose: Choice, scores: Tensor, density: Callable[[], Tensor]) -> Tensor:
    """What experts are ranked by [B, E]: their scores, or log densities of the most probable class of each.

    Args:
        gate: a gating network; one that knows no classes ranks by scores.
        choose: ``gating.choose``.
        scores: what it says of the experts [B, E].
        density: gives what it says of the classes [B, classes].
    """
    if choose == "expert" or not gate.classes:
        return scores
    return _by_expert(density().double(), gate.classes, gate.assignment, UNKNOWN).amax(2)


def class_shares(scores: Tensor, classes: Sequence[int], assignment: Assignment) -> Tensor:
    """log p(class | x) [B, C] where only experts are told apart: an expert's share, the same for each of its classes.

    Args:
        scores: log p(expert | x) [B, E].
        classes: classes of the columns that are wanted; -inf for those that no expert serves.
        assignment: who serves which class.
    """
    shares = full((len(scores), len(classes)), -math.inf, dtype=scores.dtype)
    for column, expert in enumerate(assignment.experts):
        mine = [i for i, c in enumerate(classes) if assignment.expert_of.get(c) == expert]
        shares[:, mine] = scores[:, column, None] - math.log(max(len(mine), 1))
    return shares


def check_state(name: str, state: Mapping[str, Tensor], required: Iterable[str]) -> None:
    """Whether a state has all tensors that a gating network wants; ValueError names what it lacks."""
    missing = sorted(set(required) - state.keys())
    if missing:
        raise ValueError(f"the state of a {name} gating network lacks {', '.join(missing)}")
