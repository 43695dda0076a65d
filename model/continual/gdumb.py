"""GDumb (Prabhu, Torr, Dokania 2020, ECCV): store greedily, train from scratch on what is stored.

As published, nothing is learned while samples arrive, and the network for the classes so far is trained from scratch on
the buffer alone. Here an experience's samples are told to the buffer first, and its rounds are that training, so that
it has the budget of every other method. From scratch: every device gets the weight with which it was laid, and the
optimiser starts fresh.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from smalti.model.continual import buffer
from smalti.model.continual.method import Method, Task
from smalti.model.continual.options import ContinualOptions
from smalti.model.network import Network
from smalti.model.optimiser import Moments


class Gdumb(Method):
    """Keeps ``capacity`` samples, and the first weight of every device in place of a seed."""

    recalls: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __init__(self, options: ContinualOptions, network: Network, moments: Moments) -> None:
        super().__init__(options, network, moments)
        self.notes = buffer.empty()
        self.devices["first"] = torch.zeros_like(network.state.weight, requires_grad=False)

    @property
    def stored_values(self) -> int:
        """Numbers that the stored samples consist of, with their classes, and the first weights."""
        return buffer.stored_values(self.notes) + int(self.network.state.mask.sum())

    def begin_task(self, task: Task) -> None:
        """Tell the buffer the task's samples, start from scratch."""
        self.notes = buffer.store(self.notes, task, "balanced", self.options.capacity)
        self.forget(self.moments.count == 0)
        state = self.network.state
        learns = state.mask & ~state.frozen
        with torch.no_grad():
            state.weight.copy_(torch.where(learns, self.devices["first"], state.weight))
        self.moments.reset(learns)
        self.moments.norm.zero_()

    def recall(self, count: int, chance: np.random.Generator) -> Tensor:
        """A minibatch of the buffer."""
        return buffer.draw(self.notes, count, chance)

    def forget(self, devices: Tensor) -> None:
        """Note the weights with which devices have been laid."""
        self.devices["first"] = torch.where(devices, self.network.state.weight.detach(), self.devices["first"])
