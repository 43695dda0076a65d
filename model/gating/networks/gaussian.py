"""A gating network that keeps one Gaussian per class. Knows no replay: it stores sums, never samples.

Features are f = sqrt(spike count), which makes the variance of counts nearly constant. Counts, sums and outer
products of a class are added up in float64 (``densities.scatter``), so what is learned in many batches equals what
is learned in one; eigenpairs are computed when scores are asked for, and only for classes that changed. An expert's
score is the logsumexp over its classes, a mixture with equal priors (compare SEED, Rypesc et al., ICLR 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.density import Fit, Terms, kept_rank, noise_floor, terms
from smalti.model.gating.densities.mixture import check_state, expert_scores
from smalti.model.gating.densities.scatter import Scatter, fresh_scatter, scatter_values
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.novelty_scale import NoveltyScale, novelty_of
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears, Kept


@dataclass(kw_only=True)
class _Class:
    """Sufficient statistics of one class, float64."""

    scatter: Scatter
    novelty_scale: NoveltyScale
    fit: Fit | None = None  # None when out of date


@dataclass(frozen=True, kw_only=True)
class _Common:
    """What the densities of all C classes have in common, or differ by whatever the sample."""

    floor: float  # h
    fits: dict[int, Fit]  # by class, ascending
    wide: list[int]  # directions of each with a variance above h
    offset: Tensor  # [C] sum log(lambda' / h)


class GaussianGating:
    """Per-class low-rank Gaussians over input spike counts; implements ``GatingNetwork``.

    Densities: ``gating.densities.density``. Novelty: ``gating.novelty_scale``. Each class is scored by itself, so
    that what it says of samples that are asked about again can be kept (``KeepsTerms``).
    """

    hears: Hears = "inputs"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        self.rank = kept_rank(options.rank, features)  # r
        self.assignment = Assignment()
        self._classes: dict[int, _Class] = {}
        self._common: _Common | None = None
        self._said: tuple[Tensor, int, Tensor] | None = None  # counts, their version, log densities: the last asked for

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._classes))

    @property
    def class_means(self) -> Tensor:
        """Means of f [classes, F] float64."""
        known = [self._classes[c].scatter for c in self.classes]
        means = [scatter.total / scatter.count for scatter in known]
        return torch.stack(means) if means else torch.zeros((0, self.features), dtype=torch.float64)

    @property
    def stored_values(self) -> int:
        """Sums, outer products, fit and novelty_scale of every class: grows with classes, not with samples."""
        statistics = scatter_values(self.features, self.options.rank)
        density = self.features + self.features * self.rank + self.rank + 1
        return len(self._classes) * (statistics + 2 * density + 4) + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """For each class: centring, r projections, two sums of squares, their combination, the logsumexp."""
        return len(self._classes) * (2 * self.features + self.rank * (self.features + 1) + 3)

    @property
    def multiplications_per_sample(self) -> int:
        """For each class: r projections, two sums of squares, the r gains, the division by the floor."""
        return len(self._classes) * (self.features * (self.rank + 1) + 2 * self.rank + 1)

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Add counts [B, F] of labelled samples [B] int to their classes. The task is not used.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        f = checked_counts(counts, self.features).sqrt()
        labels = checked_labels(labels, len(f))
        for c in torch.unique(labels).tolist():
            if c not in self._classes:
                self._classes[c] = self._new_class()
            self._absorb(self._classes[c], f[labels == c])
        self._common = self._said = None

    def _new_class(self) -> _Class:
        n, r = self.features, self.rank
        mean, basis, values = (torch.zeros(shape, dtype=torch.float64) for shape in (n, (n, r), r))
        novelty_scale = NoveltyScale(mean=mean, basis=basis, values=values)
        return _Class(scatter=fresh_scatter(n, self.options.rank), novelty_scale=novelty_scale)

    def _absorb(self, known: _Class, f: Tensor) -> None:
        known.novelty_scale.measure(f)  # before the samples are learned
        known.scatter.add(f)
        known.fit, count = None, known.scatter.count
        if known.novelty_scale.due(count):
            known.novelty_scale.renew(self._fitted(known), count, self.options.shrink_within)

    def _fitted(self, known: _Class) -> Fit:
        if known.fit is None:
            known.fit = known.scatter.fit(self.options.rank)
        return known.fit

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] up to a constant for counts [B, F]; ValueError while there is none."""
        return like(counts, self._density(counts))

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F].

        An expert none of whose classes has been observed scores -inf; if that is so for all, all score alike.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        density = self._density(counts) if self._classes else checked_counts(counts, self.features)[:, :0]
        return like(counts, expert_scores(density / self.options.temperature, self.classes, self.assignment))

    def recall(self, counts: Tensor, kept: dict[int, Kept]) -> None:
        """Work out log densities of counts [B, F], with what was kept of the same counts by class."""
        common, f = self._in_common(), None
        said = []
        for (label, fit), wide in zip(common.fits.items(), common.wide, strict=True):
            known = kept.get(label)
            if not isinstance(known, Terms) or known.fit() is not fit or known.wide != wide:
                f = checked_counts(counts, self.features).sqrt() if f is None else f
                known = kept[label] = terms(f, fit, wide)
            said.append(known)
        beyond, along = (torch.stack([getattr(one, name) for one in said], 1) for name in ("beyond", "along"))
        self._said = counts, counts._version, -0.5 * (beyond / common.floor + along + common.offset)

    def _density(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] float64; the same tensor is mostly asked about twice in a row."""
        if self._said is None or self._said[0] is not counts or self._said[1] != counts._version:
            self.recall(counts, {})
        assert self._said is not None
        return self._said[2]

    def novelty(self, counts: Tensor) -> float:
        """Batch mean of min over classes of (M(f) - mu) / s, for counts [B, F]: ``novelty_scale.novelty_of``.

        M is the Mahalanobis distance under the class's novelty_scale.

        Raises:
            ValueError: the batch is empty, or counts are refused.
        """
        f = checked_counts(counts, self.features).sqrt()
        novelty_scales = [known.novelty_scale for known in self._classes.values()]
        return novelty_of(novelty_scales, [y.distance(f) for y in novelty_scales], len(f))

    def _in_common(self) -> _Common:
        if self._common is None:
            if not self._classes:
                raise ValueError("the gating network has observed nothing yet; call observe first")
            known = [self._classes[c] for c in self.classes]
            fits = [self._fitted(k) for k in known]
            floor = noise_floor(fits, [k.scatter.count for k in known], self.options.shrink_within)
            values = torch.stack([fit.values for fit in fits])  # [C, r], the largest first
            offset = (values.clamp_min(floor) / floor).log().sum(1)
            wide = (values > floor).sum(1).tolist()
            self._common = _Common(
                floor=floor, fits=dict(zip(self.classes, fits, strict=True)), wide=wide, offset=offset
            )
        return self._common

    def state_dict(self) -> dict[str, Tensor]:
        """Statistics, novelty_scales and assignment as tensors, classes ascending along the first axis."""
        known = [self._classes[c] for c in self.classes]
        yards = [k.novelty_scale for k in known]
        counts = [[k.scatter.count, y.count, y.measured] for k, y in zip(known, yards, strict=True)]
        moments = [[y.floor, y.sum1, y.sum2] for y in yards]
        n, r = self.features, self.rank
        scatters = [k.scatter.state_dict() for k in known]
        blank = fresh_scatter(n, self.options.rank).state_dict()
        kept = {name: _rows([one[name] for one in scatters], *value.shape) for name, value in blank.items()}
        return (
            self.assignment.state_dict()
            | kept
            | {
                "classes": torch.tensor(self.classes, dtype=torch.int64),
                "counts": torch.tensor(counts, dtype=torch.int64).reshape(-1, 3),
                "totals": _rows([k.scatter.total for k in known], n),
                "novelty_scale_means": _rows([y.mean for y in yards], n),
                "novelty_scale_bases": _rows([y.basis for y in yards], n, r),
                "novelty_scale_values": _rows([y.values for y in yards], r),
                "novelty_scale_moments": torch.tensor(moments, dtype=torch.float64).reshape(-1, 3),
            }
        )

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: a tensor is missing or is of another number of features or rank; nothing changes then.
        """
        check_state("gaussian", state, self.state_dict())
        shape = tuple(state["novelty_scale_bases"].shape[1:])
        if shape != (self.features, self.rank):
            raise ValueError(
                f"the state has (features, rank) = {shape}, the network {(self.features, self.rank)}; "
                "load it with the stream, gating.windows and gating.rank it was saved with"
            )
        self.assignment.load_state_dict(state)
        self._classes = {c: self._class_from(state, i) for i, c in enumerate(state["classes"].tolist())}
        self._common = self._said = None

    def _class_from(self, state: dict[str, Tensor], i: int) -> _Class:
        count, fitted, measured = (int(v) for v in state["counts"][i])
        floor, sum1, sum2 = (float(v) for v in state["novelty_scale_moments"][i])
        novelty_scale = NoveltyScale(
            mean=state["novelty_scale_means"][i].clone(),
            basis=state["novelty_scale_bases"][i].clone(),
            values=state["novelty_scale_values"][i].clone(),
            floor=floor,
            count=fitted,
            measured=measured,
            sum1=sum1,
            sum2=sum2,
        )
        scatter = fresh_scatter(self.features, self.options.rank)
        scatter.count, scatter.total = count, state["totals"][i].clone()
        scatter.load_state_dict({name: state[name][i] for name in scatter.state_dict()})
        return _Class(scatter=scatter, novelty_scale=novelty_scale)


def _rows(tensors: list[Tensor], *shape: int) -> Tensor:
    return torch.stack(tensors) if tensors else torch.zeros((0, *shape), dtype=torch.float64)
