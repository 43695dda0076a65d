"""Online elastic weight consolidation (Schwarz et al. 2018, arXiv 1805.06370): one penalty for all tasks so far.

    penalty = lambda / 2  sum over devices k of F[k] (w[k] - a[k])^2,    F <- gamma F + F of the task that ends

a are the weights at the end of the latest task; F is as in ``ewc``. With gamma < 1 older tasks fade.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from smalti.model.continual.ewc import information
from smalti.model.continual.method import Method, Task


class EwcOnline(Method):
    """Keeps two numbers of every device."""

    holds: ClassVar[bool] = True

    def penalty(self, weight: Tensor) -> Tensor | None:
        """See the module."""
        if not self.devices:
            return None
        pull = self.devices["fisher"] * (weight - self.devices["anchor"]).square()
        return self.options.ewc_strength / 2 * pull.sum()

    def end_task(self, task: Task) -> None:
        """Add the task's Fisher information to what is left of the earlier ones, move the anchor."""
        fresh = information(self, task)
        self.devices["fisher"] = self.options.ewc_decay * self.devices.get("fisher", 0) + fresh
        self.devices["anchor"] = self.network.state.weight.detach().clone()
