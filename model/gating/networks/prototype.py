"""A gating network that keeps one mean per class: nearest class mean, a control. Knows no covariance.

Features are f = sqrt(spike count), whose variance is about 1/4 if counts are Poisson, so that the log density of a
class is -1/2 |f - m|^2 / (1/4) up to a constant. Counts and sums of a class are added up in float64: what is learned
in many batches equals what is learned in one. What unseen samples measure (novelty) depends on the batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import check_state, expert_scores
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.novelty_scale import FIRST, Spread, novelty_of
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears

NOISE = 0.25
"""Variance of the square root of a Poisson count."""


@dataclass(kw_only=True)
class _Class:
    total: Tensor  # [F] sum of features, float64
    count: int = 0
    spread: Spread = field(default_factory=Spread)


class PrototypeGating:
    """Distances from class means; implements ``GatingNetwork``. ``lda`` measures them in another metric."""

    hears: Hears = "inputs"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        self.assignment = Assignment()
        self._classes: dict[int, _Class] = {}

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._classes))

    @property
    def class_means(self) -> Tensor:
        """Means of f = sqrt(counts) [classes, F] float64."""
        means = [self._classes[c].total / self._classes[c].count for c in self.classes]
        return torch.stack(means) if means else torch.zeros((0, self.features), dtype=torch.float64)

    @property
    def stored_values(self) -> int:
        """Number and sum of every class, three numbers for novelty, the assignment."""
        return len(self._classes) * (self.features + 4) + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """For each class: a product with its mean, an offset, the logsumexp."""
        return len(self._classes) * (self.features + 2)

    @property
    def multiplications_per_sample(self) -> int:
        """For each class: a product with its mean, which the metric has been applied to beforehand."""
        return len(self._classes) * self.features

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Add counts [B, F] of labelled samples [B] int to their classes. The task is not used.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        f = checked_counts(counts, self.features).sqrt()
        checked = checked_labels(labels, len(f))
        for c in torch.unique(checked).tolist():  # measured before anything is learned
            known = self._classes.get(c)
            if known is not None and known.count >= FIRST:
                known.spread.note(self._distances(f[checked == c])[:, self.classes.index(c)])
        for c in torch.unique(checked).tolist():
            fresh = torch.zeros(self.features, dtype=torch.float64)
            known = self._classes.setdefault(c, _Class(total=fresh))
            known.count += int((checked == c).sum())
            known.total += f[checked == c].sum(0)
        self._absorb(f)

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] up to a constant for counts [B, F]; ValueError while there is none."""
        f = checked_counts(counts, self.features).sqrt()
        if not self._classes:
            raise ValueError("the gating network has observed nothing yet; call observe first")
        return like(counts, -0.5 * self._distances(f))

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F]: ``mixture.expert_scores`` at ``gating.temperature``.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        f = checked_counts(counts, self.features).sqrt()
        density = -0.5 * self._distances(f) / self.options.temperature
        return like(counts, expert_scores(density, self.classes, self.assignment))

    def novelty(self, counts: Tensor) -> float:
        """Squared distances from the class means, in their own standard deviations: ``novelty_scale.novelty_of``."""
        f = checked_counts(counts, self.features).sqrt()
        spreads = [self._classes[c].spread for c in self.classes]
        return novelty_of(spreads, list(self._distances(f).T), len(f))

    def state_dict(self) -> dict[str, Tensor]:
        """Statistics and assignment as tensors, classes ascending along the first axis."""
        known = [self._classes[c] for c in self.classes]
        counts = [[k.count, k.spread.measured] for k in known]
        return self.assignment.state_dict() | {
            "classes": torch.tensor(self.classes, dtype=torch.int64),
            "counts": torch.tensor(counts, dtype=torch.int64).reshape(-1, 2),
            "totals": torch.cat([k.total[None] for k in known] or [torch.zeros((0, self.features)).double()]),
            "spreads": torch.tensor([[k.spread.sum1, k.spread.sum2] for k in known]).double().reshape(-1, 2),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: a tensor is missing or is of another number of features; nothing changes then.
        """
        check_state(self.options.network, state, self.state_dict())
        if state["totals"].shape[1] != self.features:
            raise ValueError(
                f"the state has {state['totals'].shape[1]} features, the network {self.features}; "
                "load it with the stream and gating.windows it was saved with"
            )
        self.assignment.load_state_dict(state)
        self._classes = {c: _class_from(state, i) for i, c in enumerate(state["classes"].tolist())}

    def _distances(self, f: Tensor) -> Tensor:
        """Squared distances [B, C] of features [B, F] from all class means, in the metric."""
        if not self._classes:
            return f[:, :0]
        means = self._metric(self.class_means)
        z = self._metric(f)
        squared = z.square().sum(1, keepdim=True) - 2.0 * z @ means.T + means.square().sum(1)
        return squared.clamp_min(0.0)

    def _metric(self, f: Tensor) -> Tensor:
        """Features [B, F] such that the class's noise has variance one."""
        return f / math.sqrt(NOISE)

    def _absorb(self, f: Tensor) -> None:
        """Take in what the metric depends on, of features [B, F] that are in the means already: here nothing."""


def _class_from(state: Mapping[str, Tensor], i: int) -> _Class:
    count, measured = (int(v) for v in state["counts"][i])
    sum1, sum2 = (float(v) for v in state["spreads"][i])
    spread = Spread(measured=measured, sum1=sum1, sum2=sum2)
    return _Class(total=state["totals"][i].clone(), count=count, spread=spread)
