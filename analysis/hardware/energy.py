"""Energy and time of a finished run: what was counted, times the costs of an architecture file. No joule without one.

Two parts: ``answer`` is one sample of the last evaluation, in the setting that the run is judged by; ``training`` is
all rounds together, synaptic operations forward and backward, and devices programmed. The gating network is not on the
chip: its work stands in the same table, with joules only where the file has a cost for it.

    joules   count x [energy]; static: [power] static x the seconds of an answer
    seconds  count x [time], as though nothing happened at the same time: the most that it can take. Those of an
             answer are its time steps x [time] step where the file says that, else the sum of its seconds on the chip.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from smalti.analysis.hardware.architecture import Architecture
from smalti.analysis.outcomes import headline
from smalti.analysis.tables import RunTables

ALL = "all"  # tasks together: the mean over samples of answers, the sum of training
STATIC, STEP = "static", "step"
COLUMNS = ["part", "task", "what", "count", "joules", "seconds"]


def energy(run: RunTables, architecture: Architecture, split: str = "test") -> pd.DataFrame:
    """What each thing took, by task and in all.

    Args:
        run: with at least one experience that is over.
        architecture: what one of each takes.
        split: validation or test.

    Returns:
        Columns part, task (a number, or ``ALL``), what (a key of the file), count, joules and seconds, which are NaN
        where the file does not say.

    Raises:
        ValueError: nothing has been asked yet, or an older version wrote tables that know too little.
    """
    answers, trained = _answers(run, split), _trained(run)
    parts = [_priced("answer", task, counts, architecture) for task, counts in answers.items()]
    parts += [_priced("training", task, counts, architecture) for task, counts in trained.items()]
    return pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)


def totals(table: pd.DataFrame) -> pd.DataFrame:
    """Joules and seconds of every part and task, over what the file has costs for; NaN where it has none at all."""
    rows = [
        {"part": part, "task": task, "joules": of["joules"].sum(min_count=1), "seconds": _seconds(of)}
        for (part, task), of in table.groupby(["part", "task"], sort=False)
    ]
    return pd.DataFrame(rows)


def _answers(run: RunTables, split: str) -> dict[str, dict[str, float]]:
    """Counts of a sample of the last evaluation, by task."""
    table = run.table("evaluations")
    asked = table[(table["split"] == split) & (table["setting"] == headline(run)) & (table["after"] >= 0)]
    if asked.empty:
        raise ValueError(f"{run.path} has no evaluation of split {split!r} after an experience: nothing was counted")
    if "corner_hop_spikes_per_sample" not in asked:
        raise ValueError(f"{run.path} was written by an older version, which did not tell hops apart: run it again")
    last = asked[asked["after"] == asked["after"].max()]
    names = [name for name in last.columns if name.endswith("_per_sample")] + ["gate_counted_spikes", "latency"]
    by_task = {str(row["on"]): {name: float(row[name]) for name in names} for _, row in last.iterrows()}
    by_task[ALL] = {name: float(np.average(last[name], weights=last["samples"])) for name in names}
    return {task: _of_answer(counts) for task, counts in by_task.items()}


def _of_answer(row: dict[str, float]) -> dict[str, float]:
    corners = row["corner_hop_spikes_per_sample"]
    return {
        "synaptic_operation": row["operations_per_sample"],
        "spike": row["spikes_per_sample"],
        "hop_r1": row["hop_spikes_per_sample"] - corners,
        "hop_r0": corners,
        "membrane_update": row["multiplications_per_sample"],
        "gate_addition": row["gate_adds_per_sample"] + row["gate_counted_spikes"],
        "gate_multiplication": row["gate_multiplications_per_sample"],
        STEP: row["latency"],
    }


def _trained(run: RunTables) -> dict[str, dict[str, float]]:
    """Counts of all rounds, by task."""
    rounds = run.table("rounds")
    names = {"synaptic_operation": "operations", "write": "writes"}
    sums = rounds.groupby("task", sort=False)[list(names.values())].sum()
    by_task = {str(task): row for task, row in sums.iterrows()} | {ALL: sums.sum()}
    return {task: {what: float(row[name]) for what, name in names.items()} for task, row in by_task.items()}


def _priced(part: str, task: str, counts: dict[str, float], architecture: Architecture) -> list[dict[str, Any]]:
    joules, seconds = architecture.energy, architecture.time
    rows = [
        {
            "part": part,
            "task": task,
            "what": what,
            "count": count,
            "joules": count * getattr(joules, what, math.nan),
            "seconds": count * getattr(seconds, what),
        }
        for what, count in counts.items()
    ]
    if part == "answer" and not math.isnan(architecture.power.static):
        lasting = _seconds(pd.DataFrame(rows))
        if math.isnan(lasting):
            raise ValueError(
                "power.static needs to know how long an answer takes: give time.step, or other costs in [time]"
            )
        drawn = architecture.power.static * lasting
        rows.append({**rows[0], "what": STATIC, "count": lasting, "joules": drawn, "seconds": math.nan})
    return rows


def _seconds(rows: pd.DataFrame) -> float:
    """Seconds of a part for a task: all that is on the chip one after another, or its time steps; NaN: not known."""
    seconds = rows.set_index("what")["seconds"]
    if not math.isnan(of_steps := seconds.get(STEP, math.nan)):
        return float(of_steps)
    return float(seconds[~seconds.index.str.startswith("gate")].sum(min_count=1))
