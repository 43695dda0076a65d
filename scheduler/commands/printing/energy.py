"""What ``smalti show --energy`` prints: counts, joules and seconds of a run, by task and in all."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from smalti.analysis.hardware.architecture import Architecture, architecture
from smalti.analysis.hardware.energy import ALL, energy, totals
from smalti.analysis.runs import load_run

TITLES = {
    "answer": "an answer, mean over samples of the last evaluation",
    "training": "all training: synaptic operations forward and backward, devices programmed",
}
POWERS = {1.0: "", 1e-3: "m", 1e-6: "u", 1e-9: "n", 1e-12: "p", 1e-15: "f"}


def print_energy(path: Path, file: str, console: Console) -> None:
    """Counts of a run with what they take, and joules by task.

    Args:
        path: folder of the run.
        file: architecture file, or the name of one that comes along.
        console: where it is printed.
    """
    chip = architecture(file)
    table = energy(load_run(path), chip)
    console.print(f"{chip.name}: {chip.source}", markup=False, highlight=False, soft_wrap=True)
    for part, title in TITLES.items():
        console.print(_counts(table[(table["part"] == part) & (table["task"] == ALL)], title))
    console.print(_by_task(totals(table)))
    console.print(_note(table, chip), markup=False, highlight=False, soft_wrap=True)


def in_units(value: float, unit: str) -> str:
    """A quantity with a prefix: 23.6 pJ; - where it is not known."""
    if math.isnan(value):
        return "-"
    power = next((p for p in POWERS if value >= p), 1e-15) if value else 1.0
    return f"{value / power:.3g} {POWERS[power]}{unit}"


def _counts(rows: pd.DataFrame, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("what", "count", "energy", "time, one after another"):
        table.add_column(name, justify="right" if len(table.columns) else "left")
    for row in rows.to_dict("records"):
        static = row["what"] == "static"
        count = in_units(row["count"], "s") if static else f"{row['count']:,.1f}"
        table.add_row(row["what"], count, in_units(row["joules"], "J"), in_units(row["seconds"], "s"))
    return table


def _by_task(sums: pd.DataFrame) -> Table:
    table = Table(title="by task", title_justify="left")
    for name in ("task", "an answer", "its time", "all its training", "time"):
        table.add_column(name, justify="right" if len(table.columns) else "left")
    found = sums.set_index(["task", "part"])
    for task in sums["task"].unique():
        cells = []
        for part in TITLES:
            there = (task, part) in found.index
            cells += [in_units(float(found.loc[(task, part), "joules"]), "J") if there else ""]
            cells += [in_units(float(found.loc[(task, part), "seconds"]), "s") if there else ""]
        table.add_row(str(task), *cells)
    return table


def _note(table: pd.DataFrame, chip: Architecture) -> str:
    costless = table[table["joules"].isna() & (table["count"] > 0) & (table["what"] != "step")]["what"].unique()
    missing = [*costless, *(["static power"] if math.isnan(chip.power.static) else [])]
    return f"not in the joules, for the file has no cost of it: {', '.join(missing)}" if missing else ""
