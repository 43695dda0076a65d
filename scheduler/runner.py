"""Runs that leave a folder: start, resume, and the writing of every round.

A round is done when its checkpoint is on disk: a killed run goes on from the last checkpoint and drops what was
written after it. What it goes on with is compared before: tables, data, configuration, versions.
"""

from __future__ import annotations

import json
import shutil
import time
import tomllib
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from smalti.model.chip import faults
from smalti.model.chip.fabric import NoRoomError
from smalti.scheduler import logs
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import differences, dump, from_mapping, load
from smalti.scheduler.configuration.configure import of_data
from smalti.scheduler.growth import birth_record
from smalti.scheduler.records import checkpoint, snapshots
from smalti.scheduler.records.environment import changes, facts_of, note_changes, note_ended
from smalti.scheduler.records.folder import RunFolder, create_run, open_run
from smalti.scheduler.records.schema import SCHEMA_VERSION
from smalti.scheduler.records.state import joined, split
from smalti.scheduler.records.writer import TableWriter, Written, check_written, drop_in_hand
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Data
from smalti.scheduler.streams.fingerprint import fingerprint
from smalti.scheduler.streams.memory import FILE, data_of, read

FINGERPRINT = "data"  # of data that was in memory, in environment.json
STREAM = "stream"  # likewise, of the stream as the network hears it
FAULTS = "faults"  # likewise, CRC-32 of faults.json
BIRTHS = "births"  # likewise, CRC-32 of the births that the run follows
WRITTEN = "written"  # what the tables held, in a checkpoint
Watcher = Callable[[Simulation], None]


def nothing(simulation: Simulation) -> None:
    """Watch nothing."""


def start(config: Config, out: Path, watch: Watcher, data: Data | None = None, begun: Watcher = nothing) -> Simulation:
    """Run a configuration from the beginning into a new folder.

    Args:
        config: what to run; ``run.quick`` is spelled out in the folder's config.toml.
        out: a folder that does not exist or is empty.
        watch: called after every round.
        data: data in memory, instead of what the configuration names; the folder keeps it, and the configuration in it
            names that file.
        begun: called before the first round, when the folder is there.

    Raises:
        ValueError: for a configuration, data or folder that cannot be used; nothing is left behind.
    """
    if data is not None:
        data, config = data_of(data), of_data(config)
        config = replace(config, stream=replace(config.stream, path=str(out.absolute() / FILE)))
    logs.check(config.run.log)
    simulation = Simulation(config, data=data)
    folder = created(simulation, out, data)
    with folder.lock():
        try:
            begun(simulation)
            _drive(simulation, folder, TableWriter(folder), watch)
        except (ValueError, FloatingPointError):
            if not folder.checkpoint.exists():  # only the first round shows whether a seed expert finds room
                shutil.rmtree(folder.path)
            raise
    return simulation


def created(simulation: Simulation, out: Path, data: Data | None = None) -> RunFolder:
    """The folder of a new run, without a round.

    Args:
        simulation: that begins.
        out: a folder that does not exist or is empty.
        data: that was in memory.

    Raises:
        ValueError: ``out`` is taken.
    """
    files: dict[str, str | bytes] = {}
    stream = simulation.stream
    counts = {"experiences": len(stream.experiences), "steps": stream.steps}
    facts: dict[str, object] = {**counts, STREAM: fingerprint(stream)}
    if simulation.growing.births is not None:
        text = birth_record.dump(simulation.growing.births)
        files[birth_record.FILE], facts[BIRTHS] = text, zlib.crc32(text.encode())
    if simulation.faults is not None:
        files[faults.FILE] = dumped = _faults(simulation)
        facts[FAULTS] = zlib.crc32(dumped.encode())
    if data is not None:
        files[FILE], facts[FINGERPRINT] = data.dump(), data.fingerprint
    config = dump(simulation.config)
    run = simulation.config.run
    return create_run(out, config=config, seed=run.seed, threads=run.threads, files=files, facts=facts)


def resume(path: Path, watch: Watcher, begun: Watcher = nothing) -> Simulation:
    """Go on with a run that was stopped, from its last checkpoint or, before the first, from the beginning.

    Args:
        path: its folder.
        watch: called after every round.
        begun: called before the first of the rounds that are missing.

    Raises:
        ValueError: for something that is no run folder, or a snapshot of one, is in use, was begun by an older version,
            whose config.toml, tables or data were changed, or that lost a part.

    Warns:
        UserWarning: other versions of Python or packages, another commit or processor; environment.json keeps both.
    """
    folder = open_run(path)
    snapshots.check_no_snapshot(path)
    config = load(Config, folder.config)
    facts = facts_of(folder.environment)
    if facts["schema_version"] != SCHEMA_VERSION:
        raise ValueError(
            f"{path} was begun with tables of schema {facts['schema_version']}, this smalti writes {SCHEMA_VERSION}: "
            "resume it with the version that began it, or start a new run"
        )
    recorded = facts.get("threads")
    if not isinstance(recorded, int):
        raise ValueError(f"{folder.environment} is damaged: it does not say how many threads the run had")
    if config.run.threads != recorded:
        raise ValueError(
            f"{path} was run with {recorded} threads; other numbers do not reproduce it: set run.threads back"
        )
    logs.check(config.run.log)
    with folder.lock():
        simulation = fresh(folder, config)
        tables = restore_last(simulation, folder)
        _note_changes(folder, simulation)
        begun(simulation)
        _drive(simulation, folder, tables, watch)
    return simulation


def fresh(folder: RunFolder, config: Config) -> Simulation:
    """The simulation of a run folder before its first round, with the births and the data that the folder keeps.

    Raises:
        ValueError: its data is gone, or is not what the run was begun with.
    """
    path, data = folder.path / FILE, None
    facts = facts_of(folder.environment)
    if FINGERPRINT in facts:
        data = read(path)
        if data.fingerprint != facts[FINGERPRINT]:
            raise ValueError(f"{path} was changed since the run began: set it back, or start a new run")
    simulation = Simulation(config, recorded_births=birth_record.restored(folder.path, facts.get(BIRTHS)), data=data)
    if FAULTS in facts and simulation.faults is not None and facts[FAULTS] != zlib.crc32(_faults(simulation).encode()):
        raise ValueError(
            f"the faults of {config.faults.map or 'the chip'} are not those that {folder.path} was begun with, which "
            f"{folder.path / faults.FILE} keeps: set them back, or start a new run"
        )
    if STREAM not in facts:
        raise ValueError(f"{folder.environment} is damaged: it does not say what data the run was begun with")
    if fingerprint(simulation.stream) != facts[STREAM]:
        where = config.stream.path or f"of the stream {config.stream.name}"
        raise ValueError(
            f"the data {where} is not what {folder.path} was begun with: it, or the way it is read, was changed; set "
            "it back, or start a new run"
        )
    return simulation


def _faults(simulation: Simulation) -> str:
    """What of the chip is dead, or will be, as a file for ``faults.map``."""
    assert simulation.faults is not None
    return json.dumps(faults.file_of(simulation.faults, simulation.fabric), indent=1)


def restore_last(simulation: Simulation, folder: RunFolder) -> TableWriter:
    """Bring a fresh simulation to the last checkpoint of a folder, if there is one, and drop later rows.

    Returns:
        What writes the rows to come.

    Raises:
        ValueError: the configuration or a table was changed, a part or the checkpoint is missing; nothing changes then.
    """
    written = None
    if folder.checkpoint.exists():
        saved = checkpoint.load(folder.checkpoint)
        changed = differences(from_mapping(Config, tomllib.loads(str(saved.facts["config"]))), simulation.config)
        if changed.keys() - {"stream.path", "run.imports", "run.log"}:  # data may have moved, modules only add names
            raise ValueError(
                f"{folder.config} was changed since the run began (in {', '.join(changed)}): set it back, or start a "
                "new run"
            )
        written = cast("Written", saved.facts[WRITTEN])
        check_written(folder, written, cast("int", saved.facts["round"]))
        neurons, links = folder.read_rows("neurons"), folder.read_rows("links")
        simulation.load_state_dict(joined(saved.tensors, saved.facts), neurons, links)
    elif (rounds := folder.rounds_done()) > 1:  # a round is in the tables before its checkpoint is
        raise ValueError(
            f"{folder.checkpoint} is missing, though {rounds} rounds were written: restore it from a copy, or start a "
            "new run"
        )
    snapshots.come_back(folder, simulation.round - 1, simulation.config.run.snapshots)
    drop_in_hand(folder, written)
    return TableWriter(folder, written)


def _note_changes(folder: RunFolder, simulation: Simulation) -> None:
    """Say and keep what is other than when the run was begun or last gone on with."""
    if simulation.finished:
        return
    found = changes(folder.environment)
    if found:
        note_changes(folder.environment, round=simulation.round)
        warnings.warn(
            f"{folder.path} goes on with {', '.join(found)}: numbers before and after round {simulation.round} may not "
            "be those of one machine; environment.json keeps both",
            stacklevel=3,
        )


def _drive(simulation: Simulation, folder: RunFolder, tables: TableWriter, watch: Watcher) -> None:
    with logs.opened(simulation.config.run.log, folder, simulation.round) as told:
        _play(simulation, folder, tables, [watch, lambda now: logs.tell(told, now.rows.rounds[0])])


def _play(simulation: Simulation, folder: RunFolder, tables: TableWriter, watchers: Sequence[Watcher]) -> None:
    config = dump(simulation.config)
    while not simulation.finished:
        number = simulation.round
        try:
            simulation.step()
        except NoRoomError as error:
            note_ended(folder.environment, number, str(error))
            raise
        begin = time.perf_counter()
        rows = simulation.rows
        tables.append("bids", number, rows.bids)
        tables.append("ports", number, rows.ports)
        tables.append("evaluations", number, rows.evaluations)
        tables.append("detections", number, rows.detections)
        tables.append("openings", number, rows.openings)
        tables.append("repairs", number, rows.repairs)
        tables.append("switches", number, rows.switches)
        tables.append("fates", number, rows.fates)
        tables.append("copies", number, rows.copies)
        tables.append("rounds", number, rows.rounds)
        save(simulation, folder, tables, config)
        if snapshots.due(number, simulation.config.run.snapshots):
            snapshots.keep(folder, number)
        simulation.seconds_written = time.perf_counter() - begin
        for watch in watchers:
            watch(simulation)


def save(simulation: Simulation, folder: RunFolder, tables: TableWriter, config: str) -> None:
    """Write what is replaced in every round: neurons, links, and the checkpoint.

    Args:
        simulation, folder: the run.
        tables: of the folder.
        config: content of its config.toml.
    """
    registry = simulation.registry
    if registry.changed:
        tables.rewrite("neurons", registry.neurons)
        tables.rewrite("links", registry.links)
        registry.changed = False
    tensors, facts = split(simulation.state_dict())
    facts |= {"config": config, WRITTEN: tables.written}
    checkpoint.save(folder.checkpoint, tensors, facts)
