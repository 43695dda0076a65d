"""A gating network that draws: a control. Knows nothing of its inputs but how to tell them apart.

Shares are drawn evenly from all that sum to one, so that every expert is as often the best. What is drawn for a sample
follows from its counts by a hash: the same sample always goes to the same expert, nothing that is asked changes
anything, and the input spikes, which follow from the run's seed, are the only source of chance. A chip would draw
without listening, so it counts as listening to nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.model.gating.densities.mixture import class_shares
from smalti.model.gating.features import checked_counts, like
from smalti.model.gating.networks.stateless import StatelessGating

Words = NDArray[np.uint64]


class RandomGating(StatelessGating):
    """Random shares per sample; implements ``GatingNetwork``."""

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E]: shares of independent exponential draws; ValueError without experts."""
        return like(counts, self._shares(counts))

    def class_scores(self, counts: Tensor) -> Tensor:
        """log p(class | x) [B, classes]: an expert's share, split evenly among its classes."""
        return like(counts, class_shares(self._shares(counts), self.classes, self.assignment))

    def _shares(self, counts: Tensor) -> Tensor:
        if not self.assignment.experts:
            raise ValueError("no expert to score: assign classes to an expert first")
        words = checked_counts(counts, self.features).contiguous().numpy().view(np.uint64)
        places = _mixed(np.arange(self.features, dtype=np.uint64)) | np.uint64(1)
        sample = _mixed((words * places).sum(1, dtype=np.uint64))
        expert = _mixed(np.array(self.assignment.experts, dtype=np.uint64))
        bits = _mixed(sample[:, None] ^ expert)
        uniform = ((bits >> np.uint64(11)) + 0.5) * 2.0**-53
        return torch.from_numpy(np.log(-np.log1p(-uniform))).log_softmax(1)


def _mixed(words: Words) -> Words:
    """The output function of splitmix64 (Steele, Lea & Flood 2014): changes half of the bits for any that changes."""
    z = words + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = z ^ (z >> np.uint64(31))
    return mixed
