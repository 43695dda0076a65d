"""An answer's whole work, chip and gating network together, against a static net that learns all classes at once.

    python benchmarks/work.py --out runs/work
    python benchmarks/work.py --stream fsdd --path free-spoken-digit-dataset.zip --out runs/work

As in ``gates.py``, one run a seed is enough for all gates: each is shown the training samples of that run, experience
after experience, and asked at the end. One on the chip takes slots: its columns are borne on a run whose tiles are
larger, after each experience. The joint net is that of ``smalti benchmark continual``: one expert with about as many
neurons, all there from the start, no gate. Everything else is as in the default configuration. What counts as work:
``smalti.analysis.measures.account``. The command goes on where it was stopped.
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
from benchmarks.script import script
from smalti.analysis.measures.account import BYTES
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run
from smalti.model.gating import GatingOptions
from smalti.model.gating.crossbar import CrossbarOptions
from smalti.model.gating.stages import StageOptions
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.configure import configure
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
ROOMY = {"fabric.neurons_per_tile": 192}


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


def on_chip(stream: str) -> Mapping[str, GatingOptions]:
    """Name -> options of a gate that stands on the chip; of fsdd in two windows unless others are named."""
    one = GatingOptions(network="crossbar", windows=1 if stream == "digits" else 2)
    first = StageOptions(networks=("crossbar", "gaussian"))
    several = {f"crossbar, {k} centres": replace(one, crossbar=CrossbarOptions(centres=k)) for k in (2, 4, 8)}
    others: dict[str, GatingOptions] = {}
    if stream == "digits":
        others["crossbar, 8 of 16 taps"] = replace(one, crossbar=CrossbarOptions(taps=8))
    else:
        others = {f"crossbar, {name}": replace(one, windows=n) for name, n in (("1 window", 1), ("5 windows", 5))}
    return {
        "crossbar": one,
        **others,
        **several,
        "crossbar, then gaussian": replace(one, network="staged", stages=first),
        "crossbar, 4 centres, then gaussian": replace(several["crossbar, 4 centres"], network="staged", stages=first),
    }


def trials(options: Works) -> Mapping[str, Config]:
    """Runs by name: the growing net, the same on larger tiles, and the joint net; for every seed."""
    where = {"stream.name": options.stream, **({"stream.path": options.path} if options.path else {})}
    grown = {**where, "stream.setting": "class"}
    kinds = {"grown": configure(grown), "joint": configure({**where, **JOINT}), "roomy": configure({**grown, **ROOMY})}
    names = product(kinds.items(), range(options.seeds))
    return {
        f"{options.stream}-{kind}{seed}": replace(config, run=RunOptions(seed=seed)) for (kind, config), seed in names
    }


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Works, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 170)
    told = trials(options)
    failed = run_all(
        told, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False), options.workers
    )

    def of(kind: str) -> list[Run]:
        names = (f"{options.stream}-{kind}{seed}" for seed in range(options.seeds))
        return [load_run(options.out / name) for name in names if name not in failed]

    grown = [restored(run) for run in of("grown")]
    found = {"joint net": [measure(restored(run), "joint") for run in of("joint")]}
    found |= {name: [measure_gate(run, gate) for run in grown] for name, gate in conditions(options.stream).items()}
    for name, gate in on_chip(options.stream).items():  # anew for each: it changes the chip
        found[name] = [measure_gate(restored(run), gate) for run in of("roomy")]
    console.print(view(options.stream, found))


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
    script(main)
