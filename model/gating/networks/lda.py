"""Streaming linear discriminant analysis on input spike counts (Hayes & Kanan 2020, arXiv 1909.01520).

One mean m_c a class and one covariance S shared by all, the pooled covariance within classes. It follows from the
number and sum of every class and the sum of all outer products, which are added up in float64, so that many batches
give what one gives (the paper updates S by each sample's difference from the mean at hand, weighted by the number of
all samples; that is close to the pooled covariance, not equal). S is shrunk towards the mean variance,

    S' = (1 - e) S + e (tr S / F) I,      log density = -1/2 (f - m_c)^T S'^-1 (f - m_c) + a constant of all classes,

for spike counts have channels that hardly ever vary: the paper's e = 1e-4 towards I is for features of a deep network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.gating.densities.density import FLOOR
from smalti.model.gating.networks.prototype import PrototypeGating
from smalti.model.gating.options import GatingOptions

SHRINKAGE = 0.1
"""e; on held-out digits (four random splits, not those of the stream) 1e-4 to .1 are level, .5 is worse."""


class LdaGating(PrototypeGating):
    """Class means in the metric of the covariance within classes; implements ``GatingNetwork``."""

    def __init__(self, options: GatingOptions, features: int) -> None:
        super().__init__(options, features)
        self._scatter = torch.zeros((features, features), dtype=torch.float64)  # sum of outer products
        self._factor: Tensor | None = None  # [F, F] lower Cholesky factor of S'; None when out of date

    @property
    def stored_values(self) -> int:
        """What a prototype keeps, and the outer products and the factor [F, F] of all classes together."""
        return super().stored_values + 2 * self.features**2

    def covariance(self) -> Tensor:
        """S' [F, F]; its mean variance is at least that of ``density.FLOOR``."""
        count = sum(known.count for known in self._classes.values())
        within = self._scatter.clone()
        for known in self._classes.values():
            within -= torch.outer(known.total, known.total) / known.count
        within /= max(count, 1)
        variance = max(float(within.diagonal().mean()), FLOOR)
        return (1.0 - SHRINKAGE) * within + SHRINKAGE * variance * torch.eye(self.features, dtype=torch.float64)

    def state_dict(self) -> dict[str, Tensor]:
        """Statistics and assignment as tensors."""
        return super().state_dict() | {"scatter": self._scatter.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if it does not fit, and nothing changes then."""
        super().load_state_dict(state)
        self._scatter, self._factor = state["scatter"].clone(), None

    def _metric(self, f: Tensor) -> Tensor:
        if self._factor is None:
            self._factor = torch.linalg.cholesky(self.covariance())
        whitened: Tensor = torch.linalg.solve_triangular(self._factor, f.T, upper=False)
        return whitened.T

    def _absorb(self, f: Tensor) -> None:
        self._scatter.addmm_(f.T, f)
        self._factor = None
