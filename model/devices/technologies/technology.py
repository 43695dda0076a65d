"""What a technology of memristive devices is: how a conductance comes out, changes and reads. One signature for all.

Conductances are in uS and times in seconds; tensors are [2, D], positive and negative device of D pairs. Draws are
standard normal numbers of that shape, given from outside, so that a technology has no random numbers of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from smalti.model.devices.options import DevicesOptions


class Technology(Protocol):
    """How devices of one kind behave."""

    @property
    def lowest(self) -> float:
        """Least conductance of its range."""

    @property
    def highest(self) -> float:
        """Greatest conductance of its range."""

    @property
    def exact(self) -> bool:
        """Whether devices are what they were programmed to, for ever."""

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """Conductances right after they were programmed.

        Args:
            target: wanted conductances.
            largest: conductance, above the lowest, of the largest weight in use [D], or one for all.
            draw: of the programming error.
        """

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """The same, and later.

        Args:
            target, programmed: as above.
            age: seconds since then [D], above 0.
            draw: of what makes devices drift differently, the same at every age.
        """

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """Standard deviation of a single reading; None for no read noise."""


Maker = Callable[[DevicesOptions], Technology]
