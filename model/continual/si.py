"""Synaptic intelligence (Zenke, Poole, Ganguli 2017, arXiv 1703.04200): importance from the path that training took.

    path[k]       -= g[k] dw[k]                                  in every step of a task
    importance[k] += max(0, path[k] / (moved[k]^2 + xi))         when it ends; moved[k] is the sum of dw[k]
    penalty        = c  sum over devices k of importance[k] (w[k] - a[k])^2

g is the gradient of the task's objective (cross-entropy and the penalty on high rates) without this penalty, dw the
move that the optimiser made, a the weights at the end of the latest task. A negative importance would push weights
away; it counts as 0, as in the authors' code.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from smalti.model.continual.method import Method, Task

KNOWN = ("path", "moved", "importance", "anchor")
DAMPING = 0.001  # xi, added to the squared move


class Si(Method):
    """Keeps four numbers of every device."""

    holds: ClassVar[bool] = True
    _before: Tensor  # weights before the step in hand [K, R, n]

    def begin_task(self, task: Task) -> None:
        """A new path begins."""
        blank = torch.zeros_like(self.network.state.weight, requires_grad=False)
        for name in KNOWN:
            if name in ("path", "moved") or name not in self.devices:
                self.devices[name] = blank.clone()

    def penalty(self, weight: Tensor) -> Tensor | None:
        """See the module."""
        pull = self.devices["importance"] * (weight - self.devices["anchor"]).square()
        return self.options.si_strength * pull.sum()

    def before_step(self, weight: Tensor) -> None:
        """Note where the step begins."""
        self._before = weight.detach().clone()

    def after_step(self, weight: Tensor, gradient: Tensor) -> None:
        """Go along the path."""
        move = weight.detach() - self._before
        self.devices["path"].sub_(gradient * move)
        self.devices["moved"].add_(move)

    def end_task(self, task: Task) -> None:
        """Add the importance for this task, move the anchor."""
        known = self.devices
        known["importance"] += (known["path"] / (known["moved"].square() + DAMPING)).clamp(min=0)
        known["anchor"].copy_(self.network.state.weight.detach())
