"""What agents tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

DEAR = "the price is above its value"  # why a bid that fits is lost before others outbid it
SEED = "seed"  # what tables call the rule of neurons of a seed expert
TAP = "tap"  # and of a bid for a neuron that is there
GATE = "gate"  # and of columns of a gating network on the chip


@dataclass(frozen=True)
class Bid:
    """A candidate's offer for a place on the chip."""

    candidate: int  # running number, never reused in a run
    tile: int  # where it wants to be born
    task: int
    rule: str
    taps: tuple[int, ...]  # sources without a row in the tile, to be linked into it
    targets: tuple[int, ...]  # other tiles that it must reach
    wishes: tuple[int, ...]  # other tiles that it would like to reach, and does without where wires are full
    value: float  # predicted decrease of the mean loss, nats per sample
    neurons: int = 1  # born together or not at all, each with links of its own: 1 or, for a pair, 2
    cell: str = ""  # name of its kind; empty without kinds


def in_coins(nats: float) -> float:
    """A value to four digits, as it is bid: what only rounding tells apart is equal then, and the first bid wins.

    The engines add in different orders, so that the same value differs between them in its seventh digit.
    """
    return float(f"{nats:.3e}")


def with_shuffled_values(bids: Sequence[Bid], chance: np.random.Generator) -> list[Bid]:
    """The bids, each with the value of one of them that is drawn; every value once."""
    drawn = chance.permutation(len(bids)).tolist()
    return [replace(bid, value=bids[other].value) for bid, other in zip(bids, drawn, strict=True)]


@dataclass(frozen=True)
class Outcome:
    """How a bid ended."""

    bid: Bid
    won: bool
    slot: int  # the slot given, -1 for a lost bid
    cost: float  # resources taken at base prices, nats
    price: float  # what they cost when the bid was settled, nats
    reason: str
    twin: int = -1  # slot of the second neuron of a pair, -1 for none

    @property
    def surplus(self) -> float:
        """Value minus price."""
        return self.bid.value - self.price


@dataclass(frozen=True)
class Decision:
    """What the gating agent wants this round."""

    births: int
    expert: int
    reason: str
