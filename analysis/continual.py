"""What a run on a stream of tasks came to, as numbers for a benchmark. Prints nothing.

Measures of forgetting are those of ``analysis.metrics``. What cannot be measured is left out: transfer needs two
experiences, and forward transfer an answer before anything was learned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from smalti.analysis import detection, metrics
from smalti.analysis.overview import ALONE
from smalti.analysis.runs import Run

RESOURCES = ("neurons", "devices", "links", "wires", "stored_values")
SPENT = (
    "spikes_per_sample",
    "hop_spikes_per_sample",
    "operations_per_sample",
    "gate_adds_per_sample",
    "gate_stored_values",
    "gate_buffered_spikes",
    "gate_latency",
)


def settings(run: Run) -> list[str]:
    """Settings in which the network was asked."""
    return [name for name in dict.fromkeys(run.table("evaluations")["setting"]) if name not in ALONE]


def outcomes(run: Run, setting: str, split: str) -> dict[str, float]:
    """Numbers of one run, by name.

    Args:
        run: a finished run.
        setting: setting of the evaluations: task, class, domain, joint, experts or gate.
        split: validation or test.

    Raises:
        ValueError: the run was not evaluated so.
    """
    evaluations, rounds = run.table("evaluations"), run.table("rounds")
    matrix = metrics.accuracy_matrix(evaluations, setting, split)
    initial = metrics.initial_accuracy(evaluations, setting, split)
    order = run.config["stream"]["order"]
    if len(set(order)) < len(order):  # what is forgotten and transferred is defined for tasks that come once
        found = {"accuracy": metrics.final_accuracy(matrix, len(set(order)))}
    else:
        found = {
            "accuracy": metrics.average_accuracy(matrix),
            "backward_transfer": metrics.backward_transfer(matrix),
            "forgetting": metrics.forgetting(matrix),
            "forward_transfer": _forward_transfer(matrix, initial),
            "average_incremental_accuracy": metrics.average_incremental_accuracy(matrix),
        }
    if run.config["stream"]["boundaries"] == "hidden":
        found |= asdict(detection.summary(run))
    found |= _alone(evaluations, setting, split)
    found |= {name: float(rounds[name].iloc[-1]) for name in RESOURCES}
    found |= _spent(evaluations, setting, split)
    found["training_operations"] = float(rounds["operations"].sum())
    found["seconds"] = float(rounds[["seconds_train", "seconds_evaluate", "seconds_other"]].to_numpy().sum())
    return {name: value for name, value in found.items() if math.isfinite(value)}


def matrix_rows(run: Run, setting: str, split: str, told: Mapping[str, object]) -> pd.DataFrame:
    """The accuracy matrix as a long table: what was run, after, on and value."""
    matrix = metrics.accuracy_matrix(run.table("evaluations"), setting, split)
    after, on = np.nonzero(np.isfinite(matrix))
    return pd.DataFrame({**told, "after": after, "on": on, "value": matrix[after, on]})


def _forward_transfer(matrix: np.ndarray, initial: np.ndarray) -> float:
    """NaN where a task could not be answered before it was learned."""
    needed = [matrix[i - 1, i] for i in range(1, len(matrix))]
    if not np.isfinite([*needed, *initial[1:]]).all():
        return float("nan")
    return metrics.forward_transfer(matrix, initial)


def _alone(evaluations: pd.DataFrame, setting: str, split: str) -> dict[str, float]:
    """Accuracies after the last experience of the parts of an answer, the experts' and the gating network's."""
    last = evaluations[(evaluations["after"] == evaluations["after"].max()) & (evaluations["split"] == split)]
    parts = {name: last.loc[last["setting"] == name, "accuracy"] for name in ALONE}
    if setting in (*ALONE, "task"):  # the parts of an answer to which no task was told
        return {}
    return {f"{name}_accuracy": float(values.mean()) for name, values in parts.items() if len(values)}


def _spent(evaluations: pd.DataFrame, setting: str, split: str) -> dict[str, float]:
    """Means over the samples of the last evaluation."""
    chosen = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == split)]
    last = chosen[chosen["after"] == chosen["after"].max()]
    return {name: float(np.average(last[name], weights=last["samples"])) for name in SPENT}


def long_table(measured: Iterable[tuple[Mapping[str, object], Mapping[str, float]]]) -> pd.DataFrame:
    """A row for each metric of each run: what was run, metric and value."""
    rows = [{**told, "metric": name, "value": value} for told, values in measured for name, value in values.items()]
    return pd.DataFrame(rows)


def comparable(outcomes: pd.DataFrame, control: str) -> pd.DataFrame:
    """The rows of those streams, settings and metrics that the control method has too."""
    scope = ["stream", "setting", "metric"]
    there = outcomes[outcomes["method"] == control][scope].drop_duplicates()
    return outcomes.merge(there, on=scope)
