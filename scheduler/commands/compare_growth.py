"""``smalti compare FILE.toml``: growth rules, placements and timings on the chip, with their controls."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from smalti.scheduler.records.atomic import write_text_atomic

if TYPE_CHECKING:
    import pandas as pd

    from smalti.analysis.runs import Run
    from smalti.scheduler.comparing.plan import Condition, Plan

TRIALS = "trials"
WIDTH = 170  # characters of a table that nobody looks at in a terminal


def compare_growth(file: Path, out: Path, quick: bool, split: str, workers: int) -> None:
    """Run what is missing of a comparison, then write its tables and its picture, and print it."""
    from smalti.analysis import comparison
    from smalti.analysis.plots.growth_comparison import draw_growth
    from smalti.analysis.runs import load_run
    from smalti.scheduler.commands.compare_growth_view import markdown, print_growth
    from smalti.scheduler.commands.compare_view import draw
    from smalti.scheduler.commands.progress import trial_bar
    from smalti.scheduler.comparing.folder import ComparisonFolder
    from smalti.scheduler.comparing.growing import run_comparison
    from smalti.scheduler.comparing.plan import load_plan

    console, plan = Console(width=None if sys.stdout.isatty() else WIDTH), load_plan(file)
    plan = plan.shortened() if quick else plan
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomic(out / "comparison.toml", file.read_text(encoding="utf-8"))
    with trial_bar(console, plan.total) as report:
        errors = run_comparison(plan, out / TRIALS, report, workers)
    runs = {one: load_run(out / TRIALS / one.folder, keep=True) for one, error in errors.items() if not error}
    if not runs:
        raise ValueError(f"none of the {len(errors)} runs finished; the first says: {next(iter(errors.values()))}")
    tables = tables_of(plan, runs, split)
    folder = ComparisonFolder(out)
    folder.write(tables)
    write_text_atomic(out / "table.md", markdown(plan, tables["summary"], tables["differences"]))
    summary = comparison.curve_summary(tables["curves"])
    draw(lambda: draw_growth(summary, tables["differences"]), out / "comparison.svg", console)
    print_growth(plan, folder, errors, split, console)


def tables_of(plan: Plan, runs: Mapping[Condition, Run], split: str) -> dict[str, pd.DataFrame]:
    """All tables of a comparison.

    ``differences`` are to the control rule at the first placement and timing, ``against_reference`` to the reference
    there.
    """
    from smalti.analysis import comparison, growth_comparison

    what = plan.compare

    def partner(rule: str) -> dict[Condition, Condition]:
        pairs = {one: replace(plan.reference(one), rule=rule) for one in runs}
        return {one: other for one, other in pairs.items() if other in runs}

    static = {one: plan.static(one) for one in runs if plan.static(one) in runs}
    outcomes = growth_comparison.gather(
        [
            growth_comparison.outcomes(runs, split),
            growth_comparison.steps_to_match(runs, partner(what.control)),
            growth_comparison.compute_to_match(runs, static),
        ]
    )
    first = {"placement": what.placements[0], "timing": what.timings[0]}
    return {
        "outcomes": outcomes,
        "curves": growth_comparison.curves(runs),
        "summary": comparison.summary(outcomes),
        "against_reference": comparison.differences(outcomes, {"rule": what.reference, **first}),
        "differences": comparison.differences(outcomes, {"rule": what.control, **first}),
    }
