"""Adaptation to what sounds or looks a little different throughout, without labels: one shift for all samples.

Stochastic matching (Sankar & Lee 1996, doi 10.1109/89.496215) in the space of features, with its simplest distortion, a
bias b: f = g + b, g being what the gating network knows. Estimated as there, by turns: the class of every sample f - b,
then b as the mean of f minus the mean of its class (hard assignment, unit covariance). Here f = sqrt(counts), and
f - b < 0 counts as 0. Where the samples are of known kind, b is their mean deviation from their classes: close to 0.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from smalti.model.gating.features import like

TURNS = 3


@runtime_checkable
class KeepsMeans(Protocol):
    """A gating network that can adapt."""

    @property
    def class_means(self) -> Tensor:
        """Means of f = sqrt(counts) of its classes [classes, F] float64."""
        ...

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities [B, classes] for counts [B, F]."""
        ...


def check_adaptable(gate: object, adapt: int, name: str) -> None:
    """ValueError if the gating network of a name is to adapt and keeps no means."""
    if adapt and not isinstance(gate, KeepsMeans):
        raise ValueError(
            f"gating.adapt = {adapt} needs class means, and gating.network = {name!r} keeps none; take gaussian, lda "
            "or prototype, or set it to 0"
        )


def adapted(gate: KeepsMeans, counts: Tensor, samples: int) -> Tensor:
    """Counts [B, F] less the shift that so many of them, drawn at random, have in common; labels are not needed."""
    f, means = counts.double().sqrt(), gate.class_means
    some = f[torch.randperm(len(f), generator=torch.Generator().manual_seed(0))[:samples]]
    shift = some.new_zeros(f.shape[1])
    for _ in range(TURNS):
        nearest = gate.class_scores((some - shift).clamp_min(0.0).square()).argmax(1)
        shift = (some - means[nearest]).mean(0)
    return like(counts, (f - shift).clamp_min(0.0).square())
