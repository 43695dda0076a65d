"""How near the sequential auction comes to the optimum, and how fast it clears.

    python benchmarks/auction.py

Bids are synthetic: a random tile, one or two neighbours as targets, sometimes a tap on a neuron next door, an
exponential value. For the gap chips are small and scarce: four bids a tile, three free slots, one wire a side or
two; births are not limited. For the speed the chip is of 32 x 32 tiles of 32 neurons, with 32 wires a side or with 4.
There, too, candidates are sent as agents: made, told what each target tile would bring, bid, and gone after an auction
for a few births. What they would bring is arithmetic and stands apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median, stdev
from time import process_time
from typing import Any, Literal
from unittest import mock

import mesa
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.agents.auction.bids import Bid, Outcome
from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.agents.auction.sequential import clear
from smalti.agents.expert import Expert
from smalti.agents.tile import Call, TileAgent
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal, Traces
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.probe import DenseProbe, Kernel

SCARCE_SLOTS, SCARCE_CORNER_WIRES = 3, 1
SCARCE_WIRES = (1, 2)
TAPS = 0.3  # share of bids with a tap
MEAN_VALUE = 0.02  # nats


@dataclass(frozen=True, kw_only=True)
class Auctions:
    """Measure the auction.

    Attributes:
        sizes: chips for the gap, each given by its rows and columns; four bids come for every tile.
        seeds: random instances of every size.
        bids: bids for the speed.
        side: rows and columns of the chip for the speed, whose tiles have as many neurons.
        repeats: clearings timed; the median counts.
        json: file for the results.
    """

    sizes: tuple[tuple[int, int], ...] = ((2, 5), (4, 5), (5, 8))
    seeds: int = 10
    bids: int = 10_000
    side: int = 32
    repeats: int = 3
    json: Path | None = None

    def __post_init__(self) -> None:
        for name, least in (("seeds", 2), ("bids", 1), ("side", 2), ("repeats", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least {least}")


@dataclass(frozen=True)
class Gap:
    """Instances of one size."""

    bids: int
    tiles: int
    wires: int  # on each side
    shares: list[float]  # net value of the sequential auction by that of the optimum
    winners: float  # of the sequential auction, share of the bids
    seconds: dict[str, float]  # method -> median


@dataclass(frozen=True)
class Speed:
    """One large auction."""

    wires: int
    births: int
    winners: int
    full: int  # bids refused for want of a wire
    seconds: float


@dataclass(frozen=True)
class Instance:
    """A chip and the bids for it, to be cleared once."""

    bids: list[Bid]
    free: dict[int, list[int]]
    prices: Prices

    def clear(self, births: int) -> tuple[list[Outcome], float]:
        """Outcomes, and the seconds of the processor that they took."""
        begin = process_time()
        outcomes = clear(self.bids, self.free, self.prices, births)
        return outcomes, process_time() - begin


def instance(seed: int, bids: int, options: FabricOptions, method: Literal["sequential", "optimal"]) -> Instance:
    """A chip with one neuron a tile, and bids for all other slots."""
    rng = np.random.default_rng(seed)
    fabric = Fabric(options)
    links = Links(fabric, 0)
    for tile in range(fabric.tiles):
        links.add_local(tile * fabric.slots)
    free = {tile: list(range(tile * fabric.slots + 1, (tile + 1) * fabric.slots)) for tile in range(fabric.tiles)}
    made = [_bid(number, fabric, rng) for number in range(bids)]
    return Instance(made, free, Prices(AuctionOptions(method=method), links))


def _bid(number: int, fabric: Fabric, rng: np.random.Generator) -> Bid:
    tile = int(rng.integers(fabric.tiles))
    near = [int(t) for t in rng.permutation(fabric.neighbours(tile))]
    targets = tuple(near[: 1 + int(rng.integers(2))])
    taps = (near[-1] * fabric.slots,) if rng.random() < TAPS else ()
    return Bid(number, tile, 0, "random", taps, targets, (), float(rng.exponential(MEAN_VALUE)))


def gap(rows: int, cols: int, wires: int, seeds: int) -> Gap:
    """Sequential and optimal auction on the same instances."""
    options = FabricOptions(
        rows=rows,
        cols=cols,
        neurons_per_tile=1 + SCARCE_SLOTS,
        wires=wires,
        corner_wires=SCARCE_CORNER_WIRES,
    )
    bids = 4 * rows * cols
    shares, winners = [], []
    seconds: dict[str, list[float]] = {"sequential": [], "optimal": []}
    for seed in range(seeds):
        net = {}
        for method in ("sequential", "optimal"):
            outcomes, took = instance(seed, bids, options, method).clear(bids)
            net[method] = sum(o.bid.value - o.cost for o in outcomes if o.won)
            seconds[method].append(took)
            if method == "sequential":
                winners.append(sum(o.won for o in outcomes) / bids)
        shares.append(net["sequential"] / net["optimal"])
    medians = {method: median(took) for method, took in seconds.items()}
    return Gap(bids, rows * cols, wires, shares, mean(winners), medians)


def speed(options: Auctions, wires: int, births: int) -> Speed:
    """Median time to clear a large auction."""
    chip = FabricOptions(
        rows=options.side, cols=options.side, neurons_per_tile=options.side, wires=wires, corner_wires=wires // 4
    )
    seconds = []
    outcomes: Sequence[Outcome] = ()
    for seed in range(options.repeats):
        outcomes, took = instance(seed, options.bids, chip, "sequential").clear(births)
        seconds.append(took)
    full = sum(o.reason.endswith("full") for o in outcomes)
    return Speed(wires, births, sum(o.won for o in outcomes), full, median(seconds))


@dataclass(frozen=True)
class Messages:
    """Candidates of all tiles of a large chip, from birth as agents to their end."""

    candidates: int
    values: float  # seconds of arithmetic
    told: float  # seconds in which they are made, told and bid
    auction: float
    gone: float


def messages(options: Auctions, births: int) -> Messages:
    """Let every tile of a large chip send candidates into an auction."""
    chip = FabricOptions(rows=options.side, cols=options.side, neurons_per_tile=options.side, wires=options.side)
    network = Network(Fabric(chip), 64, NetworkOptions())
    model, prices = mesa.Model(seed=0), Prices(AuctionOptions(), network.links)
    tiles = [TileAgent(model, tile, network) for tile in range(network.fabric.tiles)]
    chance, count = torch.Generator().manual_seed(0), max(1, options.bids // len(tiles))
    proposals = [_proposal(tile, count, chance) for tile in tiles]
    spent = 0.0
    arithmetic = Proposal.decrease

    def timed(proposal: Proposal, targets: torch.Tensor) -> torch.Tensor:
        nonlocal spent
        before = process_time()
        answer = arithmetic(proposal, targets)
        spent += process_time() - before
        return answer

    expert = Expert(0, (0, 1), len(tiles) - 1, ())
    rest = GrowthOptions(), prices, np.random.default_rng, 0
    call = Call(expert, 0, "random", proposals[0].signal.traces, torch.ones(0, dtype=torch.bool), *rest)
    with mock.patch.object(Proposal, "decrease", timed):
        begin = process_time()
        for tile, proposal in zip(tiles, proposals, strict=True):
            tile.send(call, proposal, network.options.plain_cell)
        told = process_time() - begin - spent
    begin = process_time()
    model.random.shuffle(call.candidates)
    bids = [candidate.bid for candidate in call.candidates if candidate.bid is not None]
    clear(bids, {tile.tile: tile.for_sale(call) for tile in tiles}, prices, births)
    auction, begin = process_time() - begin, process_time()
    for candidate in call.candidates:
        candidate.remove()
    return Messages(len(bids), spent, told, auction, process_time() - begin)


def _proposal(tile: TileAgent, count: int, chance: torch.Generator) -> Proposal:
    """Newborns that could drive three neurons in each tile next door."""
    fabric, sources, steps, batch = tile.network.fabric, 40, 10, 16
    near = sorted((tile.tile, *fabric.neighbours(tile.tile)))
    targets = torch.tensor([other * fabric.slots + k for other in near for k in range(3)])
    drive = torch.rand(steps, sources, batch, generator=chance)
    delta = torch.randn(steps, len(targets), batch, generator=chance) / 10
    blank, loss = torch.zeros(2, 1, batch), torch.full((batch,), 0.7)
    signal = TileSignal(
        tile=tile.tile,
        sources=torch.arange(sources),
        new=torch.zeros(sources, dtype=torch.bool),
        targets=targets,
        drive=drive,
        delta=delta,
        moment=torch.einsum("tqb,tpb->qp", delta, drive) / batch,
        covariance=torch.einsum("tpb,trb->pr", drive, drive) / (batch * steps),
        loss=loss,
        traces=Traces(DenseProbe(blank, blank, blank, loss), Kernel(0.9)),
        distance=torch.ones(sources),
        inputs=(),
    )
    fan_in = torch.randn(count, sources, generator=chance)
    nothing = torch.zeros(count, len(targets)), torch.zeros(count, len(targets), batch), torch.zeros(count)
    return Proposal(signal, fan_in, fan_in != 0, *nothing, tile.network.newborn_dynamics())


def messages_table(one: Messages) -> Table:
    """Seconds of the processor."""
    table = Table(title=f"{one.candidates} candidates as agents, seconds of the processor")
    for name in ("values", "made, told, bid", "auction", "gone"):
        table.add_column(name, justify="right")
    table.add_row(f"{one.values:.2f}", f"{one.told:.2f}", f"{one.auction:.2f}", f"{one.gone:.2f}")
    return table


def gap_table(gaps: Sequence[Gap]) -> Table:
    """A row for each size."""
    table = Table(title="sequential auction: net value as a share of the optimum (spread: standard deviation)")
    for heading in ("bids", "tiles", "wires", "mean", "spread", "least", "won", "time", "optimum's"):
        table.add_column(heading, justify="right")
    for one in gaps:
        table.add_row(
            str(one.bids),
            str(one.tiles),
            str(one.wires),
            f"{mean(one.shares):.3f}",
            f"{stdev(one.shares):.3f}",
            f"{min(one.shares):.3f}",
            f"{one.winners:.0%}",
            f"{1e3 * one.seconds['sequential']:.1f} ms",
            f"{one.seconds['optimal']:.2f} s",
        )
    return table


def speed_table(options: Auctions, speeds: Sequence[Speed]) -> Table:
    """A row for each large auction."""
    size = f"{options.bids} bids on {options.side} x {options.side} tiles of {options.side} neurons"
    table = Table(title=f"sequential auction: {size}")
    for heading in ("wires", "births", "winners", "no wire", "seconds"):
        table.add_column(heading, justify="right")
    for one in speeds:
        table.add_row(str(one.wires), str(one.births), str(one.winners), str(one.full), f"{one.seconds:.2f}")
    return table


def main(options: Auctions) -> None:
    """Measure and print."""
    gaps = [gap(*size, wires, options.seeds) for size in options.sizes for wires in SCARCE_WIRES]
    console = Console()
    console.print(gap_table(gaps))
    large = ((options.side, options.bids), (options.side, max(1, options.bids // 100)), (4, options.bids))
    speeds = [speed(options, wires, births) for wires, births in large]
    console.print(speed_table(options, speeds))
    sent = messages(options, max(1, options.bids // 100))
    console.print(messages_table(sent))
    if options.json is not None:
        results: dict[str, Any] = {
            "gap": [asdict(g) for g in gaps],
            "speed": [asdict(s) for s in speeds],
            "messages": asdict(sent),
        }
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Auctions)))
