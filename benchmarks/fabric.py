"""How long it takes to build a large chip and to route local and one-hop links on it.

python benchmarks/fabric.py --side 32
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Measure routing.

    Attributes:
        side: rows and columns of tiles.
        neurons: neurons of a tile; as many wires lead over each of its sides.
        json: file for the results.
    """

    side: int = 32
    neurons: int = 32
    json: Path | None = None

    def __post_init__(self) -> None:
        for name in ("side", "neurons"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")


@dataclass(frozen=True)
class Record:
    """One chip."""

    tiles: int
    links: int
    wires: int  # sides of tiles in use, counted once per source
    seconds_build: float
    seconds_route: float
    seconds_remove: float


def measure(options: Routing) -> Record:
    """Build a chip, link every neuron to its own tile and the tiles around, and take all links away again."""
    begin = perf_counter()
    fabric = Fabric(
        FabricOptions(rows=options.side, cols=options.side, neurons_per_tile=options.neurons, wires=options.neurons)
    )
    links = Links(fabric, channels=0)
    built = perf_counter()
    for slot in range(fabric.neurons):
        links.add_local(slot)
        for tile in fabric.neighbours(fabric.tile_of_slot(slot)):
            links.add(slot, tile)
    routed = perf_counter()
    count, wires = len(links.rows), int(links.ledger.used.sum())
    if np.any(links.ledger.used > fabric.capacity):
        raise RuntimeError("the routes use more wires than the chip has")
    again = perf_counter()
    for source, tile in list(links.rows):
        links.remove(source, tile)
    return Record(fabric.tiles, count, wires, built - begin, routed - built, perf_counter() - again)


def main(options: Routing) -> None:
    """Measure and print."""
    record = measure(options)
    table = Table(title=f"{options.side} x {options.side} tiles of {options.neurons} neurons")
    for heading in ("links", "wires", "seconds to build", "to route", "to remove"):
        table.add_column(heading, justify="right")
    seconds = (record.seconds_build, record.seconds_route, record.seconds_remove)
    table.add_row(str(record.links), str(record.wires), *(f"{s:.2f}" for s in seconds))
    Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(record), indent=2) + "\n")


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Routing, description=__doc__)))
