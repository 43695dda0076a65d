"""What told widths would have come to on a chip that is nearly full, beside what was learned without being told.

    smalti benchmark budget-cognitive --out runs/budget-cognitive --seeds 2
    python benchmarks/hindsight.py runs/budget-cognitive

Of the experiment's folder it takes the variants of equal blocks, one for each budget, and inputs alone (``never``, a
width of 0): experts that hear nobody, in as many widths. For each budget the best width of every task is chosen by
exact search on validation data (``growth.hindsight``), every task having output units of its own, and what
these experts say of test data stands beside the variants that were run on that budget. Nothing is trained.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.analysis.growth.hindsight import alone, best_widths
from smalti.analysis.outcomes import measures, resources
from smalti.analysis.runs import Run, load_run

CONTROLS = ("blocks", "never")  # variants whose experts hear nobody and do not grow
NAME = re.compile(r"(b\d+)_(.+)_seed(\d+)_[0-9a-f]+$")  # of a trial: budget, variant, seed
HELD = 0.9  # accuracy from which a task counts as held


@dataclass(frozen=True)
class Hindsight:
    """Compare told widths with what was learned.

    Attributes:
        out: folder of the experiment.
    """

    out: tyro.conf.Positional[Path]


@dataclass(frozen=True)
class Held:
    """What one order of the tasks came to on one budget."""

    variant: str
    held: float  # tasks
    accuracy: float
    hidden: float  # neurons


Trials = dict[tuple[str, str, int], Run]  # budget, variant, seed -> run


def main() -> None:
    """Print a row for each budget and variant, the told optimum first."""
    options = tyro.cli(Hindsight, description=__doc__)
    runs = finished(options.out)
    view = Table("budget", "variant", "tasks at 90 %", "mean over tasks, %", "hidden neurons", "orders")
    for budget in sorted({budget for budget, _, _ in runs}, key=lambda name: int(name[1:])):
        seeds = sorted({seed for there, _, seed in runs if there == budget})
        found = [row for seed in seeds for row in of_order(runs, budget, seed)]
        for variant in dict.fromkeys(row.variant for row in found):
            rows = [row for row in found if row.variant == variant]
            held, accuracy, hidden = (
                mean(getattr(row, name) for row in rows) for name in ("held", "accuracy", "hidden")
            )
            view.add_row(budget, variant, f"{held:.1f}", f"{100 * accuracy:.1f}", f"{hidden:.0f}", str(len(rows)))
    Console(width=120).print(view)


def finished(out: Path) -> Trials:
    """The runs of an experiment that are done, whichever command has run them.

    Raises:
        ValueError: there is none.
    """
    found = [(NAME.match(folder.name), folder) for folder in sorted((out / "trials").glob("*"))]
    runs = {
        (name[1], name[2], int(name[3])): load_run(folder, keep=True)
        for name, folder in found
        if name is not None and (folder / "finished").exists()
    }
    if not runs:
        raise ValueError(f"{out} has no finished trials of smalti benchmark budget-cognitive: run it first")
    return runs


def of_order(runs: Trials, budget: str, seed: int) -> Iterator[Held]:
    """The optimum, then every variant, with one order of the tasks."""
    here = {variant: run for (there, variant, other), run in runs.items() if (there, other) == (budget, seed)}
    single = {width(run): run for (_, variant, s), run in runs.items() if s == seed and variant.startswith(CONTROLS)}
    if not single:
        raise ValueError(f"order {seed} has nothing to choose from: run variants of {' and '.join(CONTROLS)}")
    hidden = slots_of(next(iter(here.values()))) - max(int(resources(run)["outputs"]) for run in single.values())
    told = best_widths(alone(single, "validation"), hidden)
    answers = alone(single, "test")
    accuracy = [float(answers.loc[task, answers.columns == told[task]].iloc[0]) for task in answers.index]
    name = f"told, of widths {', '.join(map(str, sorted(single)))}"
    yield Held(name, sum(one >= HELD for one in accuracy), mean(accuracy), float(told.sum()))
    for variant, run in here.items():
        values = measures(run, "task", "test")
        yield Held(variant, values["tasks_90"], values["accuracy"], resources(run)["neurons"])


def slots_of(run: Run) -> int:
    """Slots of its chip, output units included."""
    left = resources(run)
    return int(left["slots"] + left["outputs"])


def width(run: Run) -> int:
    """Hidden neurons of a task's expert: none where only the first task gets one."""
    growth = run.config["growth"]
    return 0 if growth["reuse"]["grow"] == "never" else int(growth["seed_width"])


if __name__ == "__main__":
    script(main)
