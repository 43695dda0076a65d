"""Room for the seed experts of tasks to come: they are placed, on a copy of the chip's books, before anything grows.

It knows the chip's geometry and wires, no spikes. What a seed finds here it finds when its task comes, for growth
leaves alone what is kept for it (``Ledger.keep``, ``Call.kept``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from smalti.agents.expert import output_tiles
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links, Refusal
from smalti.model.growth.options import GrowthOptions
from smalti.scheduler.growth.placing.seed_shape import footprint, seed_links, stages
from smalti.scheduler.streams import Stream

LARGER = (
    ("wires",),
    ("corner_wires",),
    ("neurons_per_tile",),
    ("cols",),
    ("wires", "corner_wires"),
    ("neurons_per_tile", "wires", "corner_wires"),
)  # fields of the chip that may make room, one alone before several
FACTORS = (1.25, 1.5, 2, 3, 4)  # by which they are tried
ENOUGH = 2  # of the ways that help


@dataclass(frozen=True)
class Need:
    """What the outputs of a seed expert, or one stage of its chain, take."""

    wires: Counter[int] = field(default_factory=Counter)  # port -> wires
    slots: Counter[int] = field(default_factory=Counter)  # tile -> slots

    def give_up(self, served: Need) -> None:
        """Take what has been served out of this."""
        for kept, part in ((self.wires, served.wires), (self.slots, served.slots)):
            for key, count in part.items():
                kept[key] -= count
                if not kept[key]:
                    del kept[key]


@dataclass(frozen=True)
class Placed:
    """Where a seed expert would stand."""

    needs: tuple[Need, ...]  # its outputs, then its stages
    obstacle: str = ""  # why it finds no place; empty where it does
    home: int = -1  # tile of its outputs; -1 where none has room for them


@dataclass(frozen=True)
class Room:
    """What is kept for seed experts, in the order in which it is taken."""

    needs: tuple[Need, ...] = ()

    def after(self, taken: int) -> Need:
        """What is still kept once the first ``taken`` of them have been served."""
        kept = Need()
        for need in self.needs[taken:]:
            kept.wires.update(need.wires)
            kept.slots.update(need.slots)
        return kept


def label_sets(stream: Stream, first: int, shared: bool) -> list[tuple[int, ...]]:
    """Classes of the experts that experiences from ``first`` on will need, as the gating agent shares them out.

    Args:
        stream: the experiences.
        first: the first that counts.
        shared: whether one expert serves all classes.
    """
    if shared:
        return [tuple(range(stream.classes))]
    found: list[tuple[int, ...]] = []
    for experience in stream.experiences[first:]:
        if not any(set(experience.classes) <= set(known) for known in found):
            found.append(experience.classes)
    return found


def seed_widths(stream: Stream, sets: Sequence[tuple[int, ...]], options: GrowthOptions) -> list[int]:
    """Widths of the seeds of experts for these classes, each founded for the first task that it serves."""
    first = (next(e.task for e in stream.experiences if set(e.classes) <= set(classes)) for classes in sets)
    return [options.width_for(task) for task in first]


def empty(fabric: Fabric) -> dict[int, list[int]]:
    """The slots of a chip without a neuron, by tile."""
    return {tile: list(range(tile * fabric.slots, (tile + 1) * fabric.slots)) for tile in range(fabric.tiles)}


def place_seeds(
    links: Links,
    free: Mapping[int, Sequence[int]],
    first: int,
    outputs: Sequence[int],
    widths: Sequence[int],
    everywhere: bool = False,
) -> list[Placed]:
    """Place seed experts one after the other, up to the first that finds no place.

    Where the way to the south tile whose turn it is is barred, the others are tried.

    Args:
        links: the chip's books; a copy of them is used.
        free: tile -> its free slots.
        first: number of the first of these experts.
        outputs: output units of each.
        widths: of each, the neurons of its seed in every tile of its footprint.
        everywhere: whether that is all of the chip.
    """
    books, slots = links.copy(), {tile: list(there) for tile, there in free.items()}
    placed: list[Placed] = []
    for number, (count, width) in enumerate(zip(outputs, widths, strict=True), first):
        homes = output_tiles(links.fabric, number, slots, count)
        if not homes:
            return [*placed, Placed((), f"no south tile has {count} free slots for its outputs")]
        tried = []
        for home in homes:
            book, there = books.copy(), {tile: list(free_there) for tile, free_there in slots.items()}
            tried.append(place_seed(book, there, home, count, width, everywhere))
            if not tried[-1].obstacle:
                books, slots = book, there
                break
        if tried[-1].obstacle:
            return [*placed, tried[0]]
        placed.append(tried[-1])
    return placed


def place_outputs(fabric: Fabric, free: Mapping[int, Sequence[int]], first: int, outputs: Sequence[int]) -> Room:
    """Room for the outputs of experts alone, as far as there is any; arguments as for ``place_seeds``."""
    slots, needs = {tile: list(there) for tile, there in free.items()}, []
    for number, count in enumerate(outputs, first):
        homes = output_tiles(fabric, number, slots, count)
        needs.append(Need(slots=Counter({home: count for home in homes[:1]})))
        for home in homes[:1]:
            del slots[home][-count:]
    return Room(tuple(needs))


def place_seed(
    links: Links, free: Mapping[int, list[int]], home: int, outputs: int, width: int, everywhere: bool = False
) -> Placed:
    """Place the seed of an expert whose outputs are in the tile ``home``; books and free slots are changed."""
    fabric = links.fabric
    for slot in free[home][-outputs:]:
        links.add_local(slot)
    del free[home][-outputs:]
    needs, led, obstacles = [Need(slots=Counter({home: outputs}))], {}, Counter[str]()
    for stage in _chain(fabric, home, everywhere):
        need = Need()
        for tile, targets in stage:
            for _ in range(width):
                if obstacle := _put(links, free[tile], tile, targets, need):
                    obstacles[obstacle] += 1
                else:
                    led[tile] = targets[0] if targets else home
        needs.append(need)
    return Placed(tuple(needs), "" if _heard(fabric, led, home) else obstacles.most_common(1)[0][0], home)


@lru_cache(maxsize=64)
def _chain(fabric: Fabric, home: int, everywhere: bool) -> list[list[tuple[int, tuple[int, ...]]]]:
    """Stages of a seed: its tiles, with those that a neuron there must reach. Every task asks for it anew."""
    tiles = footprint(fabric, home, everywhere)
    within = frozenset(tiles)
    needed = {tile: seed_links(fabric, tile, within, home)[0] for tile in tiles}
    return [[(tile, needed[tile]) for tile in stage] for stage in stages(fabric, tiles, home)]


def _put(links: Links, free: list[int], tile: int, targets: Sequence[int], need: Need) -> str:
    """Place one neuron with the links that it must have; says what is in its way."""
    if not free:
        return f"tile {links.fabric.position(tile)} is full"
    offers = [links.offer(free[0], target) for target in targets]
    for offer in offers:
        if isinstance(offer, Refusal):
            return offer.reason
        links.lay(offer)
        need.wires.update(offer.new_ports)
    links.add_local(free.pop(0))
    need.slots[tile] += 1
    return ""


def _heard(fabric: Fabric, led: Mapping[int, int], home: int) -> bool:
    """Whether a chain of placed neurons leads from a tile with inputs to the outputs; ``led``: tile -> next one."""
    for start in fabric.north_tiles:
        tile, seen = start, set[int]()
        while tile in led and tile not in seen:
            if led[tile] == home:
                return True
            seen.add(tile)
            tile = led[tile]
    return False


def advice(fabric: FabricOptions, outputs: Sequence[int], widths: Sequence[int], everywhere: bool = False) -> str:
    """Settings of the chip on which all these experts find a place, each tried; in words."""
    if _fits(fabric, outputs, widths, everywhere):
        return "the seeds of all tasks alone would fit: lower growth.max_neurons, or raise growth.reserve"
    found: list[str] = []
    helpful: list[tuple[str, ...]] = []
    for names in LARGER:
        beyond = not any(set(known) <= set(names) for known in helpful)  # one field alone is less than it and others
        if beyond and len(found) < ENOUGH and (settings := _smallest(fabric, names, outputs, widths, everywhere)):
            found.append(settings)
            helpful.append(names)
    if len({*widths}) > 1:
        found.append("smaller growth.seed_widths")
    elif widths[0] > 1:
        found.append("growth.seed_width = 1, which needs less")
    if found:
        return f"there is room for all {len(outputs)} experts with {', or with '.join(found)} (tried)"
    dead = (
        "take some of fabric.dead_tiles and fabric.dead_routers out, "
        if fabric.dead_tiles + fabric.dead_routers
        else ""
    )
    return f"{dead}give the chip more columns, neurons and wires (fabric), or the stream fewer tasks"


def _smallest(
    fabric: FabricOptions, names: Sequence[str], outputs: Sequence[int], widths: Sequence[int], everywhere: bool
) -> str:
    """The smallest growth of some fields that makes room for all, as settings; empty where none does."""
    for factor in FACTORS:
        larger = {name: max(getattr(fabric, name) + 1, round(getattr(fabric, name) * factor)) for name in names}
        if _fits(replace(fabric, **larger), outputs, widths, everywhere):
            return " and ".join(f"fabric.{name} = {value}" for name, value in larger.items())
    return ""


def _fits(options: FabricOptions, outputs: Sequence[int], widths: Sequence[int], everywhere: bool) -> bool:
    """Whether an empty chip has room for all these experts."""
    chip = Fabric(options)
    links = Links(chip, chip.channels)  # at worst the data fill the north
    return not place_seeds(links, empty(chip), 0, outputs, widths, everywhere)[-1].obstacle
