"""Kinds of input: how a sound one is made, and what a mutated one is given to."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from mutations import Chance, mutated_array, mutated_bytes, mutated_table, mutated_toml
from scipy.io import wavfile

from smalti.analysis.outcomes import outcomes
from smalti.analysis.runs import load_run
from smalti.scheduler.cli import main
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump, flatten, from_mapping, load, nested
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.experiments.design import rows_of
from smalti.scheduler.experiments.reading import FILES, load_experiment
from smalti.scheduler.experiments.students.student_teacher import StudentTeacherOptions
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

SMALL = {
    "fabric": {"rows": 2, "cols": 2, "neurons_per_tile": 8, "wires": 8, "corner_wires": 2},
    "training": {"rounds": 2, "steps": 2, "batch": 16, "warm_up": 2},
    "growth": {"probe": 16, "reserve": 1},
    "stream": {"name": "arrays", "steps": 8},
    "network": {"kinds": {"plain": {}, "slow": {"tau_most_ms": 40.0, "synapse_ms": 5.0, "adaptation": 0.2}}},
}
LONG = ("training.", "growth.candidates", "growth.pool", "growth.practice", "growth.rewiring.proposals", "stream.")
LONG += (
    "gating.learned.steps",
    "growth.seed_width",
    "growth.births",
    "fabric.",
)  # numbers that make a run long, as they should
EXTREMES = (-1, 0, 1, 2, 3, 7, 64, 1000, 10**4, 10**5, 10**6, 10**9, 10**12, 2**63 - 1, 2**63, 10**400)
EXTREMES_OF_FLOATS = (0.0, 1e-320, 1e-12, 1e-9, 1e-3, 0.5, 0.999999, 1.0, 2.0, 1e3, 1e6, 1e9, 1e12, 1e30, 1e308)
EXTREMES_OF_FLOATS += (float("inf"), float("-inf"), float("nan"), -1.0, -1e9)

WRONG_FACTS = (None, -1, 10**400, "", "x", [], {}, [1], 1.5, True, {"a": None})

Try = Callable[[Path, Path, Chance], object]  # of the sound inputs, a fresh folder and chance


def command(*arguments: object) -> None:
    """The command line must end with 0 or 2; 1 is a run that diverged."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code in (0, 1, 2), f"exit code {code}"


def make_sound(folder: Path) -> None:
    """A sound input of every kind."""
    chance = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 12)
    x = np.clip(chance.random((4, 8))[y] ** 2 + 0.05 * chance.random((48, 8)), 0, 1)
    np.savez(folder / "arrays.npz", x=x, y=y, task=y // 2)
    np.save(folder / "x.npy", x)
    idx = folder / "idx"
    idx.mkdir()
    for part, count in (("train", 20), ("t10k", 8)):
        images, labels = chance.integers(0, 256, (count, 6, 4)).astype(np.uint8), np.arange(count, dtype=np.uint8) % 4
        for name, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
            packed = part == "t10k"
            raw = header + values.tobytes()
            (idx / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(raw) if packed else raw)
    with zipfile.ZipFile(folder / "fsdd.zip", "w") as archive:
        for digit in (0, 1):
            for speaker in ("ann", "bob"):
                for number in range(3, 10):  # up to 4 they are the test part
                    audio, file = (3000 * np.sin(np.arange(1600) * (digit + 1) / 5)).astype(np.int16), io.BytesIO()
                    wavfile.write(file, 8000, audio)
                    archive.writestr(f"recordings/{digit}_{speaker}_{number}.wav", file.getvalue())
    config = small(folder)
    (folder / "run.toml").write_text(dump(config), encoding="utf-8")
    (folder / "students.toml").write_text(dump(StudentTeacherOptions()), encoding="utf-8")
    start(config, folder / "finished", lambda simulation: None)
    with contextlib.suppress(KeyboardInterrupt):
        start(config, folder / "stopped", _stop)


def warm_up(sound: Path) -> None:
    """Read one sound input of each kind, so that what libraries take for themselves is taken."""
    for name, file in (("arrays", "arrays.npz"), ("mnist", "idx"), ("fsdd", "fsdd.zip")):
        command("data", name, sound / file)
    command("show", sound / "finished")
    outcomes(load_run(sound / "stopped"))
    simulation = Simulation(small(sound))
    while not simulation.finished:
        simulation.step()


def small(folder: Path) -> Config:
    """A configuration that runs in a moment."""
    return from_mapping(Config, {**SMALL, "stream": {**SMALL["stream"], "path": str(folder / "arrays.npz")}})


def _stop(simulation: Simulation) -> None:
    if simulation.round == 3:
        raise KeyboardInterrupt


def npz_bytes(sound: Path, fresh: Path, chance: Chance) -> None:
    """A damaged .npz."""
    file = fresh / "mutated.npz"
    file.write_bytes(mutated_bytes((sound / "arrays.npz").read_bytes(), chance))
    command("data", "arrays", file)


def npz_arrays(sound: Path, fresh: Path, chance: Chance) -> None:
    """A sound .npz of arrays that are not."""
    with np.load(sound / "arrays.npz") as there:
        arrays = dict(there)
    for _ in range(int(chance.integers(1, 3))):
        name = str(chance.choice(list(arrays)))
        arrays[name] = mutated_array(arrays[name], chance)
    if chance.random() < 0.1:
        arrays.pop(str(chance.choice(list(arrays))))
    np.savez(fresh / "mutated.npz", **arrays)
    command("data", "arrays", fresh / "mutated.npz")


def npz_headers(sound: Path, fresh: Path, chance: Chance) -> None:
    """An .npz with sound checksums, one of whose arrays is damaged."""
    with zipfile.ZipFile(sound / "arrays.npz") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = str(chance.choice(list(parts)))
    head = parts[name][:128]
    parts[name] = mutated_bytes(head, chance) + parts[name][128:]
    with zipfile.ZipFile(fresh / "mutated.npz", "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    command("data", "arrays", fresh / "mutated.npz")


def npy(sound: Path, fresh: Path, chance: Chance) -> None:
    """A damaged .npy where an .npz is asked for."""
    (fresh / "mutated.npy").write_bytes(mutated_bytes((sound / "x.npy").read_bytes(), chance))
    command("data", "arrays", fresh / "mutated.npy")


def idx(sound: Path, fresh: Path, chance: Chance) -> None:
    """One file of four damaged, gzip or not."""
    shutil.copytree(sound / "idx", fresh / "idx")
    file = Path(str(chance.choice(sorted(map(str, (fresh / "idx").iterdir())))))
    raw = file.read_bytes()
    if file.suffix == ".gz" and chance.random() < 0.5:
        file.write_bytes(gzip.compress(mutated_bytes(gzip.decompress(raw), chance)))
    else:
        file.write_bytes(
            mutated_bytes(raw[:64], chance) + raw[64:] if chance.random() < 0.5 else mutated_bytes(raw, chance)
        )
    command("data", "mnist", fresh / "idx")


def fsdd(sound: Path, fresh: Path, chance: Chance) -> None:
    """A damaged zip, or a sound one with a damaged recording."""
    raw, file = (sound / "fsdd.zip").read_bytes(), fresh / "fsdd.zip"
    if chance.random() < 0.4:
        file.write_bytes(mutated_bytes(raw, chance))
    else:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = str(chance.choice(list(parts)))
        parts[name] = mutated_bytes(parts[name][:60], chance) + parts[name][60:]
        with zipfile.ZipFile(file, "w") as archive:
            for part, data in parts.items():
                archive.writestr(part, data)
    command("data", "fsdd", file)


def run_toml(sound: Path, fresh: Path, chance: Chance) -> None:
    """The file of a run, read and checked but not run."""
    file = fresh / "mutated.toml"
    file.write_bytes(mutated_toml((sound / "run.toml").read_text(encoding="utf-8"), chance))
    _taken(lambda: configure(file))


def experiment_toml(sound: Path, fresh: Path, chance: Chance) -> None:
    """A file of sweep, compare or benchmark; the trials of a small one are listed."""
    shipped = sorted(FILES.glob("*.toml"))
    source, file = shipped[int(chance.integers(len(shipped)))], fresh / "mutated.toml"
    if chance.random() < 0.5:
        source = FILES / "example.toml"
    file.write_bytes(mutated_toml(source.read_text(encoding="utf-8"), chance))

    def read() -> None:
        experiment = load_experiment(file, {"fsdd": str(sound / "fsdd.zip")})
        if len(experiment.places()) * max(1, experiment.options.seeds) < 20:
            rows_of(experiment.shortened())

    _taken(read)


def students_toml(sound: Path, fresh: Path, chance: Chance) -> None:
    """What the folder of a student-teacher experiment holds."""
    file = fresh / "mutated.toml"
    file.write_bytes(mutated_toml((sound / "students.toml").read_text(encoding="utf-8"), chance))
    _taken(lambda: load(StudentTeacherOptions, file))


def run_folder(sound: Path, fresh: Path, chance: Chance) -> None:
    """A run folder with one file damaged, emptied or gone."""
    kind = str(chance.choice(["finished", "stopped"]))
    run = fresh / kind
    shutil.copytree(sound / kind, run)
    files = sorted(path for path in run.rglob("*") if path.is_file())
    file = files[int(chance.integers(len(files)))]
    if file.stat().st_size and chance.random() < 0.85:
        toml = file.suffix == ".toml" and chance.random() < 0.5
        file.write_bytes(mutated_toml(file.read_text(), chance) if toml else mutated_bytes(file.read_bytes(), chance))
    else:
        file.unlink()
    if kind == "stopped" and chance.random() < 0.6:
        _taken(lambda: resume(run, lambda simulation: None))
    else:
        read_run(run, sound, chance)


def read_run(run: Path, sound: Path, chance: Chance) -> None:
    """One of those who read the folder of a run."""
    readers: tuple[Callable[[], object], ...] = (
        lambda: outcomes(load_run(run)),
        lambda: load_run(run).predict(np.zeros((2, 8))),
        lambda: Simulation(configure(small(sound), {"growth.birth_record": str(run)})),
    )
    which = int(chance.integers(len(readers) + 2))
    if which < len(readers):
        _taken(readers[which])
    else:
        command("show", run)


def run_tables(sound: Path, fresh: Path, chance: Chance) -> None:
    """A run folder with a sound table that says something else, or other facts."""
    run = fresh / "run"
    shutil.copytree(sound / "finished", run)
    if chance.random() < 0.2:
        facts = json.loads((run / "environment.json").read_text())
        facts[str(chance.choice(list(facts)))] = WRONG_FACTS[int(chance.integers(len(WRONG_FACTS)))]
        (run / "environment.json").write_text(json.dumps(facts))
    else:
        files = sorted((run / "tables").rglob("*.parquet"))
        file = files[int(chance.integers(len(files)))]
        mutated_table(pd.read_parquet(file), chance).to_parquet(file)
    read_run(run, sound, chance)


def keras(sound: Path, fresh: Path, chance: Chance) -> None:
    """The .npz of MNIST with arrays that are not as they should be."""
    images, labels = chance.integers(0, 256, (20, 6, 4)).astype(np.uint8), np.arange(20, dtype=np.uint8) % 4
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:8], "y_test": labels[:8]}
    name = str(chance.choice(list(arrays)))
    arrays[name] = mutated_array(arrays[name], chance)
    np.savez(fresh / "keras.npz", **arrays)
    command("data", "mnist", fresh / "keras.npz")


def config_values(sound: Path, fresh: Path, chance: Chance) -> None:
    """A field of the configuration at an extreme: a quick run, or the beginning of a long one."""
    config = small(sound)
    usual = flatten(config)
    name = str(chance.choice([name for name, value in usual.items() if type(value) in (int, float)]))
    extremes = EXTREMES if type(usual[name]) is int else EXTREMES_OF_FLOATS
    value = extremes[int(chance.integers(len(extremes)))]

    def begin() -> None:
        changed = configure(replace(config, run=replace(config.run, quick=True)), nested({name: value}))
        simulation = Simulation(changed)
        if not (name.startswith(LONG) and abs(value) >= 1000):
            while not simulation.finished:
                simulation.step()

    _taken(begin)


def _taken(action: Callable[[], object]) -> None:
    """Taken, or refused in one of the ways that the command line tells without a traceback."""
    with warnings.catch_warnings(), contextlib.suppress(ValueError, OSError, FloatingPointError):
        warnings.simplefilter("ignore")
        action()


KINDS: dict[str, Try] = {
    attempt.__name__: attempt
    for attempt in (
        *(npz_bytes, npz_arrays, npz_headers, npy, idx, keras, fsdd, run_toml, experiment_toml, students_toml),
        *(run_folder, run_tables, config_values),
    )
}
ORDER = (*KINDS, "run_folder", "config_values")  # these twice as often
