"""An answer's whole work, chip and gating network together, against a static net that learns all classes at once.

    python benchmarks/work.py --out runs/work
    python benchmarks/work.py --stream fsdd --path free-spoken-digit-dataset.zip --out runs/work

As in ``gates.py``, one run a seed is enough for all gates off the chip: each is shown the training samples of that run,
experience after experience, and asked at the end. One on the chip takes slots, and so a run of its own, on a chip with
larger tiles where it has more columns than the usual ones have room for. The joint net is that of ``smalti benchmark
continual``: one expert with about as many neurons, all there from the start, no gate. Everything else is as in the
default configuration. What counts as work: ``smalti.analysis.account``. The command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.gates import listen
from smalti.analysis.account import BYTES
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.gating import GatingOptions
from smalti.model.gating.stages import StageOptions
from smalti.scheduler.config import Config, RunOptions
from smalti.scheduler.configure import configure
from smalti.scheduler.experiments.running import run_all
from smalti.scheduler.records.rows import Row, evaluation_rows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST, VALIDATION

PARTS = {"validation": VALIDATION, "test": TEST}
ADDS = ("operations_per_sample", "gate_adds_per_sample", "gate_counted_spikes")
MEANS = (*ADDS, "multiplications_per_sample", "gate_multiplications_per_sample", "gate_stored_values", "latency")
JOINT = {
    "stream.setting": "joint",
    "training.rounds": 50,
    "gating": {"experts": "shared", "protect": False, "vote": 0.0},
    "growth": {"when": "never", "seed_width": 9},
}


@dataclass(frozen=True)
class Works:
    """Compare what answers take.

    Attributes:
        stream: digits or fsdd.
        path: archive of fsdd.
        seeds: runs of either net.
        out: folder of the runs.
        workers: runs at a time; 0 takes every core.
    """

    stream: str = "digits"
    path: str = ""
    seeds: int = 3
    out: Path = Path("runs/work")
    workers: int = 0


def conditions(stream: str) -> Mapping[str, GatingOptions]:
    """Name -> options of the gate; of fsdd the windows matter, of digits the steps that are listened to."""
    gaussian = GatingOptions()
    lda, staged = replace(gaussian, network="lda"), replace(gaussian, network="staged")
    nearest = StageOptions(networks=("prototype", "gaussian"))
    both = {
        "gaussian": gaussian,
        "gaussian, rank 3": replace(gaussian, rank=3),
        "lda": lda,
        "staged": staged,
        "staged, all classes": replace(staged, stages=StageOptions(classes=0)),
        "staged, nearest mean first": replace(staged, stages=nearest),
        "trunk": replace(gaussian, network="trunk"),
    }
    if stream == "digits":
        looks = StageOptions(networks=("lda", "lda", "lda", "gaussian"), heard=(1, 2, 3, 5), merged=True)
        return {
            **both,
            "gaussian, 10 steps": replace(gaussian, listen=10),
            "staged, 10 steps": replace(staged, listen=10),
            "staged, early exit": replace(staged, windows=5, stages=looks),
        }
    looks = StageOptions(networks=("lda", "lda", "lda", "gaussian"), heard=(2, 3, 5, 5))
    return {
        **both,
        "gaussian, 2 windows": replace(gaussian, windows=2),
        "gaussian, 2 windows, rank 3": replace(gaussian, windows=2, rank=3),
        "lda, 2 windows": replace(lda, windows=2),
        "staged, 2 windows": replace(staged, windows=2),
        "staged, early exit": replace(staged, windows=5, stages=looks),
    }


def on_chip(stream: str) -> Mapping[str, Mapping[str, object]]:
    """Name -> options of runs whose gate stands on the chip."""
    plain = {"gating.network": "crossbar", "gating.windows": 1 if stream == "digits" else 2}
    staged = {**plain, "gating.network": "staged", "gating.stages.networks": ("crossbar", "gaussian")}
    if stream == "digits":
        return {
            "crossbar": plain,
            "crossbar, 8 of 16 taps": {**plain, "gating.crossbar.taps": 8},
            "crossbar, 4 centres": {**plain, **_wide(64, 4)},
            "crossbar, 8 centres": {**plain, **_wide(96, 8)},
            "crossbar, then gaussian": staged,
            "crossbar, 4 centres, then gaussian": {**staged, **_wide(64, 4)},
        }
    return {
        "crossbar, 1 window": {**plain, **_wide(48, 1), "gating.windows": 1},
        "crossbar, 2 windows": {**plain, **_wide(48, 1)},
        "crossbar, 5 windows": {**plain, **_wide(80, 1), "gating.windows": 5},
        "crossbar, 2 windows, 4 centres": {**plain, **_wide(112, 4)},
        "crossbar, 2 windows, 8 centres": {**plain, **_wide(192, 8)},
        "crossbar, 2 windows, then gaussian": {**staged, **_wide(48, 1)},
    }


def _wide(slots: int, centres: int) -> Mapping[str, object]:
    return {"fabric.neurons_per_tile": slots, "gating.crossbar.centres": centres}


def trials(options: Works) -> Mapping[str, Config]:
    """Runs by name: the growing net with a gate off the chip, those with one on it, the joint net; for every seed."""
    where = {"stream.name": options.stream, **({"stream.path": options.path} if options.path else {})}
    grown = {**where, "stream.setting": "class"}
    chips = {name: configure({**grown, **more}) for name, more in on_chip(options.stream).items()}
    kinds = {"grown": configure(grown), "joint": configure({**where, **JOINT}), **chips}
    names = product(kinds.items(), range(options.seeds))
    return {
        _name(options.stream, kind, seed): replace(config, run=RunOptions(seed=seed)) for (kind, config), seed in names
    }


def _name(stream: str, kind: str, seed: int) -> str:
    """Name of a run, and so of its folder."""
    return f"{stream}-{kind.replace(', ', '-').replace(' ', '-')}{seed}"


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Works, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 170)
    told = trials(options)
    failed = run_all(
        told, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False), options.workers
    )
    runs = {name: restored(load_run(options.out / name)) for name in told if name not in failed}

    def of(kind: str) -> list[Simulation]:
        names = (_name(options.stream, kind, seed) for seed in range(options.seeds))
        return [runs[name] for name in names if name in runs]

    joint, grown = [measure(run, "joint") for run in of("joint")], of("grown")
    chips = {name: [measure(run, "class") for run in of(name)] for name in on_chip(options.stream)}
    found = {name: [measure_gate(run, gate) for run in grown] for name, gate in conditions(options.stream).items()}
    there = {name: measured for name, measured in {"joint net": joint, **found, **chips}.items() if measured}
    console.print(view(options.stream, there))


def measure_gate(simulation: Simulation, options: GatingOptions) -> dict[str, float]:
    """As ``measure``, with another gating network, which is shown what it would have been shown."""
    listen(simulation, options)
    return measure(simulation, "class")


def measure(simulation: Simulation, setting: str) -> dict[str, float]:
    """Accuracies without a label, and what answers to test samples take, means over experiences.

    Args:
        simulation: finished.
        setting: of the answers: class or joint.
    """
    agent, stream = simulation.gating, simulation.stream
    rows: dict[str, list[Row]] = {name: [] for name in PARTS}
    for experience, (split, part) in product(stream.experiences, PARTS.items()):
        x, wanted = simulation.batches_of(experience).evaluation(part)
        all_rows = evaluation_rows(agent, stream, len(stream.experiences) - 1, experience, split, x, wanted)
        rows[split] += [row for row in all_rows if row["setting"] == setting]

    def average(split: str, column: str) -> float:
        return mean(float(str(row[column])) for row in rows[split])

    values = {split: average(split, "accuracy") for split in PARTS} | {name: average("test", name) for name in MEANS}
    products = values.pop("multiplications_per_sample") + values.pop("gate_multiplications_per_sample")
    state = simulation.network.state
    held = int(state.mask.sum()) + int(state.alive.sum())  # as in the account
    return {**values, "adds": sum(values[name] for name in ADDS), "multiplications": products, "chip_values": held}


def view(stream: str, found: Mapping[str, list[dict[str, float]]]) -> Table:
    """A row a gate: accuracies of every seed, means of the rest, additions in units of the joint net's."""
    title = f"{stream}, class-incremental: accuracy in %, one a seed; test samples for the rest"
    table = Table(title=title, title_justify="left")
    names = (
        "gate",
        *PARTS,
        "adds: chip",
        "gate",
        "counts",
        "in all",
        "of joint",
        "mult.",
        "chip kB",
        "gate kB",
        "steps",
    )
    for number, column in enumerate(names):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    joint = mean(run["adds"] for run in found["joint net"])
    for name, runs in found.items():
        means = {key: mean(run[key] for run in runs) for key in runs[0]}
        accuracies = [" / ".join(f"{100 * run[split]:.1f}" for run in runs) for split in PARTS]
        adds = [f"{means[key]:,.0f}" for key in (*ADDS, "adds")]
        kilobytes = [f"{BYTES * means[key] / 1000:,.1f}" for key in ("chip_values", "gate_stored_values")]
        rest = f"{means['multiplications']:,.0f}", *kilobytes
        table.add_row(name, *accuracies, *adds, f"{means['adds'] / joint:.2f}", *rest, f"{means['latency']:.1f}")
    return table


if __name__ == "__main__":
    main()
