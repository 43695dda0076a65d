"""Random markets: a chip with some neurons and links on it, and bids for what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from smalti.agents.auction.bids import Bid
from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links, Offer


@dataclass(frozen=True)
class Market:
    """A chip with some neurons and links on it, and bids for what is left."""

    bids: list[Bid]
    free: dict[int, list[int]]
    prices: Prices

    @property
    def links(self) -> Links:
        return self.prices.links


@pytest.fixture(scope="session")
def random_market() -> Callable[..., Market]:
    return make_market


def make_market(
    seed: int,
    bids: int = 12,
    rows: int = 2,
    cols: int = 3,
    wires: int = 2,
    slots: int = 3,
    method: str = "sequential",
    wishes: bool = True,
    links_per_bid: int = 3,
) -> Market:
    """Scarce by construction: few slots, few wires, some of both taken already; now and then a dead place."""
    rng = np.random.default_rng(seed)
    dead = ((int(rng.integers(rows)), int(rng.integers(cols))),) if rng.random() < 0.3 else ()
    router = (2, 2) if rng.random() < 0.3 else (2, 1)
    routers = (router,) if rng.random() < 0.5 else ()
    options = FabricOptions(
        rows=rows,
        cols=cols,
        neurons_per_tile=slots,
        wires=wires,
        corner_wires=int(rng.integers(3)),
        dead_tiles=dead,
        dead_routers=routers,
    )
    fabric = Fabric(options)
    links = Links(fabric, int(rng.integers(1 + wires)))
    neurons = settle(fabric, links, rng)
    scale = float(10 ** rng.uniform(-3, 0))
    prices = Prices(
        AuctionOptions(
            method="optimal" if method == "optimal" else "sequential",
            slot_price=float(rng.choice([0.0, 1e-3])),
            row_price=float(rng.choice([0.0, 1e-4, 3e-3])),
            wire_price=float(rng.choice([0.0, 5e-5, 1e-3])),
        ),
        links,
    )
    free = {
        tile: [s for s in range(tile * slots, (tile + 1) * slots) if s not in neurons] for tile in fabric.live_tiles
    }
    made = [make_bid(number, fabric, neurons, scale, wishes, links_per_bid, rng) for number in range(bids)]
    return Market(made, free, prices)


def settle(fabric: Fabric, links: Links, rng: np.random.Generator) -> list[int]:
    """Neurons in some slots, each with its own row and perhaps a link to another tile."""
    neurons = [s for t in fabric.live_tiles for s in (t * fabric.slots, t * fabric.slots + 1) if rng.random() < 0.6]
    for slot in neurons:
        links.add_local(slot)
        tile = int(rng.choice(fabric.live_tiles))
        if tile != fabric.tile_of_slot(slot) and isinstance(links.offer(slot, tile), Offer):
            links.add(slot, tile)
    return neurons


def make_bid(
    number: int,
    fabric: Fabric,
    neurons: list[int],
    scale: float,
    wishes: bool,
    links_per_bid: int,
    rng: np.random.Generator,
) -> Bid:
    tile = int(rng.choice(fabric.live_tiles))
    others = [int(t) for t in rng.permutation([t for t in fabric.live_tiles if t != tile])]
    popular = [s for s in neurons[::3] if fabric.tile_of_slot(s) != tile]
    far = [int(s) for s in rng.permutation(popular)]
    taps = far[: int(rng.integers(links_per_bid))]
    targets = others[: int(rng.integers(links_per_bid))]
    wanted = others[len(targets) : len(targets) + int(rng.integers(3))] if wishes else []
    value = float(rng.exponential(scale))
    return Bid(number, tile, 0, "random", tuple(taps), tuple(targets), tuple(wanted), value)
