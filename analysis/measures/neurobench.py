"""NeuroBench's measures by NeuroBench's names, from the tables of a run (Yik et al. 2025, Nat. Commun. 16:1545, doi
10.1038/s41467-025-56739-4).

    Footprint           bytes: 4 for each device in use, 4 for each neuron's membrane
    ConnectionSparsity  share of the crosspoints of living tiles that are not in use
    ActivationSparsity  share of (hidden neuron, time step) without a spike
    Effective_ACs       spikes times the devices that they meet, per sample
    Effective_MACs      0: nothing is multiplied
    Dense               crosspoints times time steps, per sample: as if every row were active all the time
    MembraneUpdates     neurons times time steps, per sample: as if every membrane moved at every step

The workload is that of the experts that were asked; the first and the last four are sums over the whole chip. What
depends on time steps is left out where a run does not say how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smalti.analysis.tables import RunTables

WEIGHT_BYTES = 4  # a float32 for each device
STATE_BYTES = 4  # a float32 for each neuron: its membrane
NAMES = (
    *("Footprint", "ConnectionSparsity", "ActivationSparsity"),
    *("Effective_ACs", "Effective_MACs", "Dense", "MembraneUpdates"),
)


def static(run: RunTables) -> dict[str, float]:
    """What does not depend on samples, after the last round: Footprint and ConnectionSparsity."""
    devices, alive = int(run.table("rounds").iloc[-1]["devices"]), _alive(run)
    return {
        "Footprint": float(WEIGHT_BYTES * devices + STATE_BYTES * alive),
        "ConnectionSparsity": 1 - devices / crosspoints(run.config["fabric"]),
    }


def workload(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """What a sample takes, mean over those of the last evaluation; empty where there was none."""
    table = run.table("evaluations")
    table = table[(table["split"] == split) & (table["after"] == table["after"].max())]
    last = table[table["setting"] == setting]
    if last.empty:
        return {}
    spikes, operations = (
        float(np.average(last[name], weights=last["samples"]))
        for name in ("spikes_per_sample", "operations_per_sample")
    )
    values = {"Effective_ACs": operations, "Effective_MACs": 0.0}
    hidden = int(run.table("rounds").iloc[-1]["neurons"])
    if run.steps and hidden:
        values["ActivationSparsity"] = 1 - spikes / (hidden * run.steps)
    if run.steps:
        values |= {
            "Dense": float(crosspoints(run.config["fabric"]) * run.steps),
            "MembraneUpdates": float(_alive(run) * run.steps),
        }
    return values


def living_tiles(fabric: Mapping[str, Any]) -> int:
    """Neuron tiles that are not dead."""
    return int(fabric["rows"] * fabric["cols"] - len({tuple(place) for place in fabric["dead_tiles"]}))


def crosspoints(fabric: Mapping[str, Any]) -> int:
    """Rows times columns of all living tiles."""
    rows = fabric["neurons_per_tile"] + 4 * fabric["wires"]
    return int(living_tiles(fabric) * rows * fabric["neurons_per_tile"])


def _alive(run: RunTables) -> int:
    return int(run.table("neurons")["retired_round"].isna().sum())
