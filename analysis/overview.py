"""What a run came to, as small tables: accuracies, resources, the chip's occupation. Draws and prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smalti.analysis.runs import Run

SETTING_NAMES = {
    "task": "task-incremental (label given)",
    "class": "class-incremental (no label)",
    "domain": "domain-incremental",
    "joint": "joint",
    "experts": "experts alone, chosen by the gating network",
    "gate": "gating network alone",
}
ALONE = ("experts", "gate")  # parts of an answer, not answers


@dataclass(frozen=True)
class Resources:
    """What the chip spent at the end of a run."""

    neurons: int
    neuron_slots: int  # slots of the living tiles less the outputs
    wires: int  # sides occupied, each source once
    wire_capacity: int
    links: int
    devices: int
    born: int
    retired: int
    spikes_per_sample: float  # of the last evaluation
    hop_spikes_per_sample: float
    overhead: float  # share of the time that was neither training nor evaluation
    seconds: float


def accuracies(run: Run, setting: str, split: str = "test") -> pd.DataFrame:
    """Accuracy on every experience (columns) after every experience (rows; -1 is before the first)."""
    table = run.table("evaluations")
    chosen = table[(table["setting"] == setting) & (table["split"] == split)]
    return chosen.pivot(index="after", columns="on", values="accuracy")


def mean_accuracy(run: Run, setting: str, split: str = "test") -> float:
    """Accuracy over all samples of all experiences after the last one evaluated; NaN where there is none."""
    table = run.table("evaluations")
    chosen = table[(table["setting"] == setting) & (table["split"] == split)]
    last = chosen[chosen["after"] == chosen["after"].max()]
    if last.empty or last["after"].iloc[0] < 0:
        return float("nan")
    return float(np.average(last["accuracy"], weights=last["samples"]))


def settings(run: Run) -> list[str]:
    """Settings that were evaluated, in the order of ``SETTING_NAMES``."""
    present = set(run.table("evaluations")["setting"])
    return [name for name in SETTING_NAMES if name in present]


def resources(run: Run) -> Resources:
    """Resources taken after the last round.

    Raises:
        ValueError: no round is finished yet.
    """
    rounds, ports = run.table("rounds"), run.table("ports")
    if rounds.empty:
        raise ValueError(f"{run.path} has no finished round yet; `smalti resume {run.path}` goes on with it")
    last = rounds.iloc[-1]
    now = ports[ports["round"] == last["round"]]
    evaluations = run.table("evaluations")
    asked = evaluations[~evaluations["setting"].isin(ALONE) & (evaluations["split"] == "test")]
    latest = asked[asked["after"] == asked["after"].max()]
    unlabelled = latest[latest["setting"] != "task"] if (latest["setting"] != "task").any() else latest
    fabric = run.config["fabric"]
    tiles = fabric["rows"] * fabric["cols"] - len({tuple(place) for place in fabric["dead_tiles"]})
    outputs = int((run.table("neurons")["kind"] == "output").sum())
    seconds = rounds[["seconds_train", "seconds_evaluate", "seconds_other"]].sum()
    return Resources(
        neurons=int(last["neurons"]),
        neuron_slots=tiles * fabric["neurons_per_tile"] - outputs,
        wires=int(now["used"].sum()),
        wire_capacity=int(now["capacity"].sum()),
        links=int(last["links"]),
        devices=int(last["devices"]),
        born=int(rounds["born"].sum()),
        retired=int(rounds["retired"].sum()),
        spikes_per_sample=float(unlabelled["spikes_per_sample"].mean()),
        hop_spikes_per_sample=float(unlabelled["hop_spikes_per_sample"].mean()),
        overhead=float(seconds["seconds_other"] / seconds.sum()),
        seconds=float(seconds.sum()),
    )


def living(run: Run) -> pd.DataFrame:
    """Neurons alive now, with the row and column of their tile."""
    neurons = run.table("neurons")
    alive = neurons[neurons["retired_round"].isna()].copy()
    alive["tile_row"] = alive["tile"] // run.config["fabric"]["cols"]
    alive["tile_col"] = alive["tile"] % run.config["fabric"]["cols"]
    return alive
