"""Files that say which parts of a chip are dead, JSON or CSV (docs/devices.md): read, and held against the chip.

It gives places alone; what they do is in ``model.chip.faults``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from smalti.model.chip.fabric import DIRECTIONS, SIDES, Fabric
from smalti.model.options.values import shown

SIZE = ("rows", "cols", "neurons_per_tile", "wires", "corner_wires")
KINDS = ("dead_rows", "dead_slots", "dead_tiles", "dead_wires")
COLUMNS = ("kind", "row", "col", "side", "direction", "number")
OF_KIND = {
    "dead_row": ("row", "col", "number"),
    "dead_slot": ("row", "col", "number"),
    "dead_tile": ("row", "col"),
    "dead_wire": ("row", "col", "side", "direction", "number"),
    **{f"fabric.{name}": ("number",) for name in SIZE},
}  # kind of a line of a CSV -> columns that it fills
LONGEST = 1_000_000  # lines of a CSV


Form = dict[str, int | tuple[str, ...]]  # parts of a place: how many there are, or which


class Entry(NamedTuple):
    """Something that a file says."""

    kind: str  # of KINDS, or of SIZE
    value: Any  # a place, as JSON has it, or a number
    where: str  # in the file, for messages


def places(path: Path, fabric: Fabric) -> dict[str, list[list[Any]]]:
    """Dead places by their kind, each of which is on the chip.

    Raises:
        ValueError: the file cannot be read, has holes, is of another chip, or names a place that is not on it.
    """
    found = _of_csv(path) if path.suffix.lower() == ".csv" else _of_json(path)
    sizes = {entry.kind: entry for entry in found if entry.kind in SIZE}
    for name in SIZE:
        if name not in sizes:
            raise ValueError(f"faults.map = {path} does not say how large its chip is: give fabric.{name} in a line")
        _, value, where = sizes[name]
        if value != getattr(fabric.options, name):
            raise ValueError(
                f"faults.map = {path}{where} is the map of another chip: its {name} is {shown(value)}, and "
                f"fabric.{name} = {getattr(fabric.options, name)}; give the map of this chip, or change fabric"
            )
    dead: dict[str, list[list[Any]]] = {kind: [] for kind in KINDS}
    for entry in found:
        if entry.kind in dead:
            _check(path, fabric, entry)
            dead[entry.kind].append(entry.value)
    return dead


def _of_json(path: Path) -> list[Entry]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"faults.map = {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"faults.map = {path} is no JSON: {error}") from error
    if not isinstance(found, dict) or set(found) - {*SIZE, *KINDS} or set(SIZE) - set(found):
        raise ValueError(
            f"faults.map = {path} must be an object with the chip's {', '.join(SIZE)} as in [fabric], and of "
            f"{', '.join(KINDS)} what there is"
        )
    entries = [Entry(name, found[name], "") for name in SIZE]
    for kind in KINDS:
        there = found.get(kind, [])
        entries += [Entry(kind, place, "") for place in (there if isinstance(there, list) else [there])]
    return entries


def _of_csv(path: Path) -> list[Entry]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(number, [text.strip() for text in row]) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"faults.map = {path} cannot be read: {error}") from error
    if not lines or tuple(lines[0][1]) != COLUMNS or len(lines) > LONGEST:
        given = ",".join(lines[0][1]) if lines else "nothing"
        raise ValueError(
            f"faults.map = {path}, line 1: the columns are {given[:200]}; give {','.join(COLUMNS)}, and at most "
            f"{LONGEST - 1:,} lines of them"
        )
    entries = [_entry(path, number, row) for number, row in lines[1:]]
    seen: set[str] = set()
    for entry in entries:
        if entry.kind in SIZE and entry.kind in seen:
            raise ValueError(f"faults.map = {path}{entry.where}: fabric.{entry.kind} stands there twice; leave one")
        seen.add(entry.kind)
    return entries


def _entry(path: Path, number: int, row: list[str]) -> Entry:
    """What a line of a CSV says.

    Raises:
        ValueError: it has holes, or says something that there is not.
    """
    where, kind = f", line {number}", row[0]
    if kind not in OF_KIND:
        raise ValueError(
            f"faults.map = {path}{where}: there is no kind {shown(kind)}; take one of {', '.join(OF_KIND)}"
        )
    wanted = OF_KIND[kind]
    if len(row) != len(COLUMNS) or any(bool(text) != (name in wanted) for name, text in _cells(row)):
        raise ValueError(
            f"faults.map = {path}{where}: {kind} needs {', '.join(wanted)} and leaves all other columns empty; the "
            f"line is {','.join(row)[:200]}"
        )
    values = [_number(text) if name in ("row", "col", "number") else text for name, text in _cells(row) if text]
    of_size = kind.startswith("fabric.")
    return Entry(kind.removeprefix("fabric.") if of_size else f"{kind}s", values[0] if of_size else values, where)


def _cells(row: list[str]) -> Iterable[tuple[str, str]]:
    return zip(COLUMNS[1:], row[1:], strict=True)


def _number(text: str) -> int | str:
    """A number from 0 on, or the text as it is, which no place has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _check(path: Path, fabric: Fabric, entry: Entry) -> None:
    """Whether a place is on the chip.

    Raises:
        ValueError: it is not, with what it must be.
    """
    options = fabric.options
    tile: Form = {"row": options.rows, "column": options.cols}
    forms: dict[str, Form] = {
        "dead_rows": {**tile, "crossbar row": fabric.rows_per_tile},
        "dead_slots": {**tile, "slot": fabric.slots},
        "dead_tiles": tile,
        "dead_wires": {
            "grid row": fabric.grid_rows,
            "grid column": fabric.grid_cols,
            "side": SIDES,
            "direction": DIRECTIONS,
            "wire": fabric.wires,
        },
    }
    (kind, place, where), form = entry, forms[entry.kind]
    begin = f"faults.map = {path}{where}: {kind} has {shown(place)}"
    fits = isinstance(place, list) and len(place) == len(form)
    if not fits or not all(_within(value, limit) for value, limit in zip(place, form.values(), strict=True)):
        of = " of a routing tile" if kind == "dead_wires" else ""
        allowed = ", ".join(f"{name} {_range(limit)}" for name, limit in form.items())
        raise ValueError(f"{begin}; on this chip it must be [{allowed}]{of}")
    if kind == "dead_wires":
        cell = place[0] * fabric.grid_cols + place[1]
        if fabric.kind(cell) == "tile":
            raise ValueError(f"{begin}, and there is a neuron tile: give a grid row or a grid column that is even")
        if place[4] >= fabric.capacity[cell * 8]:
            there = _range(int(fabric.capacity[cell * 8]))
            raise ValueError(f"{begin}, and this routing tile, {fabric.kind(cell).upper()}, has wire {there}")


def _range(limit: int | tuple[str, ...]) -> str:
    """What a part of a place may be, in words."""
    if isinstance(limit, tuple):
        return " or ".join(limit)
    return f"0 to {limit - 1}" if limit > 1 else "0" if limit else "none"


def _within(value: Any, limit: int | tuple[str, ...]) -> bool:
    if isinstance(limit, tuple):
        return value in limit
    return type(value) is int and 0 <= value < limit
