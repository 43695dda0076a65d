"""What ``smalti compare FILE.toml`` prints."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich.console import Console
from rich.table import Table

from smalti.analysis.comparison import CONDITION
from smalti.analysis.growth_outcomes import AFTER
from smalti.scheduler.commands.compare_view import interval
from smalti.scheduler.comparing.folder import ComparisonFolder
from smalti.scheduler.comparing.plan import Condition, Plan

MEANS = {"neurons": ".0f", "hops": ".0f", "hop_spikes": ".0f", "steps_to_control": ".0f", "compute_to_static": ".2f"}


def print_growth(
    plan: Plan, folder: ComparisonFolder, errors: Mapping[Condition, str], split: str, console: Console
) -> None:
    """A table for each setting, then what failed and where the tables are."""
    summary, differences, against = (folder.read(n) for n in ("summary", "differences", "against_reference"))
    for setting in plan.settings:
        console.print(
            setting_view(setting, split, *(t[t["setting"] == setting] for t in (summary, differences, against)))
        )
    failed = [one for one, error in errors.items() if error]
    if failed:
        console.print(f"{len(failed)} of {len(errors)} runs failed; they are left out.", style="red")
    console.print(f"\nfolder: {folder.path}", highlight=False, markup=False, soft_wrap=True)


def setting_view(
    setting: str, split: str, summary: pd.DataFrame, differences: pd.DataFrame, against: pd.DataFrame
) -> Table:
    """A row for each condition: accuracies in points, paired differences with their 95 % intervals, costs."""
    control, reference = (str(t["control_rule"].iloc[0]) if len(t) else "-" for t in (differences, against))
    caption = (
        f"Means of {summary['n'].max()} runs; differences are paired by seed, with 95 % bootstrap intervals, in points "
        f"of {split} accuracy. after: {AFTER} steps after the last birth (validation). steps to control: after the "
        f"last birth, until as accurate as {control} is then. compute to static: share of the synaptic operations of "
        "a net of the final size until within half a point of its final validation accuracy."
    )
    table = Table(title=setting, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("rule, placement, timing", no_wrap=True)
    for name in ("accuracy", f"minus {control}", f"minus {reference}", "after", f"minus {control}", *MEANS):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=name.startswith("minus"))
    for condition in summary[CONDITION].drop_duplicates().itertuples(index=False, name=None):
        here, apart, other = (_of(t, condition) for t in (summary, differences, against))
        accuracy, after = here["mean"].get("accuracy", float("nan")), here["mean"].get("accuracy_after", float("nan"))
        cells = [f"{100 * accuracy:.1f}", _points(apart, "accuracy"), _points(other, "accuracy")]
        cells += [f"{100 * after:.1f}", _points(apart, "accuracy_after")]
        cells += [f"{here['mean'][name]:{form}}" if name in here.index else "" for name, form in MEANS.items()]
        table.add_row(", ".join(condition), *cells)
    return table


def markdown(plan: Plan, summary: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Two tables with a column for each setting: accuracies with their differences, and what it took."""
    settings = list(plan.settings)
    conditions = list(summary[CONDITION].drop_duplicates().itertuples(index=False, name=None))

    def accuracy(setting: str, condition: tuple[str, ...]) -> str:
        here, apart = (_of(t[t["setting"] == setting], condition) for t in (summary, differences))
        if "accuracy" not in here.index:
            return ""
        difference = f" ({points})" if (points := _points(apart, "accuracy")) else ""
        return f"{100 * here['mean']['accuracy']:.1f}{difference}"

    def spent(setting: str, condition: tuple[str, ...]) -> str:
        here = _of(summary[summary["setting"] == setting], condition)["mean"]
        return " / ".join(f"{here[name]:{form}}" if name in here.index else "-" for name, form in MEANS.items())

    parts = []
    for corner, cell in (("accuracy, %", accuracy), (" / ".join(MEANS).replace("_", " "), spent)):
        head = (corner, *settings)
        rows = [(", ".join(c), *(cell(setting, c) for setting in settings)) for c in conditions]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)) + "\n")
    return "\n".join(parts)


def _of(table: pd.DataFrame, condition: tuple[str, ...]) -> pd.DataFrame:
    chosen = (table[CONDITION] == list(condition)).all(axis=1)
    return table[chosen].set_index("metric")


def _points(table: pd.DataFrame, metric: str) -> str:
    """Mean and interval in points, empty for the condition that others are compared with."""
    if metric not in table.index:
        return ""
    return interval(100 * table.loc[[metric], ["mean", "low", "high"]].astype(float).iloc[0], "+.1f")
