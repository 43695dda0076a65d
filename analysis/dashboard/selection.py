"""What is selected on the page, and what is to be said about it: facts and a table. Knows no browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smalti.analysis.dashboard.view import Cell, Link, Neuron, Tile, View

MOST_BIDS = 200  # rows shown
KIND_NAMES = {"tile": "neuron tile", "r1": "routing tile R1", "r0": "corner routing tile R0"}


@dataclass(frozen=True)
class Selection:
    """One thing on the chip."""

    kind: str  # tile, cell (a routing tile), neuron or link
    number: int  # tile, cell (grid_row * grid columns + grid_col), neuron id or Link.link


@dataclass(frozen=True)
class Table:
    """A table whose rows may lead to another selection."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    leads: tuple[Selection | None, ...]  # one a row
    marked: frozenset[int] = frozenset()  # places of rows that stand out


@dataclass(frozen=True)
class Details:
    """What is said about a selection."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...] = ()


def read_selection(key: str) -> Selection | None:
    """A selection from the key of a shape on the page, such as ``tile:3``; None for no key of ours."""
    kind, _, number = key.partition(":")
    known = kind in ("tile", "cell", "neuron", "link") and number.isdecimal()
    return Selection(kind, int(number)) if known else None


def details(view: View, selection: Selection) -> Details | None:
    """What there is to say; None for something that is not on the chip in this round."""
    match selection.kind:
        case "tile":
            return next((_tile(view, tile) for tile in view.tiles if tile.tile == selection.number), None)
        case "cell":
            return next((_cell(view, cell) for cell in view.cells if cell_number(view, cell) == selection.number), None)
        case "neuron":
            return next((_neuron(view, one) for one in neurons(view) if one.neuron == selection.number), None)
        case _:
            return next((_link(view, link) for link in view.links if link.link == selection.number), None)


def bids_table(view: View) -> Table:
    """Bids of the last auction: winners first, then by surplus, then those for which there was no room."""
    bids = sorted(view.bids, key=lambda row: (not row["won"], math.isnan(row["surplus"]), -row["surplus"]))[:MOST_BIDS]
    when = f" in round {view.bids_round}" if bids else ""
    more = f", the best {MOST_BIDS} of {len(view.bids)}" if len(view.bids) > len(bids) else ""
    rows = tuple(
        (
            str(row["candidate"]),
            _place(view, row["tile"]),
            str(row["task"]),
            str(row["rule"]),
            *(coins(row[name]) for name in ("value", "cost", "price", "surplus")),
            str(row["reason"]),
        )
        for row in bids
    )
    columns = ("candidate", "tile", "task", "rule", "value", "cost", "price", "surplus", "why won or lost")
    return Table(
        f"bids of the last auction{when}{more}; value, cost, price and surplus in {view.unit} per sample",
        columns,
        rows,
        tuple(Selection("tile", row["tile"]) for row in bids),
        frozenset(place for place, row in enumerate(bids) if row["won"]),
    )


def lit(view: View, selection: Selection | None) -> frozenset[int]:
    """Links (``Link.link``) to be shown up with a selection: those from and to a tile, of a neuron, through a cell."""
    if selection is None:
        return frozenset()
    homes = {one.neuron: one.tile for one in neurons(view)}
    number = selection.number

    def belongs(link: Link) -> bool:
        source = None if link.kind == "input" else link.source
        match selection.kind:
            case "tile":
                return link.target_tile == number or (source is not None and homes[source] == number)
            case "cell":
                return number in {row * width(view) + col for row, col in link.path}
            case "neuron":
                return source == number
            case _:
                return link.link == number

    return frozenset(link.link for link in view.links if belongs(link))


def neurons(view: View) -> list[Neuron]:
    """All living neurons."""
    return [one for tile in view.tiles for one in tile.neurons]


def width(view: View) -> int:
    """Columns of the full grid."""
    return 2 * view.grid[1] + 1


def cell_number(view: View, cell: Cell) -> int:
    """Number of a cell of the full grid."""
    return cell.row * width(view) + cell.col


def coins(value: float | None) -> str:
    """A price or value for reading; full for a resource of which none is left, a dash for what nobody could tell."""
    if value is None:
        return "full"
    return "-" if math.isnan(value) else f"{value:.3g}"


def _place(view: View, tile: int) -> str:
    return f"({tile // view.grid[1]}, {tile % view.grid[1]})"


def _tile(view: View, tile: Tile) -> Details:
    title = f"tile {_place(view, tile.tile)}"
    if tile.dead:
        return Details(title, (("state", "broken: nothing is placed here"),))
    outputs = sum(one.kind == "output" for one in tile.neurons)
    hidden = len(tile.neurons) - outputs
    facts = (
        ("neurons", f"{hidden} hidden, {outputs} outputs; {len(tile.neurons)} of {tile.slots} slots"),
        ("rows in use", f"{tile.rows_used} of {tile.rows}"),
        ("next slot", f"{coins(tile.price)} {view.unit}" if tile.price is not None else "none is free"),
    )
    rows = tuple((str(n.neuron), str(n.slot), n.kind, str(n.task), n.rule, str(n.birth_round)) for n in tile.neurons)
    columns = ("neuron", "slot", "kind", "task", "rule", "born in round")
    leads = tuple(Selection("neuron", n.neuron) for n in tile.neurons)
    entering = [link for link in view.links if link.target_tile == tile.tile and link.kind != "local"]
    return Details(
        title,
        facts,
        (Table("neurons, outputs included", columns, rows, leads), _link_table(view, "links that enter", entering)),
    )


def _cell(view: View, cell: Cell) -> Details:
    title = f"{KIND_NAMES[cell.kind]} at ({cell.row}, {cell.col}) of the grid"
    if cell.broken:
        return Details(title, (("state", "no wire crosses it"),))
    rows = tuple(
        (side.side, side.direction, str(side.used), str(side.capacity), coins(side.price))
        for side in cell.sides
        if side.capacity
    )
    sides = Table("wires", ("side", "", "in use", "of", f"next, {view.unit}"), rows, (None,) * len(rows))
    through = [link for link in view.links if (cell.row, cell.col) in link.path]
    facts = (("fullest side", f"{cell.load:.0%} in use"), ("links through it", str(len(through))))
    return Details(title, facts, (sides, _link_table(view, "links through it", through)))


def _neuron(view: View, one: Neuron) -> Details:
    out = [link for link in view.links if link.kind != "input" and link.source == one.neuron]
    facts = (
        ("kind", one.kind),
        ("tile, slot", f"{_place(view, one.tile)}, {one.slot}"),
        ("task", str(one.task)),
        ("made by", one.rule),
        ("born in round", str(one.birth_round)),
    )
    return Details(f"neuron {one.neuron}", facts, (_link_table(view, "its links", out),))


def _link(view: View, link: Link) -> Details:
    facts = (
        ("from", _source(link)),
        ("into tile", _place(view, link.target_tile)),
        ("kind", link.kind),
        ("crossbar row", f"{link.row}, side {link.side}"),
        ("route", " → ".join(f"({row}, {col})" for row, col in link.path) or "stays in its tile"),
        ("routing tiles crossed", str(link.hops)),
        ("laid in round", str(link.birth_round)),
    )
    return Details(f"link from {_source(link)} into tile {_place(view, link.target_tile)}", facts)


def _source(link: Link) -> str:
    return f"input {link.source}" if link.kind == "input" else f"neuron {link.source}"


def _link_table(view: View, title: str, links: Sequence[Link]) -> Table:
    rows = tuple(
        (_source(link), _place(view, link.target_tile), link.kind, str(link.hops), str(link.birth_round))
        for link in links
    )
    leads = tuple(Selection("link", link.link) for link in links)
    return Table(title, ("from", "into tile", "kind", "hops", "laid in round"), rows, leads)
