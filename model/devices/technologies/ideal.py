"""Ideal devices: what is written is what is read, for ever. With ``devices.levels`` alone, weights are only rounded."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from smalti.model.devices.options import DevicesOptions


@dataclass(frozen=True)
class Ideal:
    """No error of any kind."""

    lowest: float = 0.0
    highest: float = 100.0
    exact: bool = True

    @staticmethod
    def of(options: DevicesOptions) -> Ideal:
        """Nothing to set."""
        return Ideal()

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """As wanted."""
        return target

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """As programmed."""
        return programmed

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """None."""
        return None
