"""The noise of the Mosaic: a Gaussian error of every weight, relative to the largest one.

    W = w + N(0, (s max |w|)^2),    s = .05 by default (``devices.mosaic_noise``)

as trained and tested with in Dalgaty et al., Nature Communications 15 (2024), doi 10.1038/s41467-023-44365-x. The two
devices of a pair share it evenly: each has the standard deviation s max |w| / sqrt 2. The error is of programming, so
it stays until the device is programmed again; conductances are not cut off at zero, so that it is a Gaussian of every
weight. Drift and read noise are not in the source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions


@dataclass(frozen=True)
class Mosaic:
    """A relative Gaussian error."""

    noise: float  # standard deviation of a weight, as a share of the largest
    lowest: float = 0.0
    highest: float = 100.0
    exact: bool = False

    @staticmethod
    def of(options: DevicesOptions) -> Mosaic:
        """With the noise that is asked for."""
        return Mosaic(options.mosaic_noise)

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """The same error whatever the conductance."""
        return torch.addcmul(target, draw, largest * (self.noise / math.sqrt(2)))

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """As programmed."""
        return programmed

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """None."""
        return None
