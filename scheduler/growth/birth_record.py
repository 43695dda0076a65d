"""The births of a finished run, to be followed by another one: how many neurons, in which rounds, on which tiles.

A run that follows keeps them in its own folder, so that it can be resumed whatever becomes of the other one.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalti.agents.auction.bids import GATE, SEED
from smalti.model.chip.fabric import Fabric
from smalti.model.growth.options import GrowthOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.records.folder import open_run

FILE = "births.json"


@dataclass(frozen=True)
class Births:
    """Grown neurons, seeds and outputs left out."""

    born: tuple[tuple[int, int], ...]  # (round, tile) of each

    def places(self, round_number: int) -> Counter[int]:
        """Births of a round by tile."""
        return Counter(tile for number, tile in self.born if number == round_number)


def read(options: GrowthOptions, fabric: Fabric, tasks: Sequence[int], rounds: int) -> Births:
    """The births of the run that ``growth.birth_record`` names.

    Args:
        options: say which run, and when its births are to happen.
        fabric: chip of the run that follows.
        tasks: its tasks in order.
        rounds: rounds of each of them.

    Raises:
        ValueError: there is no such run, it is not finished, or its stream or chip is another.
    """
    try:
        folder = open_run(options.birth_record)
        chip = load(Config, folder.config).fabric
    except ValueError as error:
        raise ValueError(f"growth.birth_record = {options.birth_record!r} cannot be followed: {error}") from error
    start = options.birth_record_at == "start"
    recorded = [row["task"] for row in folder.read_rows("rounds")]
    length = len(recorded) // len(tasks) if start else rounds  # rounds of a task there
    if not length or recorded != [task for task in tasks for _ in range(length)]:
        raise ValueError(
            f"growth.birth_record = {options.birth_record!r} has {len(recorded)} rounds and {len(set(recorded))} "
            f"tasks, this run {len(tasks) * rounds} and {len(tasks)}: give a finished run of the same stream"
            + ("" if start else " and training.rounds")
        )
    for name in ("rows", "cols", "neurons_per_tile"):
        if getattr(chip, name) != getattr(fabric.options, name):
            raise ValueError(
                f"growth.birth_record = {options.birth_record!r} was run with fabric.{name} = {getattr(chip, name)}, "
                f"this run has {getattr(fabric.options, name)}: tiles would not be the same; set it to that"
            )
    births = [
        (_round(int(str(row["birth_round"])), length, rounds, start), int(str(row["birth_slot"])) // fabric.slots)
        for row in folder.read_rows("neurons")
        if row["rule"] not in (SEED, GATE) and not (start and row["retired_round"] is not None)
    ]
    for _, tile in births:
        if tile not in fabric.live_tiles:
            raise ValueError(
                f"growth.birth_record = {options.birth_record!r} bore a neuron in tile {fabric.position(tile)}, which "
                "is dead here: take it out of fabric.dead_tiles"
            )
    return Births(tuple(births))


def _round(recorded: int, length: int, rounds: int, start: bool) -> int:
    """Round of a birth here: the recorded one, or the first of its task."""
    return recorded // length * rounds if start else recorded


def dump(births: Births) -> str:
    """JSON that ``parse`` reads."""
    return json.dumps(births.born) + "\n"


def restored(folder: Path, checksum: int | None) -> Births | None:
    """The births that a run folder keeps, None where it follows no other run.

    Args:
        folder: the run folder.
        checksum: CRC-32 of the file; None where there is none.

    Raises:
        ValueError: the file is missing, damaged or another.
    """
    if checksum is None:
        return None
    file = folder / FILE
    try:
        if zlib.crc32(file.read_bytes()) != checksum:
            raise ValueError("its checksum is another")
        return Births(tuple((int(number), int(tile)) for number, tile in json.loads(file.read_bytes())))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}); restore it from a copy, or start a new run") from error
