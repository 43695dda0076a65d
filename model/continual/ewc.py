"""Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796), with one penalty for every task.

    penalty = lambda / 2  sum over tasks t, devices k of F[t, k] (w[k] - a[t, k])^2

F is the diagonal of the empirical Fisher information at the end of task t, a the weights then.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from smalti.model.continual.fisher import diagonal
from smalti.model.continual.method import Method, Task


class Ewc(Method):
    """Keeps two numbers of every device for every task."""

    holds: ClassVar[bool] = True

    def penalty(self, weight: Tensor) -> Tensor | None:
        """See the module."""
        tasks = len(self.devices) // 2
        pairs = ((self.devices[f"fisher.{t}"], self.devices[f"anchor.{t}"]) for t in range(tasks))
        costs = [(fisher * (weight - anchor).square()).sum() for fisher, anchor in pairs]
        return self.options.ewc_strength / 2 * torch.stack(costs).sum() if costs else None

    def end_task(self, task: Task) -> None:
        """Measure the Fisher information, drop the anchor."""
        number = len(self.devices) // 2
        self.devices[f"fisher.{number}"] = information(self, task)
        self.devices[f"anchor.{number}"] = self.network.state.weight.detach().clone()


def information(method: Method, task: Task) -> Tensor:
    """Fisher information [K, R, n] of at most ``ewc_samples`` training samples, drawn at random."""
    rows = task.chance.permutation(len(task.labels))[: method.options.ewc_samples]
    return diagonal(method.network, task.probe(torch.from_numpy(rows)))
