"""Elastic protection of experts: a pull to where their weights were when their task had ended, in place of freezing.

    penalty = stiffness / 2  sum over protected devices k of (w[k] - a[k])^2

in nats, with the same stiffness for all: the quadratic penalty that Kirkpatrick et al. 2017 (arXiv 1612.00796) compare
their Fisher-weighted one with. The limit of a stiffness that is infinite is freezing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.continual.method import Method


class Elastic(Method):
    """Keeps two numbers of every protected device; ``stiffness`` is set by whoever protects."""

    def hold(self, protected: Tensor, stiffness: float) -> None:
        """Protect these devices [K, R, n] bool, and no others: each is pulled to where it was when that began."""
        weight = self.network.state.weight.detach()
        blank = torch.zeros_like(weight)
        held = self.devices.get("stiffness", blank) > 0
        self.devices["anchor"] = torch.where(protected & ~held, weight, self.devices.get("anchor", blank))
        self.devices["stiffness"] = protected * torch.full_like(weight, stiffness)

    def penalty(self, weight: Tensor) -> Tensor | None:
        """See the module."""
        if not self.devices:
            return None
        return (self.devices["stiffness"] * (weight - self.devices["anchor"]).square()).sum() / 2
