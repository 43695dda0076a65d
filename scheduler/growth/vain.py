"""What was born in vain is taken back: an expert that was just added, all that was born for it, and its writes.

Devices are as they were before, old ones too that had been programmed again to make room on a tile's scale, as if the
chip's mapper had found out beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smalti.agents.expert import Expert
from smalti.model.grafting.graft import retire
from smalti.scheduler.growth.grower import Grower


@dataclass(frozen=True)
class Mark:
    """Where a round stood before an expert was added."""

    born: int  # births of the round
    outcomes: int  # bids of the round
    restore: Callable[[], None]  # gives devices back what they were programmed to


def mark(grower: Grower) -> Mark:
    """Where the round stands, for an expert that may have to be taken back."""
    return Mark(len(grower.born), len(grower.outcomes), grower.network.memristors.remember())


def take_back(grower: Grower, expert: Expert, since: Mark) -> None:
    """Take back the expert that was added last, and all that was born for it; bids that were lost stay on record."""
    for slot, _, _ in reversed(grower.born[since.born :]):
        retire(grower.network, slot, grower.moments)
    del grower.born[since.born :]
    grower.outcomes[since.outcomes :] = [one for one in grower.outcomes[since.outcomes :] if not one.won]
    grower.agent.dismiss(expert)
    since.restore()
