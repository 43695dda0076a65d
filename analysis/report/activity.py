"""What the report knows of spikes and weights: looked at once for each run, or why they could not be."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smalti.analysis import activity, structure
from smalti.analysis.activity import Raster
from smalti.analysis.runs import Run


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Spikes and outgoing weights of living neurons, and one sample's spikes; None where they were not looked at."""

    spikes: pd.Series[float] | None = None  # per validation sample, by neuron
    rates: pd.Series[float] | None = None  # spikes per time step on the task on which it fires most, by hidden neuron
    inputs: pd.Series[float] | None = None  # spikes per validation sample, by input channel
    fan_out: pd.Series[float] | None = None  # sum of absolute outgoing weights, by neuron
    raster: Raster | None = None
    unseen: str = ""  # why not, if not


def look(run: Run) -> Activity:
    """Rebuild the network of a run and let it see validation data."""
    try:
        network = structure.graph(run)
        outgoing = {neuron: network.out_edges(neuron, data="weight") for neuron in network}
        fan_out = pd.Series({n: sum(abs(weight) for *_, weight in edges) for n, edges in outgoing.items()}, dtype=float)
    except ValueError as error:
        return Activity(unseen=str(error))
    try:
        counts = activity.spike_counts(run)
        inputs = activity.input_spikes(run)
        raster = activity.spikes_of(run, 0)
    except ValueError as error:
        return Activity(fan_out=fan_out, unseen=str(error))
    rates = counts.groupby(level="task").mean().max() / raster.steps
    spikes = activity.spikes_per_sample(run, counts)
    return Activity(spikes=spikes, rates=rates, inputs=inputs, fan_out=fan_out, raster=raster)
