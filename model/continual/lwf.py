"""Learning without forgetting (Li and Hoiem 2016, arXiv 1606.09282): answers on old outputs are to stay as they were.

    loss = strength  sum over old label sets of T^2 KL(softmax(old / T) || softmax(new / T)),   mean over the minibatch

As published, the old answers are recorded once before the task, for its own training samples (here with one drawing
of their spikes, while training draws anew in every epoch). The published loss is the cross-entropy of the softened
answers, whose gradient is that of the Kullback-Leibler divergence; the factor T^2 is that of Hinton et al. 2015
(arXiv 1503.02531). Where answers are outputs at every step, the loss is their mean squared distance from the old ones.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from smalti.model.continual.method import Method, Task


class Lwf(Method):
    """Keeps one number for every training sample and output, while the task lasts."""

    holds: ClassVar[bool] = True

    def begin_task(self, task: Task) -> None:
        """Record what the network answers before it learns."""
        self.notes = {"answers": task.answers(), "old": task.old} if len(task.old) else {}

    def loss(self, logits: Tensor, rows: Tensor) -> Tensor | None:
        """See the module."""
        if not self.notes:
            return None
        before = self.notes["answers"][rows.to(logits.device)]
        if logits.dim() == 3:
            return self.options.lwf_strength * (logits - before).square().sum(2).mean()
        costs = [distillation(before[:, s], logits[:, s], self.options.lwf_temperature) for s in self.notes["old"]]
        return self.options.lwf_strength * torch.stack(costs).sum()

    def end_task(self, task: Task) -> None:
        """The answers have served."""
        self.notes = {}


def distillation(old: Tensor, new: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(old / T) || softmax(new / T)), mean over samples, of logits [B, O]; nats."""
    teacher, student = (old / temperature).log_softmax(1), (new / temperature).log_softmax(1)
    return temperature**2 * (teacher.exp() * (teacher - student)).sum(1).mean()
