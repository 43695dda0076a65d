"""A weight on two conductances: the differential pair, its range and its levels.

    W = scale (g+ - g-) / (highest - lowest)

Of a positive weight g- is at the lowest conductance and g+ above it, of a negative one the other way round. The
negative device may have a smaller range than the positive one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions
from smalti.model.devices.technologies.technology import Technology


@dataclass(frozen=True)
class Pair:
    """Range and levels of the two devices of a weight."""

    lowest: float  # uS
    highest: float
    negative_share: float  # of the range that the negative device has
    levels: int  # evenly spaced conductances from the lowest to the highest; 0 for any

    @staticmethod
    def of(options: DevicesOptions, technology: Technology) -> Pair:
        """On the range that is asked for, or the technology's own.

        Raises:
            ValueError: the range goes beyond the technology's own, of which nothing is known there.
        """
        own = technology.lowest, technology.highest
        lowest, highest = (options.lowest, options.highest) if options.highest else own
        if lowest < own[0] or highest > own[1]:
            raise ValueError(
                f"devices.lowest = {lowest:g} and devices.highest = {highest:g} go beyond {own[0]:g} to {own[1]:g} uS, "
                f"the range of devices.kind = {options.kind!r}: stay within it, or set both to 0 for all of it"
            )
        return Pair(lowest, highest, options.negative_share, options.levels)

    @property
    def span(self) -> float:
        """Width of the range, uS."""
        return self.highest - self.lowest

    def clipped(self, weight: Tensor, largest: float) -> Tensor:
        """Weights that the range can hold, where ``largest`` stands for all of it."""
        return weight.clamp(-largest * self.negative_share, largest)

    def conductances(self, weight: Tensor, scale: Tensor | float) -> Tensor:
        """Target conductances [2, D] of weights [D], on the nearest levels.

        Args:
            weight: that the range can hold.
            scale: weight that the whole range stands for [D].
        """
        part = weight / scale
        pair = torch.stack([part, -part]).clamp_(min=0)
        if self.levels:
            steps = self.levels - 1
            pair = (pair * steps).round_().div_(steps)
            pair[1].clamp_(max=self._highest_negative(steps))
        return pair.mul_(self.span).add_(self.lowest)

    def weights(self, conductances: Tensor, scale: Tensor | float) -> Tensor:
        """Weights [D] of conductances [2, D]."""
        return (conductances[0] - conductances[1]) * (scale / self.span)

    def _highest_negative(self, steps: int) -> float:
        """Highest level within the range of the negative device, as a share of the whole."""
        return int(self.negative_share * steps + 1e-9) / steps
