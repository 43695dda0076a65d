"""Runs a comparison of growth rules: all that grow, then what follows their births, then what matches their compute.

Every run is a trial in a folder of its own (``experiments.trials``): a comparison that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from smalti.scheduler.comparing.plan import Condition, Plan
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.trials import Report, run_trials


def run_comparison(plan: Plan, out: Path, report: Report, workers: int = 0) -> dict[Condition, str]:
    """Run what is missing of a comparison.

    Args:
        plan: the comparison.
        out: folder of the trials.
        report: told of every run that ends: its folder's name, and "done" or the error.
        workers: runs at a time; 0 takes every core.

    Returns:
        Every run of the comparison, and its error, empty for those that finished.
    """
    errors: dict[Condition, str] = {}

    def play(conditions: Iterable[Condition], config: Callable[[Condition], Config]) -> None:
        trials, names = {}, {}
        for one in conditions:
            reference = plan.reference(one)
            if errors.get(reference):
                errors[one] = f"the run it follows failed ({reference.folder})"
                report(one.folder, errors[one])
                continue
            trials[one.folder], names[one.folder] = config(one), one
        failed = run_trials(trials, out, report, workers)
        errors.update({one: failed.get(name, "") for name, one in names.items()})

    def record(one: Condition) -> Path:
        return (out / plan.reference(one).folder).resolve()

    play(plan.grown(), plan.config)
    play(plan.followers(("static", "replay")), lambda one: plan.config(one, record(one)))
    play(plan.followers(("static_compute",)), lambda one: plan.config(one, record(one), rounds_for(record(one))))
    return errors


def rounds_for(reference: Path) -> int:
    """Rounds of a net of the final size that cost as many synaptic operations as a run that grew.

    Operations of a round at the final size are those of the reference's last round.
    """
    operations = pd.read_parquet(reference / "tables" / "rounds", columns=["operations"])["operations"]
    return max(1, round(float(operations.sum() / operations.iloc[-1])))
