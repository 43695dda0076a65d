"""How often every device was programmed: the writes of a round, and what each device has had of its endurance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.storage import copy_into


class Wear:
    """Counts writes.

    Args:
        like: devices [K, R, n], of any type.
    """

    def __init__(self, like: Tensor) -> None:
        self.counts = torch.zeros_like(like, dtype=torch.int32, requires_grad=False)  # [K, R, n] writes of each
        self._writes = 0  # of the round in hand
        self._steps: tuple[Tensor, int] | None = None  # devices that learn, and steps of them not yet counted

    def begin(self) -> None:
        """A round begins."""
        self._settle()
        self._writes = 0

    @property
    def writes(self) -> int:
        """Of the round in hand."""
        self._settle()
        return self._writes

    @property
    def most(self) -> int:
        """Writes of the device that has had most."""
        self._settle()
        return int(self.counts.max())

    def step(self, devices: Tensor) -> None:
        """All devices of a mask [K, R, n] were programmed once; counting waits for another mask."""
        if self._steps is None or self._steps[0] is not devices:
            self._settle()
            self._steps = devices, 0
        self._steps = devices, self._steps[1] + 1

    def add(self, places: Tensor, times: Tensor) -> None:
        """Devices in the crossbars laid flat [D] were programmed so many times [D]; each place stands there once."""
        self.counts.view(-1).index_add_(0, places, times)
        self._writes += int(times.sum())

    def remember(self) -> Callable[[], None]:
        """What gives back the counts as they are now."""
        self._settle()
        counts, writes = self.counts.clone(), self._writes

        def restore() -> None:
            self.counts.copy_(counts)
            self._writes, self._steps = writes, None

        return restore

    def _settle(self) -> None:
        if self._steps is not None:
            devices, steps = self._steps
            self.counts.add_(devices, alpha=steps)
            self._writes += steps * int(torch.count_nonzero(devices))
            self._steps = None

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        self._settle()
        return {"writes": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: it is missing or of another shape.
        """
        copy_into({"writes": self.counts}, state, "memristors")
