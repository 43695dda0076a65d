"""Class densities in every expert's own spikes, after SEED (Rypesc et al., ICLR 2024, arXiv 2401.10191).

Every expert k that was there when a class was learned holds a low-rank Gaussian of it over f = sqrt(spike counts of the
expert's hidden neurons). All experts run for a sample, and with log p_k(c) the log density of class c in expert k,

    share(c) = mean over the experts k that hold c of softmax over the classes that k holds of log p_k(c) / 3.

A class learned before expert k was founded has no density in it: no samples are kept to make one. When an expert is
trained again, what it held is forgotten, for its neurons have moved; classes of others that are held nowhere else are
not forgotten unnoticed. SEED also chooses which expert to train (the one whose classes overlap least); here every label
set has its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import check_state, expert_scores
from smalti.model.gating.features import checked_counts, checked_labels, like
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears

TEMPERATURE = 3.0
"""Divides log densities, as in the paper; ``gating.temperature`` has no say here."""


class SeedGating:
    """One ``GaussianGating`` of classes in each expert's space; implements ``ExpertListener``.

    Args:
        options: rank and noise floor of the Gaussians.
        features: of the inputs, which are not heard.
    """

    hears: Hears = "experts"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.assignment = Assignment()
        self._spaces: dict[int, GaussianGating] = {}  # by expert, in the order of the columns

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes that at least one expert holds, ascending."""
        return tuple(sorted({c for space in self._spaces.values() for c in space.classes}))

    @property
    def widths(self) -> Mapping[int, int]:
        """Experts that are heard, in the order of the columns, and the hidden neurons of each."""
        return {expert: space.features for expert, space in self._spaces.items()}

    @property
    def stored_values(self) -> int:
        """Those of the Gaussians, and the assignment."""
        spaces = sum(space.stored_values for space in self._spaces.values())
        return spaces + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """Those of the Gaussians, and one for each class and expert to average."""
        return sum(space.adds_per_sample + len(space.classes) for space in self._spaces.values())

    @property
    def multiplications_per_sample(self) -> int:
        """Those of the Gaussians, and a share of each class and expert."""
        return sum(space.multiplications_per_sample + len(space.classes) for space in self._spaces.values())

    def renew(self, widths: Mapping[int, int], trained: int | None) -> None:
        """Hear these experts from now on, and forget what was known in the space of the one just trained.

        Args:
            widths: hidden neurons of each expert, in the order of the columns; those without any are not heard.
            trained: the expert whose neurons have moved; None: nobody's have.

        Raises:
            ValueError: another expert has changed its number of neurons, or classes of others are held in the space of
                the one just trained alone: densities would be lost unnoticed. Nothing has changed then.
        """
        changed = {e for e, space in self._spaces.items() if e != trained and widths.get(e) != space.features}
        if changed:
            raise ValueError(
                f"experts {sorted(changed)} have other neurons than when they were heard, and their samples are gone; "
                "set gating.protect, or take a gating network that hears inputs"
            )
        lost = () if trained is None else self.hang_on(trained)
        if lost:
            raise ValueError(
                f"expert {trained} has been trained again, and by its neurons alone the classes {list(lost)} of other "
                "experts are told, whose samples are gone; take a gating network that hears inputs"
            )
        others = {e: space for e, space in self._spaces.items() if e != trained}
        self._spaces = {e: others.get(e) or GaussianGating(self.options, n) for e, n in widths.items() if n}

    def hang_on(self, expert: int) -> tuple[int, ...]:
        """Classes of other experts that are held in the space of this one alone, ascending."""
        held = {e: set(space.classes) for e, space in self._spaces.items()}
        here = held.pop(expert, set())
        own = {c for c, who in self.assignment.expert_of.items() if who == expert}
        return tuple(sorted(here - own - set[int]().union(*held.values())))

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Add counts [B, sum of widths] of labelled samples [B] int to their classes, in every space.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        parts = self._parts(counts)
        checked = checked_labels(labels, len(counts))
        for space, part in zip(self._spaces.values(), parts, strict=True):
            space.observe(part, checked, task)

    def class_scores(self, counts: Tensor) -> Tensor:
        """log of the shares [B, classes] for counts [B, sum of widths]; ValueError while nothing is observed."""
        if not self.classes:
            raise ValueError("the gating network has observed nothing yet; call renew and observe first")
        return like(counts, self._shares(counts))

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, sum of widths]: the sum of the shares of its classes.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        return like(counts, expert_scores(self._shares(counts), self.classes, self.assignment))

    def novelty(self, counts: Tensor) -> float:
        """Mean of the novelties in the experts' spaces (``GaussianGating.novelty``) that can tell; inf if none can."""
        parts = self._parts(counts)
        novelties = [space.novelty(part) for space, part in zip(self._spaces.values(), parts, strict=True)]
        finite = [value for value in novelties if math.isfinite(value)]
        return sum(finite) / len(finite) if finite else math.inf

    def state_dict(self) -> dict[str, Tensor]:
        """Widths, the state of every Gaussian and the assignment."""
        widths = torch.tensor(list(self.widths.items()), dtype=torch.int64).reshape(-1, 2)
        state = self.assignment.state_dict() | {"widths": widths}
        for expert, space in self._spaces.items():
            state |= {f"{expert}.{name}": value for name, value in space.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if it does not fit, and nothing changes then."""
        check_state("seed", state, ("experts", "assigned", "widths"))
        spaces = {expert: GaussianGating(self.options, width) for expert, width in state["widths"].tolist()}
        for expert, space in spaces.items():
            mine = f"{expert}."
            space.load_state_dict({k.removeprefix(mine): v for k, v in state.items() if k.startswith(mine)})
        self.assignment.load_state_dict(state)
        self._spaces = spaces

    def _parts(self, counts: Tensor) -> Sequence[Tensor]:
        """Counts [B, width] in the space of each expert, float64."""
        widths = list(self.widths.values())
        checked = checked_counts(counts, sum(widths))
        return torch.split(checked, widths, dim=1) if widths else []

    def _shares(self, counts: Tensor) -> Tensor:
        """log share(c) [B, C], of experts that hold classes."""
        classes, parts = self.classes, self._parts(counts)
        shares = torch.zeros((len(counts), len(classes)), dtype=torch.float64)
        holders = torch.zeros(len(classes), dtype=torch.float64)
        for space, part in zip(self._spaces.values(), parts, strict=True):
            if space.classes:
                columns = [classes.index(c) for c in space.classes]
                shares[:, columns] += (space.class_scores(part) / TEMPERATURE).softmax(1)
                holders[columns] += 1.0
        return (shares / holders).log()
