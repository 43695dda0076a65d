"""A small data set, a configuration that runs in a third of a second, and one finished run, for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings

from smalti.model.chip.fabric import FabricOptions
from smalti.model.gating.networks.staged import on_chip
from smalti.model.growth.options import GrowthOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.learning.training import TrainingOptions
from smalti.scheduler.records.checkpoint import load as load_checkpoint
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.records.schema import TABLES
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import StreamOptions, memory

settings.register_profile("untimed", deadline=None)  # a machine may be busy
settings.load_profile("untimed")

CLASSES, CHANNELS, SAMPLES = 4, 8, 24  # samples of a class
MakeConfig = Callable[..., Config]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes that a few neurons can tell apart, by firing probability."""
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    x, y = make_blobs()
    np.savez(path, x=x, y=y)
    return path


def make_blobs() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    prototypes = chance.random((CLASSES, CHANNELS)) ** 2
    y = np.repeat(np.arange(CLASSES), SAMPLES)
    return np.clip(prototypes[y] + 0.05 * (chance.random((len(y), CHANNELS)) - 0.5), 0, 1), y


@pytest.fixture(scope="session")
def timed() -> Callable[..., memory.Data]:
    """``timed(tasks=3, alike=False, samples=60)``: tasks whose answers are asked at steps.

    Which of two halves of six channels fires more is to be said from step 6 of 14 on; of every second task, unless they
    are alike, by the opposite sign.
    """

    def make(tasks: int = 3, alike: bool = False, samples: int = 60) -> memory.Data:
        side = np.random.default_rng(0).integers(2, size=tasks * samples)
        rate = np.full((len(side), 14, 6), 0.2, dtype=np.float32)
        rate[side == 0, :, :3] = 0.8
        rate[side == 1, :, 3:] = 0.8
        task = np.repeat(np.arange(tasks), samples)
        sign = np.ones(len(side)) if alike else np.where(task % 2, -1.0, 1.0)
        said = np.zeros((len(side), 14, 2), dtype=np.float32)
        said[:, 6:, 0], said[:, 6:, 1] = (sign * (2 * side - 1))[:, None], 0.5
        weights = np.repeat((np.arange(14) >= 6).astype(np.float32)[None], len(side), 0)
        return memory.arrays(rate, targets=said, weights=weights, task=[f"t{k}" for k in task])

    return make


@pytest.fixture(scope="session")
def tiny(blobs: Path) -> MakeConfig:
    """``tiny(training={"rounds": 1}, ...)``: two tasks of two classes on a chip of 2 x 2 tiles, with changes."""
    base = Config(
        fabric=FabricOptions(rows=2, cols=2, neurons_per_tile=8, wires=8, corner_wires=2),
        stream=StreamOptions(name="arrays", path=str(blobs), steps=12),
        training=TrainingOptions(rounds=3, steps=4, batch=16, warm_up=2, learning_rate=0.02),
        growth=GrowthOptions(probe=32, reserve=1, until=0.7),
    )

    def make(**changes: dict[str, object]) -> Config:
        assert set(changes) <= {field.name for field in fields(Config)}
        return replace(base, **{name: replace(getattr(base, name), **new) for name, new in changes.items()})

    return make


@pytest.fixture(scope="session")
def finished_run(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of ``tiny()``; do not write to it."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    start(tiny(), path, lambda simulation: None)
    return path


@pytest.fixture(scope="session")
def timed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose samples ask for targets; every task gets a seed expert that hears what a read-out would hear."""
    path = tmp_path_factory.mktemp("timed") / "run"
    options = {
        "stream.cognitive.tasks": ("fdgo", "delaygo", "dm1"),
        "stream.cognitive.trials": 64,
        "training": {"rounds": 2, "steps": 30, "restarts": ()},
        "growth.when": "never",
        "growth.reuse.grow": "always",
        "growth.reuse.beside": True,
    }
    start(configure("cognitive", options), path, lambda simulation: None)
    return path


@pytest.fixture(scope="session")
def check() -> Callable[[Simulation], None]:
    """``check(simulation)``: what must hold after every round of any run."""
    return check_books


@pytest.fixture(scope="session")
def play() -> Callable[[Config], tuple[Simulation, list[RoundRows]]]:
    """``play(config)``: a whole run, checked after every round; the simulation and the rows of its rounds."""

    def run(config: Config) -> tuple[Simulation, list[RoundRows]]:
        simulation, rounds = Simulation(config), []
        while not simulation.finished:
            simulation.step()
            check_books(simulation)
            rounds.append(simulation.rows)
        return simulation, rounds

    return run


def check_books(simulation: Simulation) -> None:
    """What must hold after every round of any run."""
    check_wires(simulation)
    check_devices(simulation)
    check_registry(simulation)
    check_rows(simulation)


def check_wires(simulation: Simulation) -> None:
    """The ledger, counted anew from the links: one wire for each source on a side, within every capacity."""
    links = simulation.network.links
    sources: dict[int, set[int]] = {}
    for (source, _), path in links.paths.items():
        for port in path.ports:
            sources.setdefault(port, set()).add(source)
    used = np.zeros_like(links.ledger.used)
    used[list(sources)] = [len(holders) for holders in sources.values()]
    assert (used == links.ledger.used).all()
    assert (used <= simulation.fabric.capacity).all()
    assert used.sum() > 0 or simulation.faults  # which may take every way across the chip


def check_devices(simulation: Simulation) -> None:
    """Devices in use stand where a link meets a neuron; all others weigh nothing."""
    state, fabric, links = simulation.network.state, simulation.fabric, simulation.network.links
    assert all(int(state.source[tile, row]) == source for (source, tile), row in links.rows.items())
    assert int((state.source >= 0).sum()) == len(links.rows)
    assert not state.weight.detach()[~state.mask].any()
    assert not (state.mask & (state.source < 0)[:, :, None]).any()
    assert not (state.mask & ~state.alive.view(fabric.tiles, 1, fabric.slots)).any()
    members = [slot for expert in simulation.gating.experts for slot in expert.members().tolist()]
    chip = on_chip(simulation.gating.gate)
    members += [] if chip is None else chip.slots.tolist()
    assert sorted(set(members)) == torch.nonzero(state.alive).flatten().tolist()
    assert not {fabric.tile_of_slot(slot) for slot in members} - set(fabric.live_tiles)


def check_registry(simulation: Simulation) -> None:
    """The tables of neurons and links agree with the network."""
    registry, links, fabric = simulation.registry, simulation.network.links, simulation.fabric
    alive = {row["slot"]: row for row in registry.neurons if row["retired_round"] is None}
    assert len(alive) == sum(row["retired_round"] is None for row in registry.neurons)
    assert {slot: row["neuron"] for slot, row in alive.items()} == registry.id_of_slot
    assert sorted(alive) == torch.nonzero(simulation.network.state.alive).flatten().tolist()
    assert [row["neuron"] for row in registry.neurons] == list(range(len(registry.neurons)))
    outputs = simulation.network.state.output
    assert all((row["kind"] == "output") == bool(outputs[slot]) for slot, row in alive.items())
    assert all(row["tile"] == fabric.tile_of_slot(row["slot"]) for row in registry.neurons)
    present = set()
    for row in registry.links:
        if row["retired_round"] is None:
            neuron = registry.neurons[row["source"]] if row["kind"] != "input" else None
            assert neuron is None or neuron["retired_round"] is None
            source = neuron["slot"] if neuron else fabric.neurons + row["source"]
            present.add((source, row["target_tile"], row["row"], tuple(row["path"]), row["kind"]))
    assert present == {(*key, row, links.paths[key].cells, links.kind(*key)) for key, row in links.rows.items()}


def check_rows(simulation: Simulation) -> None:
    """Rows of the round agree with each other and with the chip."""
    (row,), bids, state = simulation.rows.rounds, simulation.rows.bids, simulation.network.state
    number, registry = simulation.round - 1, simulation.registry
    born = [neuron for neuron in registry.neurons if neuron["birth_round"] == number]
    won = [bid for bid in bids if bid["won"]]
    given = [slot for bid in won for slot in (bid["slot"], bid["twin"]) if slot >= 0]
    assert sorted(given) == sorted(n["birth_slot"] for n in born if n["kind"] == "hidden")
    assert all(bid["slot"] == bid["twin"] == -1 for bid in bids if not bid["won"])
    assert all(bid["reason"] and bid["round"] == number for bid in bids)
    assert row["born"] == len(born)
    assert row["retired"] == sum(neuron["retired_round"] == number for neuron in registry.neurons)
    assert row["neurons"] == int((state.alive & ~state.output).sum())
    assert row["links"] == sum(link["retired_round"] is None for link in registry.links)
    assert row["devices"] == int(state.mask.sum())
    assert row["wires"] == simulation.rows.ports["used"].sum() == simulation.network.links.ledger.used.sum()
    assert all(row[name] >= 0 for name in row if name.startswith("seconds"))


@pytest.fixture(scope="session")
def state_of() -> Callable[[Path], object]:
    """``state_of(folder)``: all of the last checkpoint of a run but the checksums of its tables, which hold times."""

    def read(folder: Path) -> object:
        saved = load_checkpoint(RunFolder(folder).checkpoint)
        tensors = {name: tensor.numpy().tobytes() for name, tensor in saved.tensors.items()}
        return tensors, saved.facts | {"written": None}

    return read


@pytest.fixture(scope="session")
def timeless() -> Callable[[Path], dict[str, pd.DataFrame]]:
    """``timeless(folder)``: all tables of a run without the columns of the clock."""

    def read(folder: Path) -> dict[str, pd.DataFrame]:
        tables = {name: pd.read_parquet(folder / "tables" / name) for name in TABLES}
        return {name: t[[c for c in t.columns if not c.startswith("seconds")]] for name, t in tables.items()}

    return read
