"""Where neurons of foreign nets go: by minimum cut, by simulated annealing, and at random; links refused, and hops.

    python benchmarks/mapping.py

Nets are random on a chip of 3 x 4 tiles of 16 neurons, 16 wires a side and 4 at corners, half of them in groups: each
neuron hears some others, in these nets mostly of its own group. A third hear channels, each neuron of one tile's. The
last neurons are output units in a south tile. All are routed by the same ledger, and all ways but the product's own
are routed once: `smalti map` places again where links were refused ("cut, again").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from time import process_time

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.mapping.cost import Costs, Tiles
from smalti.model.mapping.cut import placed, rooms
from smalti.model.mapping.net import Net
from smalti.model.mapping.routing import Mapped, mapped, routed

HOTTEST, COLDEST = 4.0, 0.05  # temperatures in hops


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """Place and route random nets.

    Attributes:
        nets: how many; every second one has groups.
        neurons: of a net.
        fan_in: neurons that each hears.
        outputs: output units among them.
        channels: input channels.
        steps: of simulated annealing.
        json: file for the results.
    """

    nets: int = 20
    neurons: int = 96
    fan_in: int = 4
    outputs: int = 8
    channels: int = 32
    steps: int = 20_000
    json: Path | None = None


@dataclass(frozen=True)
class Found:
    """One net in one way."""

    net: int
    grouped: bool
    way: str
    refused: int  # links
    lost: int  # synapses without a wire
    hops: int
    seconds: float


def random_net(options: Mapping, fabric: Fabric, grouped: bool, chance: np.random.Generator) -> Net:
    """A net whose neurons hear others at random, or nine times in ten those of their group of twelve."""
    size, entries = options.neurons, len(fabric.north_tiles)
    heard = np.zeros((size, size), np.float32)
    inputs = np.zeros((size, options.channels), np.float32)
    for neuron in range(size):
        near = np.arange(size) // 12 == neuron // 12
        weight = np.where(near, 0.9 / near.sum(), 0.1 / (~near).sum()) if grouped else np.full(size, 1 / size)
        sources = chance.choice(size, options.fan_in, replace=False, p=weight)
        heard[neuron, sources] = chance.normal(size=options.fan_in)
        if neuron < size // 3:
            mine = neuron // 12 % entries if grouped else int(chance.integers(entries))
            inputs[neuron, mine + entries * chance.integers(options.channels // entries, size=2)] = 1.0
    order = np.concatenate([chance.permutation(size - options.outputs), np.arange(size - options.outputs, size)])
    one = np.ones(size, np.float32)
    return Net(inputs[order], heard[np.ix_(order, order)], 0.95 * one, one, one > 0, False)


def at_random(fabric: Fabric, size: int, fixed: dict[int, int], chance: np.random.Generator) -> Tiles:
    """A placement drawn among all that fit."""
    room = rooms(fabric)
    for tile in fixed.values():
        room[tile] -= 1
    free = chance.permutation(np.repeat(np.arange(fabric.tiles), room))
    tiles = np.zeros(size, dtype=np.int64)
    others = np.setdiff1d(np.arange(size), list(fixed))
    tiles[others] = free[: len(others)]
    tiles[list(fixed)] = list(fixed.values())
    return tiles


def annealed(
    costs: Costs, start: Tiles, room: Tiles, fixed: dict[int, int], steps: int, chance: np.random.Generator
) -> Tiles:
    """Simulated annealing by moves and exchanges (Kirkpatrick, Gelatt & Vecchi 1983, Science 220:671)."""
    now, total = start.copy(), costs.total(start)
    best, lowest = now.copy(), total
    movable = np.setdiff1d(np.arange(len(now)), list(fixed))
    held = np.bincount(now, minlength=len(room))
    for heat in np.geomspace(HOTTEST, COLDEST, steps):
        a, tile = int(chance.choice(movable)), int(chance.integers(len(room)))
        tried = now.copy()
        if held[tile] < room[tile]:
            tried[a] = tile
        else:
            b = int(chance.choice(movable))
            tried[[a, b]] = now[[b, a]]
        after = costs.total(tried)
        if after <= total or chance.random() < np.exp((total - after) / heat):
            now, total, held = tried, after, np.bincount(tried, minlength=len(room))
            if total < lowest:
                best, lowest = now.copy(), total
    return best


def measure(options: Mapping, number: int) -> list[Found]:
    """All ways on one net."""
    fabric, chance = Fabric(FabricOptions()), np.random.default_rng(number)
    grouped, home = number % 2 == 1, fabric.south_tiles[0]
    net = random_net(options, fabric, grouped, chance)
    outputs = np.arange(options.neurons - options.outputs, options.neurons)
    fixed, costs = dict.fromkeys(outputs.tolist(), home), Costs.of(net, fabric)
    start = at_random(fabric, net.neurons, fixed, chance)
    ways: dict[str, Callable[[], Mapped]] = {
        "random": lambda: routed(net, fabric, start, outputs),
        "annealing": lambda: routed(
            net, fabric, annealed(costs, start, rooms(fabric), fixed, options.steps, chance), outputs
        ),
        "cut": lambda: routed(net, fabric, placed(net, fabric, fixed), outputs),
        "cut, again": lambda: mapped(net, fabric, outputs, home),
    }
    found = []
    for way, place in ways.items():
        begin = process_time()
        done = place()
        seconds = process_time() - begin
        found.append(Found(number, grouped, way, done.refused, done.synapses_lost, done.hops, seconds))
    return found


def view(found: list[Found], options: Mapping) -> Table:
    """Means over the nets of a kind."""
    total = options.neurons * options.fan_in
    title = f"means over nets of {options.neurons} neurons that hear {options.fan_in} each ({total} synapses)"
    table = Table(title=title, title_justify="left")
    for name in ("nets", "placed", "links refused", "synapses lost", "hops", "seconds"):
        table.add_column(name, justify="left" if name in ("nets", "placed") else "right")
    for grouped in (False, True):
        for way in dict.fromkeys(one.way for one in found):
            rows = [one for one in found if (one.grouped, one.way) == (grouped, way)]
            if rows:
                numbers = [mean(getattr(one, name) for one in rows) for name in ("refused", "lost", "hops")]
                cells = [f"{value:.1f}" for value in numbers]
                table.add_row("in groups" if grouped else "random", way, *cells, f"{mean(r.seconds for r in rows):.2f}")
    return table


def main(options: Mapping) -> None:
    """Measure and print."""
    found = [one for number in range(options.nets) for one in measure(options, number)]
    Console().print(view(found, options))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Mapping)))
