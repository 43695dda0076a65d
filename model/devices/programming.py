"""Programming pairs: the technology's error, the devices that are stuck, and writing again until it is verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions
from smalti.model.devices.pair import Pair
from smalti.model.devices.stuck import OFF, ON
from smalti.model.devices.technologies.technology import Technology

Draw = Callable[[int], Tensor]  # of a number of pairs D: standard normal numbers [2, D]


@dataclass(frozen=True)
class Programmer:
    """Programs pairs of one technology on one range."""

    technology: Technology
    pair: Pair
    options: DevicesOptions

    def once(self, target: Tensor, largest: Tensor, draw: Draw) -> Tensor:
        """Conductances [2, D] of pairs that were programmed once.

        Args:
            target: wanted conductances [2, D].
            largest: conductance, above the lowest, of the largest weight in use [D], or one for all.
            draw: random numbers.
        """
        if self.technology.exact or not self.options.programming:
            return target
        drawn, factor = draw(target.shape[1]), self.options.programming
        return self.technology.programmed(target, largest, drawn if factor == 1 else drawn * factor)

    def verified(self, target: Tensor, largest: Tensor, faults: Tensor | None, draw: Draw) -> tuple[Tensor, Tensor]:
        """Conductances [2, D] within the acceptance, or what the last attempt came to; and attempts of each pair [D].

        A device that is accepted is left alone while its partner is programmed again; both count as one write a time.

        Args:
            target, largest, draw: as in ``once``.
            faults: devices that are stuck [2, D]; None for none.
        """
        programmed = self.held(self.once(target, largest, draw), faults)
        attempts = torch.ones(target.shape[1], dtype=torch.int32, device=target.device)
        if not self.options.acceptance:
            return programmed, attempts
        for _ in range(self.options.attempts - 1):
            off = (programmed - target).abs() > self.options.acceptance * self.pair.span
            again = torch.nonzero(off.any(0)).flatten()
            if not len(again):
                break
            few = None if faults is None else faults[:, again]
            fresh = self.held(self.once(target[:, again], largest.expand(target.shape[1])[again], draw), few)
            programmed[:, again] = torch.where(off[:, again], fresh, programmed[:, again])
            attempts[again] += 1
        return programmed, attempts

    def held(self, conductances: Tensor, faults: Tensor | None) -> Tensor:
        """Conductances [2, D] where stuck devices have theirs."""
        if faults is None:
            return conductances
        high = torch.where(faults == ON, self.pair.highest, conductances)
        return torch.where(faults == OFF, self.pair.lowest, high)
