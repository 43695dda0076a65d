"""What every continual-learning method offers, and the plain training that does without. Knows no stream and no agents.

A method is called in this order: ``begin_task``; then for every step ``recall``, ``loss`` and ``penalty``,
``before_step``, ``correct``, ``after_step``; at last ``end_task``. Before every round ``forget`` names the devices that
growth or rewiring has laid or removed since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from smalti.model.continual.options import ContinualOptions
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.probe import Probe

ENTRY = 3  # numbers that name a stored sample: its task, its row among that task's training samples, its class


@dataclass(frozen=True)
class Task:
    """A task as a method sees it."""

    number: int
    labels: Tensor  # [S] int: classes of its training samples
    values: int  # numbers that a sample consists of
    old: Tensor  # [G, O] bool: outputs of each label set that is told apart within itself, known before the task
    probe: Callable[[Tensor], Probe]  # rows [B] of training samples -> their spikes and adjoints, freshly drawn
    answers: Callable[[], Tensor]  # logits [S, O] or outputs [S, T, O] of all training samples, as the network is now
    chance: np.random.Generator  # random numbers of this call


class Method:
    """Plain training: keeps nothing. Methods override what they need.

    Args:
        options: constants of the method.
        network, moments: what is trained.
    """

    recalls: ClassVar[bool] = False  # whether samples of other tasks return, for which one expert must serve all
    alone: ClassVar[bool] = False  # whether nothing but recalled samples is trained on
    holds: ClassVar[bool] = False  # whether it only keeps tasks whose devices others train, too

    def __init__(self, options: ContinualOptions, network: Network, moments: Moments) -> None:
        self.options, self.network, self.moments = options, network, moments
        self.devices: dict[str, Tensor] = {}  # [K, R, n] each: what is known of devices; moves along with neurons
        self.notes: dict[str, Tensor] = {}  # what else is kept

    @property
    def stored_values(self) -> int:
        """Numbers held in memory now: one for each device in use and what is known of it, and all notes."""
        held = len(self.devices) * int(torch.count_nonzero(self.network.state.mask)) if self.devices else 0
        return held + sum(note.numel() for note in self.notes.values())

    def begin_task(self, task: Task) -> None:
        """Before the first step of a task."""

    def recall(self, count: int, chance: np.random.Generator) -> Tensor:
        """Stored samples to train on beside ``count`` new ones [M, ENTRY] int."""
        return torch.empty(0, ENTRY, dtype=torch.int64)

    def loss(self, logits: Tensor, rows: Tensor) -> Tensor | None:
        """Added to the loss; from logits [B, O], or outputs [B, T, O], of the training samples in these rows [B]."""
        return None

    def penalty(self, weight: Tensor) -> Tensor | None:
        """Added to the loss, nats; from the weights [K, R, n]. Its gradient is taken apart from that of the loss."""
        return None

    def before_step(self, weight: Tensor) -> None:
        """Told the weights [K, R, n] before a step of the optimiser."""

    def correct(self, weight: Tensor) -> None:
        """May change the weights [K, R, n] that the optimiser has moved, before devices take them."""

    def after_step(self, weight: Tensor, gradient: Tensor) -> None:
        """Told the weights [K, R, n] after it, and the gradient [K, R, n] of all but ``penalty``."""

    def end_task(self, task: Task) -> None:
        """After the last step of a task."""

    def forget(self, devices: Tensor) -> None:
        """Let go of all that is known of these devices [K, R, n] bool: they have been laid or removed since."""
        for known in self.devices.values():
            known.masked_fill_(devices, 0)

    def state_dict(self) -> dict[str, Tensor]:
        """All that is kept; ``load_state_dict`` of the same options continues bit for bit."""
        named = {"devices": self.devices, "notes": self.notes}
        return {f"{kind}.{name}": value for kind, known in named.items() for name, value in known.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""
        self.devices, self.notes = {}, {}
        for key, value in state.items():
            kind, name = key.split(".", 1)
            known = self.devices if kind == "devices" else self.notes
            known[name] = value.detach().clone().to(self.network.device)
