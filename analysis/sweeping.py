"""What a run of a sweep came to, as one flat row of numbers. Prints nothing.

| column | meaning |
| --- | --- |
| accuracy | validation accuracy over all samples at the end, in the setting of the stream: what choices are made by |
| accuracy_SETTING_SPLIT | the same in every setting (task, class, domain, joint, experts, gate) and split |
| forgetting_SETTING_SPLIT, backward_transfer_SETTING_SPLIT | where every experience was asked after every other |
| neurons, wires, links, devices | on the chip after the last round; born, retired over the whole run |
| spikes_per_sample, hop_spikes_per_sample, operations_per_sample | of the last evaluation on validation data |
| training_operations | synaptic operations of all training |
| seconds | that the rounds took |
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from smalti.analysis import metrics
from smalti.analysis.overview import mean_accuracy, settings
from smalti.analysis.runs import Run, load_run

SPLITS = ("validation", "test")
LEFT = ("neurons", "wires", "links", "devices")
SPENT = ("spikes_per_sample", "hop_spikes_per_sample", "operations_per_sample")


def measure(path: Path) -> dict[str, float | str]:
    """Numbers of the finished run in a folder, by name; what cannot be measured is left out."""
    run = load_run(path, keep=True)
    evaluations, rounds = run.table("evaluations"), run.table("rounds")
    found: dict[str, float | str] = {"accuracy": mean_accuracy(run, answer(run), "validation")}
    for setting in settings(run):
        for split in SPLITS:
            found |= _kept(run, setting, split)
    found |= {name: int(rounds[name].iloc[-1]) for name in LEFT}
    found |= {name: int(rounds[name].sum()) for name in ("born", "retired")}
    found |= _spent(evaluations, answer(run))
    found["training_operations"] = float(rounds["operations"].sum())
    found["seconds"] = float(rounds[["seconds_train", "seconds_evaluate", "seconds_other"]].to_numpy().sum())
    return {name: value for name, value in found.items() if math.isfinite(float(value))}


def answer(run: Run) -> str:
    """The setting in which a run is asked: that of its stream, if it was evaluated so."""
    asked, there = str(run.config["stream"]["setting"]), settings(run)
    return asked if asked in there else there[0]


def _kept(run: Run, setting: str, split: str) -> dict[str, float]:
    """Accuracy at the end, and what was lost on the way."""
    found, where = {}, f"{setting}_{split}"
    found[f"accuracy_{where}"] = mean_accuracy(run, setting, split)
    try:
        matrix = metrics.accuracy_matrix(run.table("evaluations"), setting, split)
        found[f"forgetting_{where}"] = metrics.forgetting(matrix)
        found[f"backward_transfer_{where}"] = metrics.backward_transfer(matrix)
    except ValueError:  # not every experience was asked after every other
        return found
    return found


def _spent(evaluations: pd.DataFrame, setting: str) -> dict[str, float]:
    chosen = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == "validation")]
    last = chosen[chosen["after"] == chosen["after"].max()]
    return {name: float(np.average(last[name], weights=last["samples"])) for name in SPENT}
