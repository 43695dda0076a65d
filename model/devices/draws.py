"""Random numbers of devices: they belong to a round, and to how many were drawn in it.

So a run resumes bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Chance = Callable[[int, int], int]  # seeds draws by the round, and by how many came before in it


def unseeded(round_: int, number: int) -> int:
    """For chips that nobody gave a seed: the same draws everywhere."""
    return (round_ << 32) + number


class Draws:
    """Standard normal numbers, in the precision and on the device of a tensor.

    Args:
        chance: seeds them.
        like: the tensor.
    """

    def __init__(self, chance: Chance, like: Tensor) -> None:
        self._kind = like.new_empty(0)
        self._round = 0
        self.anew(chance)

    def anew(self, chance: Chance) -> None:
        """Draw by other seeds, in the same round."""
        self.chance, self._drawn = chance, 0

    def begin(self, round_: int) -> None:
        """A round begins."""
        self._round, self._drawn = round_, 0

    def pairs(self, count: int) -> Tensor:
        """For the two devices of pairs [2, D]."""
        return self.normal(2, count)

    def normal(self, *shape: int) -> Tensor:
        """Of a shape."""
        generator = torch.Generator().manual_seed(self.chance(self._round, self._drawn))
        self._drawn += 1
        return torch.randn(shape, dtype=self._kind.dtype, generator=generator).to(self._kind.device)
