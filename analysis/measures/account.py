"""One account of an answer, whoever gives it: additions, multiplications, bytes and steps, on the chip and off it.

    additions        synaptic operations on the chip + those of the gating network + one for every spike it counts
    multiplications  leaks of the states of neurons that run, at every step, + those of the gating network
    bytes            devices in use and states of living neurons, where the chip is asked, + numbers that the gating
                     network holds + a bit for every channel and step that waits for it
    latency          time steps from the beginning of a sample to its (last) answer

A multiply-add of the gating network is one of each. Comparisons, square roots of counts (a table of a few dozen
entries), exponentials of the last few numbers, and routing are not counted. All numbers that the gating network holds
are, though those that it needs to learn on are most of them. Sizes are of float32; the chip's are those of
``analysis.hardware.footprint``.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from smalti.analysis.quantities import SETTING_NAMES
from smalti.analysis.tables import RunTables

BYTES = 4  # of a device, a state, a number that the gating network holds
SUMS = ("adds", "multiplications", "bytes", "latency")
"""What the account comes to, by the names of ``analysis.quantities``."""


def account(run: RunTables, split: str = "test") -> pd.DataFrame:
    """What answers take after the last evaluation: a row a setting in which the network was asked.

    Args:
        run: that has been evaluated.
        split: validation or test.

    Returns:
        Accuracy (mean over samples), the four sums, and what they are sums of; no columns for runs of older versions,
        whose tables know too little.
    """
    table = run.table("evaluations")
    asked = table[(table["split"] == split) & (table["after"] == table["after"].max())]
    there = asked["setting"].unique()
    rows = {name: work(run, asked[asked["setting"] == name]) for name in SETTING_NAMES if name in there}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("setting")


def work(run: RunTables, asked: pd.DataFrame) -> dict[str, float]:
    """The account of answers in one setting, by rows of the table ``evaluations``.

    Empty where there are none, or where they know too little.
    """
    if asked.empty or "latency" not in asked:
        return {}

    def mean(column: str) -> float:
        return float(np.average(asked[column], weights=asked["samples"]))

    counted, chip_adds, gate_adds = map(mean, ("gate_counted_spikes", "operations_per_sample", "gate_adds_per_sample"))
    chip_products, gate_products = map(mean, ("multiplications_per_sample", "gate_multiplications_per_sample"))
    chip = _chip_bytes(run) if chip_products > 0 else 0.0  # whoever runs leaks
    gate = BYTES * float(asked["gate_stored_values"].max())
    buffer = math.ceil(mean("gate_latency")) * _channels(run) / 8
    return {
        "accuracy": mean("accuracy"),
        "adds": chip_adds + gate_adds + counted,
        "multiplications": chip_products + gate_products,
        "bytes": chip + gate + buffer,
        "latency": mean("latency"),
        "adds_chip": chip_adds,
        "adds_gate": gate_adds,
        "adds_counting": counted,
        "multiplications_chip": chip_products,
        "multiplications_gate": gate_products,
        "bytes_chip": chip,
        "bytes_gate": gate,
        "bytes_buffer": buffer,
    }


def _chip_bytes(run: RunTables) -> float:
    """Devices in use and one state for each living neuron."""
    alive = int(run.table("neurons")["retired_round"].isna().sum())
    return float(BYTES * (int(run.table("rounds")["devices"].iloc[-1]) + alive))


def _channels(run: RunTables) -> int:
    """Input channels that reach the chip."""
    links = run.table("links")
    return int(links.loc[links["kind"] == "input", "source"].nunique())
