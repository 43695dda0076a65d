"""What does it cost to ask every tile how much a newborn there could help? In training steps on the same batch.

    python benchmarks/engines/growth_signal.py --neurons 256 1024 16384

The chip and the batch are those of ``benchmarks/engines/step.py``. *probe* is the pass that yields spikes and adjoints,
*signals* the matrices M and C of every tile asked (``model.growth.signal``). Where there are more tiles than
``growth.preselection``, the probe also ranks the tiles, and a second backward pass yields the adjoints of those
that are asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.engines.workload import Workload, our_job, problem
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.preselection import preselect, tile_scores
from smalti.model.network import Network
from smalti.model.probe import Kernel, Probe


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Measure the growth signal.

    Attributes:
        neurons: sizes of the network, multiples of 32.
        rate: spikes per hidden neuron and step, about.
        batch: samples of the probe, and of the training step it is compared with.
        threads: threads of the engine.
        repeats: how often everything is timed; medians are printed.
        preselection: most tiles that are asked.
        json: file for the results.
    """

    neurons: tuple[int, ...] = (256, 1024, 4096)
    rate: float = 0.05
    batch: int = 64
    threads: int = 2
    repeats: int = 3
    preselection: int = GrowthOptions().preselection
    json: Path | None = None


@dataclass(frozen=True)
class Cost:
    """Seconds, medians."""

    neurons: int
    tiles: int
    asked: int
    step: float  # a training step on the same batch
    probe: float  # forward, backward and, with a preselection, backward again
    signals: float  # M and C of the tiles asked

    @property
    def steps(self) -> float:
        """All of it in training steps."""
        return (self.probe + self.signals) / self.step


def ask(network: Network, probe: Probe, tiles: list[int]) -> float:
    """Seconds for M and C of these tiles, with all neurons within reach as targets."""
    wires = []
    for tile in tiles:
        sources = network.state.source[tile]
        wires.append((sources[sources >= 0], within_reach(network, [tile])))
    begin = perf_counter()
    for sources, targets in wires:
        probe.moments(Kernel(network.options.leak), sources, targets)
    return perf_counter() - begin


def within_reach(network: Network, tiles: list[int]) -> Tensor:
    """Slots of living neurons in these tiles and next to them."""
    fabric = network.fabric
    reach = {near for tile in tiles for near in (tile, *fabric.neighbours(tile))}
    alive = torch.nonzero(network.state.alive).flatten()
    return alive[torch.isin(alive // fabric.slots, torch.tensor(sorted(reach)))]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return median(times)


def measure(options: Signal, neurons: int) -> Cost:
    """Time one size."""
    workload = Workload(neurons, options.rate, batch=options.batch, threads=options.threads)
    of = problem(workload).on("events", options.threads)
    network, x, target = of.network, of.events(of.x), of.target
    tiles = list(network.fabric.live_tiles)

    def losses(logits: Tensor) -> Tensor:
        return cross_entropy(logits, target, reduction="none")

    def probe(targets: Tensor) -> Probe:
        return network.probe(x, of.outputs, losses, targets=targets)

    def choose() -> tuple[list[int], Probe]:
        alive = torch.nonzero(network.state.alive).flatten()
        if len(tiles) <= options.preselection:
            return tiles, probe(alive)
        first = probe(alive[:0])
        scores = tile_scores(network, first, x.sum((0, 1)), alive)
        chosen = sorted(preselect(scores, tiles, options.preselection))
        return chosen, first.asked(within_reach(network, chosen))

    train = our_job(of, "events", options.threads).run
    chosen = choose()[0]
    return Cost(
        neurons,
        len(tiles),
        len(chosen),
        seconds(train, options.repeats),
        seconds(choose, options.repeats),
        median(ask(network, choose()[1], chosen) for _ in range(options.repeats)),
    )


def view(costs: list[Cost]) -> Table:
    """A row for each size."""
    table = Table(title="asking all tiles, in training steps on the same batch", title_justify="left")
    for heading in ("neurons", "tiles", "asked", "step, s", "probe, steps", "signals, steps", "together, steps"):
        table.add_column(heading, justify="right")
    for cost in costs:
        shares = (cost.probe / cost.step, cost.signals / cost.step, cost.steps)
        numbers = (str(cost.neurons), str(cost.tiles), str(cost.asked), f"{cost.step:.3f}")
        table.add_row(*numbers, *(f"{share:.2f}" for share in shares))
    return table


def main(options: Signal) -> None:
    """Measure and print."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    costs = [measure(options, neurons) for neurons in options.neurons]
    Console(width=None if sys.stdout.isatty() else 120).print(view(costs))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Signal, description=__doc__))
