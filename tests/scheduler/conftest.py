from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from smalti.agents.expert import Expert
from smalti.agents.auction.bids import Bid
from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links, Offer
from smalti.scheduler.config import Config
from smalti.scheduler.streams.batches import Feed
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.experiments.trials import Report, run_trial


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
def opened() -> Callable[[Simulation, int], Expert]:
    """(simulation, task) -> a new expert for the task, opened on its samples."""

    def make(simulation: Simulation, task: int) -> Expert:
        experience, seed = simulation.stream.experiences[task], simulation.config.run.seed
        expert = simulation.gating.found(experience.classes)
        expert.meet(task, experience.classes, apart=False)
        x, labels = Feed(experience, simulation.stream.steps, 16, seed).probe(32, task)
        open_expert(simulation.grower, expert, task, x, labels, partial(generator, seed, Use.GROWTH, task, 0))
        return expert

    return make


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


@pytest.fixture(scope="session")
def trials_here() -> Callable[..., dict[str, str]]:
    """``run_trials`` in this process, one after the other."""

    def run(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        for name, config in trials.items():
            run_trial(config, folder / name)
            report(name, "done")
        return {}

    return run


@pytest.fixture(scope="session")
def small_base(blobs: Path) -> Callable[..., str]:
    """``small_base(rounds, setting, engine)``: what runs share that take a second each; [base.growth] comes last."""

    def text(rounds: int, setting: str = "class", engine: str = "auto") -> str:
        return f"""
[base.fabric]
rows = 2
cols = 2
neurons_per_tile = 8
wires = 8
corner_wires = 2
[base.network]
engine = "{engine}"
[base.stream]
name = "arrays"
path = "{blobs}"
setting = "{setting}"
steps = 12
[base.training]
rounds = {rounds}
steps = 3
batch = 16
[base.growth]
probe = 32
reserve = 0
"""

    return text


@pytest.fixture(scope="session")
def small_comparison(small_base: Callable[..., str]) -> str:
    """A file of a comparison whose runs take a second each."""
    return f"""
[compare]
rules = ["random", "gradmax_whitened"]
seeds = 2
{small_base(4, "joint")}every = 1
until = 0.5
retire_after = 0
[settings.near.growth]
reach = "outputs"
"""
