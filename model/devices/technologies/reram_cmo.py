"""Conductive-metal-oxide / HfOx ReRAM: arXiv 2502.04524, as fitted in IBM's aihwkit (``ReRamCMONoiseModel``, MIT).

A conductance g in uS, 8 to 90, programmed with an acceptance of 2 % or .2 % (``devices.cmo_acceptance``) has

    standard deviation   .01129 g + .01122        or .00107 g + .00081
    mean after t         - .0890 ln t             t in seconds, from 1 s on, whatever g
    and spread by then   .0420 ln t + .4118       one draw a device makes it move all along
    read noise           .0277 log10(g) sqrt(ln((t + 1 us) / 2 us))

Before 1 s nothing has moved. Conductances that drift are kept within the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions

PROGRAMMING = {2.0: (0.01129027418, 0.0112185391), 0.2: (0.00106879, 0.00081107)}  # slope, and at 0 uS
MEAN, SPREAD, SPREAD_AT_1 = -0.08900206, 0.04201137, 0.41183342
READ, READ_SECONDS = 0.0277316483, 1e-6


@dataclass(frozen=True)
class ReramCmo:
    """The lines above."""

    slope: float
    offset: float
    lowest: float = 8.0
    highest: float = 90.0
    exact: bool = False

    @staticmethod
    def of(options: DevicesOptions) -> ReramCmo:
        """With the acceptance that it was characterised with."""
        return ReramCmo(*PROGRAMMING[options.cmo_acceptance])

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """With an error that rises with the conductance."""
        return target + draw * (self.slope * target + self.offset)

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """Fallen and spread with the logarithm of time."""
        time = age.clamp(min=1).log().to(target)
        moved = programmed + MEAN * time + draw * (SPREAD * time + SPREAD_AT_1)
        return torch.where(age < 1, programmed, moved.clamp(self.lowest, self.highest))

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """1/f noise since it was programmed; an age below 1 s counts as that."""
        time = ((age.clamp(min=1) + READ_SECONDS) / (2 * READ_SECONDS)).log().sqrt().to(conductance)
        return READ * conductance.clamp(min=1).log10() * time
