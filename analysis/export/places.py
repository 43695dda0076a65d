"""Wires one by one: where each lies between two tiles, and which number it has there."""

from __future__ import annotations

from typing import NamedTuple

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.links import Links
from smalti.model.chip.routes import Path

OUTSIDE = -1  # whence inputs come


class Segment(NamedTuple):
    """The wires between two neighbouring cells, in one direction."""

    leaves: int  # port by which they leave a cell, or OUTSIDE
    enters: int  # port by which they enter the next one

    @property
    def side_out(self) -> int:
        """Side of the cell that they leave."""
        return self.leaves // 2 % 4

    @property
    def side_in(self) -> int:
        """Side of the cell that they enter."""
        return self.enters // 2 % 4


def segments(kind: str, path: Path) -> list[Segment]:
    """What a link goes through, first to last; nothing for a local one.

    Args:
        kind: of the link: local, routed or input.
        path: of the link.
    """
    ports = [OUTSIDE, *path.ports] if kind == "input" else list(path.ports)
    return [Segment(*pair) for pair in zip(ports[::2], ports[1::2], strict=True)]


def wires_of(fabric: Fabric, links: Links) -> dict[tuple[Segment, int], int]:
    """Number of the wire that a source has in a segment; where a tile is entered, that of its row on this side."""
    there: dict[Segment, set[int]] = {}
    last: dict[tuple[Segment, int], int] = {}
    for (source, tile), path in links.paths.items():
        way = segments(links.kind(source, tile), path)
        for segment in way:
            there.setdefault(segment, set()).add(source)
        if way:
            last[way[-1], source] = links.rows[source, tile] - fabric.slots - path.side * fabric.wires
    among = {(segment, source): k for segment, all_ in there.items() for k, source in enumerate(sorted(all_))}
    return among | last
