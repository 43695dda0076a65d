"""What ``smalti benchmark continual`` prints, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from smalti.analysis.comparison import CONTINUAL
from smalti.scheduler.comparing.continual import Benchmark, Trial
from smalti.scheduler.comparing.folder import ComparisonFolder

SCOPE = list(CONTINUAL.scope)
COLUMNS = {  # metric -> heading, format and factor; shown where a method has it
    "experts_accuracy": ("experts alone, %", ".1f", 100),
    "gate_accuracy": ("gate alone, %", ".1f", 100),
    "backward_transfer": ("backward transfer", "+.1f", 100),
    "detected": ("detected", ".2f", 1),
    "fired_again": ("returns noticed", ".2f", 1),
    "delay": ("delay", ".1f", 1),
    "false": ("false alarms", ".2f", 1),
    "neurons": ("neurons", ",.0f", 1),
    "wires": ("wires", ",.0f", 1),
    "spikes_per_sample": ("spikes", ",.0f", 1),
    "operations_per_sample": ("adds on chip", ",.0f", 1),
    "gate_adds_per_sample": ("adds of gate", ",.0f", 1),
    "gate_stored_values": ("values of gate", ",.0f", 1),
    "stored_values": ("values stored", ",.0f", 1),
    "seconds": ("seconds", ",.0f", 1),
}
Cells = tuple[str, ...]


def print_benchmark(
    benchmark: Benchmark, folder: ComparisonFolder, errors: Mapping[Trial, str], split: str, console: Console
) -> None:
    """A table for each stream and setting, then what failed and where the tables are."""
    summary, differences = folder.read("summary"), folder.read("differences")
    for scope, part in summary.groupby(SCOPE, sort=False):
        table = Table(title=", ".join(map(str, scope)), title_justify="left")
        metrics = shown(part)
        head = heading(metrics, split, benchmark.options.control)
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right", no_wrap=number < 3)
        for cells in lines(part, differences, metrics):
            table.add_row(*cells)
        console.print(table)
    for name, method in benchmark.methods.items():
        if method.about:
            console.print(f"{name}: {method.about}", markup=False, highlight=False)
    failed = [trial for trial, error in errors.items() if error]
    if failed:
        console.print(f"{len(failed)} of {len(errors)} runs failed; they are left out.", style="red")
    console.print(f"\nfolder: {folder.path}", highlight=False, markup=False, soft_wrap=True)


def markdown(summary: pd.DataFrame, differences: pd.DataFrame, split: str) -> str:
    """One table for all streams and settings."""
    control = str(differences["control_method"].iloc[0]) if len(differences) else "control"
    metrics = shown(summary)
    head = ("stream", "setting", *heading(metrics, split, control))
    rows = [head, tuple("---" for _ in head)]
    for scope, part in summary.groupby(SCOPE, sort=False):
        rows += [(*map(str, scope), *cells) for cells in lines(part, differences, metrics)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def shown(summary: pd.DataFrame) -> list[str]:
    """Metrics of ``COLUMNS`` that are in a summary."""
    return [metric for metric in COLUMNS if metric in set(summary["metric"])]


def heading(metrics: Sequence[str], split: str, control: str) -> Cells:
    """Names of the columns."""
    return ("method", f"{split} accuracy, %", f"minus {control}", *(COLUMNS[metric][0] for metric in metrics))


def lines(part: pd.DataFrame, differences: pd.DataFrame, metrics: Sequence[str]) -> Iterator[Cells]:
    """Cells of every method of one stream and setting."""
    stream, setting = part[SCOPE].iloc[0]
    here = differences[(differences["stream"] == stream) & (differences["setting"] == setting)]
    apart = here[here["metric"] == "accuracy"].set_index("method")
    for method, rows in part.groupby("method", sort=False):
        mean = rows.set_index("metric")["mean"]
        accuracy = rows[rows["metric"] == "accuracy"].iloc[0]
        difference = _points(apart.loc[str(method)], "+.1f") if method in apart.index else ""
        yield (str(method), _points(accuracy, ".1f"), difference, *(_cell(mean, metric) for metric in metrics))


def _cell(mean: pd.Series, metric: str) -> str:
    _, form, factor = COLUMNS[metric]
    return f"{factor * mean[metric]:{form}}" if metric in mean else ""


def _points(row: pd.Series, form: str) -> str:
    mean, low, high = (100 * float(row[name]) for name in ("mean", "low", "high"))
    return f"{mean:{form}}" if low != low else f"{mean:{form}} [{low:{form}}, {high:{form}}]"
