"""What the page shows of one round, as plain frozen data. Knows neither browser nor files nor a running simulation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smalti.agents.auction.prices import AuctionOptions
from smalti.analysis.units import USUAL_SCORE, USUAL_UNIT
from smalti.model.chip.fabric import Fabric
from smalti.scheduler.configuration.config import Config

Row = Mapping[str, Any]
"""A row of a table; ``scheduler.records.schema`` has its columns."""

INPUT = -1  # stands for the task of an input channel
CURVES = ("loss", "accuracy", "validation", "neurons", "wires")


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """A living neuron."""

    neuron: int  # id, never reused
    tile: int
    slot: int
    kind: str  # hidden or output
    task: int
    rule: str
    birth_round: int


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of one cell, in one direction, and what the next wire there costs."""

    side: str  # N, E, S or W
    direction: str  # in or out
    used: int
    capacity: int
    price: float | None  # in the unit of the loss; None where no wire is left


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the full grid: a neuron tile or a routing tile."""

    row: int  # in the full grid
    col: int
    kind: str  # tile, r1 or r0
    sides: tuple[Side, ...]

    @property
    def broken(self) -> bool:
        """Whether no wire can ever cross it."""
        return not any(side.capacity for side in self.sides)

    @property
    def load(self) -> float:
        """Wires used on its fullest side, as a share of those there are."""
        return max((side.used / side.capacity for side in self.sides if side.capacity), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One neuron tile."""

    tile: int
    row: int  # among the neuron tiles
    col: int
    dead: bool
    neurons: tuple[Neuron, ...]
    slots: int  # n
    rows_used: int
    rows: int  # R
    price: float | None  # of its next slot, in the unit of the loss; None where none is free


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link in use."""

    link: int  # its place among all links ever laid
    source: int  # neuron id or, for kind input, input channel
    kind: str  # local, routed or input
    task: int  # of its source; INPUT for kind input
    slot: int  # of its source; -1 for kind input
    target_tile: int
    row: int
    side: str
    hops: int
    path: tuple[tuple[int, int], ...]  # (grid row, grid column) of every cell crossed
    birth_round: int


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Columns of the rounds so far, equally long."""

    rounds: tuple[int, ...]
    columns: Mapping[str, tuple[float, ...]]  # name in CURVES -> one value a round
    borders: tuple[int, ...]  # first rounds of experiences


@dataclass(frozen=True, kw_only=True)
class View:
    """The chip and the books after one round."""

    round: int  # the last one finished; -1 before the first
    total: int  # rounds that there are, or will be
    task: int  # that the round trained
    grid: tuple[int, int]  # rows and columns of neuron tiles
    slots: int  # of a tile
    tiles: tuple[Tile, ...]
    cells: tuple[Cell, ...]
    links: tuple[Link, ...]
    bids: tuple[Row, ...]  # of the last auction
    bids_round: int  # when that was; -1 for never
    prices: AuctionOptions  # base prices
    curves: Curves
    decision: str = ""  # what the gating agent wants and why, where it can be asked
    unit: str = USUAL_UNIT  # of the loss, values and prices
    score: str = USUAL_SCORE  # what accuracy is, a name in ``analysis.units.SCORES``


@dataclass(frozen=True, kw_only=True)
class Books:
    """Rows of the tables from which a view is made; of later rounds too, where they are known."""

    rounds: Sequence[Row]
    neurons: Sequence[Row]
    links: Sequence[Row]
    ports: Mapping[str, np.ndarray]  # columns, of the round in question
    bids: Sequence[Row]  # of the last round that had any
    unit: str = USUAL_UNIT  # of the loss
    score: str = USUAL_SCORE  # what accuracy is


def view_of(config: Config, fabric: Fabric, books: Books, number: int, total: int, decision: str = "") -> View:
    """The view after a round.

    Args:
        config: the run's configuration; its prices are the base prices.
        fabric: its chip.
        books: rows of the tables.
        number: the round; -1 for the empty chip before the first.
        total: rounds of the whole run.
        decision: what the gating agent said in this round.
    """
    alive = [_neuron(row) for row in books.neurons if _present(row, number)]
    cells = _cells(fabric, books.ports, config.auction)
    links = _links(fabric, books.links, {neuron.neuron: neuron for neuron in alive}, number)
    present = next((row for row in books.rounds if row["round"] == number), None)
    return View(
        round=number,
        total=total,
        task=-1 if present is None else int(present["task"]),
        grid=(fabric.options.rows, fabric.options.cols),
        slots=fabric.slots,
        tiles=_tiles(fabric, alive, links, config.auction),
        cells=cells,
        links=links,
        bids=tuple(books.bids),
        bids_round=int(books.bids[0]["round"]) if books.bids else -1,
        prices=config.auction,
        curves=_curves(books.rounds),
        decision=decision,
        unit=books.unit,
        score=books.score,
    )


def _present(row: Row, number: int) -> bool:
    """Whether a neuron or link was there after a round."""
    retired = row["retired_round"]
    return bool(row["birth_round"] <= number and (retired is None or retired > number))


def _neuron(row: Row) -> Neuron:
    return Neuron(**{name: row[name] for name in Neuron.__dataclass_fields__})


def _tiles(fabric: Fabric, alive: Iterable[Neuron], links: Iterable[Link], prices: AuctionOptions) -> tuple[Tile, ...]:
    homes: dict[int, list[Neuron]] = defaultdict(list)
    for neuron in alive:
        homes[neuron.tile].append(neuron)
    rows_used: dict[int, int] = defaultdict(int)
    for link in links:
        rows_used[link.target_tile] += 1
    tiles = []
    for tile in range(fabric.tiles):
        row, col = fabric.position(tile)
        free = fabric.slots - len(homes[tile])
        dead = tile not in fabric.live_tiles
        tiles.append(
            Tile(
                tile=tile,
                row=row,
                col=col,
                dead=dead,
                neurons=tuple(sorted(homes[tile], key=lambda neuron: neuron.slot)),
                slots=fabric.slots,
                rows_used=rows_used[tile],
                rows=fabric.rows_per_tile,
                price=_asked(prices, prices.slot_price, fabric.slots, 0 if dead else free),
            )
        )
    return tuple(tiles)


def _asked(prices: AuctionOptions, base: float, capacity: int, free: int) -> float | None:
    """Price of the next unit; None where none is left."""
    return prices.asked(base, capacity, free) if free > 0 else None


def _cells(fabric: Fabric, ports: Mapping[str, np.ndarray], prices: AuctionOptions) -> tuple[Cell, ...]:
    names = "grid_row", "grid_col", "kind", "side", "direction", "used", "capacity"
    places: dict[tuple[int, int, str], list[Side]] = {}
    for row, col, kind, side, direction, used, capacity in zip(*(ports[n].tolist() for n in names), strict=True):
        price = _asked(prices, prices.wire_price, capacity, capacity - used)
        one = Side(side=side, direction=direction, used=used, capacity=capacity, price=price)
        places.setdefault((row, col, kind), []).append(one)
    return tuple(Cell(row=r, col=c, kind=kind, sides=tuple(sides)) for (r, c, kind), sides in places.items())


def _links(fabric: Fabric, rows: Sequence[Row], alive: Mapping[int, Neuron], number: int) -> tuple[Link, ...]:
    links = []
    for place, row in enumerate(rows):
        if not _present(row, number):
            continue
        source = None if row["kind"] == "input" else alive[row["source"]]
        links.append(
            Link(
                link=place,
                source=row["source"],
                kind=row["kind"],
                task=INPUT if source is None else source.task,
                slot=-1 if source is None else source.slot,
                target_tile=row["target_tile"],
                row=row["row"],
                side=row["side"],
                hops=row["hops"],
                path=tuple(divmod(int(cell), fabric.grid_cols) for cell in row["path"]),
                birth_round=row["birth_round"],
            )
        )
    return tuple(links)


def _curves(rows: Sequence[Row]) -> Curves:
    tasks = [row["experience"] for row in rows]
    return Curves(
        rounds=tuple(int(row["round"]) for row in rows),
        columns={name: tuple(float(row[name]) for row in rows) for name in CURVES},
        borders=tuple(int(row["round"]) for k, row in enumerate(rows) if k and tasks[k] != tasks[k - 1]),
    )
