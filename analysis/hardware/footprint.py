"""Size and activity of a network in the words of NeuroBench (Yik et al. 2025, Nat. Commun. 16:1545, doi
10.1038/s41467-025-56739-4), from the tables of a run.

Connection weights are the crosspoints of the living tiles: a crossbar holds all of them, in use or not. The gating
network stands apart, for it is off the chip; ``analysis.measures.account`` adds both up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smalti.analysis.measures.neurobench import STATE_BYTES, WEIGHT_BYTES, crosspoints, living_tiles
from smalti.analysis.outcomes import headline
from smalti.analysis.runs import Run
from smalti.model.chip.fabric import Fabric
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import from_mapping
from smalti.scheduler.streams import load_stream

GATE_BYTES = 4  # a float32 for each number that the gating network holds


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a network takes, by NeuroBench's definitions; per sample where nothing else is said."""

    footprint: int  # bytes: devices in use and membranes of living neurons
    footprint_chip: int  # bytes: all crosspoints and slots of the living tiles
    footprint_gate: int  # bytes: what the gating network holds
    connection_sparsity: float  # share of crosspoints that are not in use
    activation_sparsity: float  # share of (hidden neuron, time step) without a spike
    operations: float  # effective synaptic operations (accumulates): spikes times the devices that they meet
    dense_operations: float  # crosspoints times time steps: as if every row were active all the time
    gate_operations: float  # additions of the gating network


def footprint(
    run: Run,
    split: str = "validation",
    setting: str | None = None,
    steps: int | None = None,
    weight_bytes: int = WEIGHT_BYTES,
    state_bytes: int = STATE_BYTES,
) -> Footprint:
    """NeuroBench's static and workload metrics after the last evaluation.

        footprint            = weight_bytes * devices + state_bytes * living neurons
        connection_sparsity  = 1 - devices / crosspoints
        activation_sparsity  = 1 - spikes per sample / (hidden neurons * time steps)
        operations           = mean over samples of sum over spikes of the devices that one meets

    Assumptions: 4 bytes for a device and for the state of a neuron, unless others are given; spikes in flight, routing
    tables and the samples themselves are not counted. Outputs are counted as neurons; unless the readout is
    spike_count they never fire, and activation sparsity is that of the hidden neurons.

    Args:
        run: the run.
        split: validation or test.
        setting: of the evaluations; by default that of the stream.
        steps: time steps of a sample; by default those of the stream, which is loaded if the configuration leaves
            them to it.
        weight_bytes, state_bytes: bytes of a device, and of the state of a neuron.

    Raises:
        ValueError: no experience was evaluated so, or the data of the stream is gone.
    """
    setting = headline(run) if setting is None else setting
    table = run.table("evaluations")
    asked = table[(table["setting"] == setting) & (table["split"] == split) & (table["after"] >= 0)]
    if asked.empty:
        raise ValueError(f"{run.path} has no evaluation of setting {setting!r} and split {split!r} after an experience")
    latest = asked[asked["after"] == asked["after"].max()]
    samples = latest["samples"].to_numpy(float)

    def mean(column: str) -> float:
        return float(np.average(latest[column], weights=samples))

    last, total = run.table("rounds").iloc[-1], crosspoints(run.config["fabric"])
    neurons = run.table("neurons")
    alive = int(neurons["retired_round"].isna().sum())
    slots = living_tiles(run.config["fabric"]) * int(run.config["fabric"]["neurons_per_tile"])
    hidden, devices = int(last["neurons"]), int(last["devices"])
    time = time_steps(run) if steps is None else steps
    return Footprint(
        footprint=weight_bytes * devices + state_bytes * alive,
        footprint_chip=weight_bytes * total + state_bytes * slots,
        footprint_gate=GATE_BYTES * int(latest["gate_stored_values"].max()),
        connection_sparsity=1 - devices / total,
        activation_sparsity=1 - mean("spikes_per_sample") / (hidden * time) if hidden else float("nan"),
        operations=mean("operations_per_sample"),
        dense_operations=float(total * time),
        gate_operations=mean("gate_adds_per_sample"),
    )


def time_steps(run: Run) -> int:
    """Time steps of a sample: those of the configuration, or of the stream that it leaves them to."""
    config = from_mapping(Config, run.config)
    if config.stream.steps:
        return config.stream.steps
    fabric = Fabric(config.fabric)
    return int(load_stream(config.stream, fabric.channels).steps)
