"""Wires one by one, where each lies between two tiles and which number it has there; and what of a chip is dead."""

from __future__ import annotations

from typing import Any, NamedTuple

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import file_of
from smalti.model.chip.links import Links
from smalti.model.chip.routes import Path
from smalti.model.network import Network

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


class Ends(NamedTuple):
    """Number of a wire on the two sides that it lies between."""

    leaving: int
    entering: int


def wires_of(fabric: Fabric, links: Links) -> dict[tuple[Segment, int], Ends]:
    """Numbers of the wire that a source has in a segment.

    On a side with dead wires it is that by which the chip's ledger knows it; else its place among the sources there,
    or where a neuron tile is entered that of its row on this side.
    """
    there: dict[Segment, set[int]] = {}
    last: dict[tuple[Segment, int], int] = {}
    for (source, tile), path in links.paths.items():
        way = segments(links.kind(source, tile), path)
        for segment in way:
            there.setdefault(segment, set()).add(source)
        if way:
            last[way[-1], source] = links.rows[source, tile] - fabric.slots - path.side * fabric.wires
    among = {(segment, source): k for segment, all_ in there.items() for k, source in enumerate(sorted(all_))}
    known = {(port, source): number for port, source, number in links.ledger.numbers()}
    return {
        (segment, source): Ends(*(known.get((port, source), number) for port in segment))
        for (segment, source), number in (among | last).items()
    }


def faults_of(network: Network) -> dict[str, Any] | None:
    """The faults that act on a network: what is dead, as ``model.chip.faults.file_of``, and whether the mapper knew."""
    links = network.links
    return None if links.faults is None else {**file_of(links.faults, links.fabric), "known": links.faults_known}
