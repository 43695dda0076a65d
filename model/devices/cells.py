"""What devices in use were programmed to, pair by pair: vectors that grow and shrink with the network."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

Where = Tensor | slice  # which of the pairs in use
ALL = slice(None)


def taken(values: Tensor, where: Where) -> Tensor:
    """Some of the values of pairs, [D] or [2, D]; all of them are no copy."""
    return values if isinstance(where, slice) else values.index_select(-1, where)


def put(values: Tensor, where: Where, new: Tensor) -> None:
    """Change some of the values of pairs, [D] or [2, D], in place."""
    if isinstance(where, slice):
        values.copy_(new)
    else:
        values.scatter_(-1, where.expand(new.shape), new)  # several times as fast as an index


def largest(weight: Tensor) -> Tensor:
    """The largest absolute weight of pairs [D], as a scalar; 0 of none."""
    return weight.abs().amax() if len(weight) else weight.new_zeros(())


@dataclass
class Cells:
    """Pairs in use, by their place. Of one that was never programmed ``weight`` and ``since`` are NaN."""

    place: Tensor  # [D] int64 in the crossbars laid flat, ascending
    weight: Tensor  # [D] target weight when it was programmed
    target: Tensor  # [2, D] wanted conductances, uS
    programmed: Tensor  # [2, D] what they came to
    draw: Tensor  # [2, D] of their drift; NaN as long as no time has passed
    since: Tensor  # [D] float64: when that was, s

    @staticmethod
    def blank(place: Tensor, dtype: torch.dtype) -> Cells:
        """Pairs that were never programmed."""
        count = len(place)

        def fresh(*shape: int, value: float = 0.0) -> Tensor:
            return torch.full(shape, value, dtype=dtype, device=place.device)

        return Cells(
            place=place,
            weight=fresh(count, value=torch.nan),
            target=fresh(2, count),
            programmed=fresh(2, count),
            draw=fresh(2, count, value=torch.nan),
            since=torch.full((count,), torch.nan, dtype=torch.float64, device=place.device),
        )

    def moved_to(self, place: Tensor) -> Cells:
        """What is known of the pairs at other places; those that were not in use are blank."""
        cells = Cells.blank(place, self.weight.dtype)
        if len(self.place) and len(place):
            at = torch.searchsorted(self.place, place).clamp_(max=len(self.place) - 1)
            known = self.place[at] == place
            for field in fields(self)[1:]:
                getattr(cells, field.name)[..., known] = getattr(self, field.name)[..., at[known]]
        return cells

    def state_dict(self) -> dict[str, Tensor]:
        """All vectors."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
