"""What the report knows of spikes, weights and trials: looked at once for each run, or why they could not be."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import pandas as pd

from smalti.analysis.anew import activity
from smalti.analysis.anew.activity import Raster
from smalti.analysis.anew.trials import Trial, answerable, trials
from smalti.analysis.chip import structure
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.scheduler.simulation import Simulation

TRIALS = 3  # tasks of which a trial is shown


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Spikes and outgoing weights of living neurons, and one sample's spikes; None where they were not looked at."""

    spikes: pd.Series[float] | None = None  # per validation sample, by neuron
    rates: pd.Series[float] | None = None  # spikes per time step on the task on which it fires most, by hidden neuron
    inputs: pd.Series[float] | None = None  # spikes per validation sample, by input channel
    fan_out: pd.Series[float] | None = None  # sum of absolute outgoing weights, by neuron
    raster: Raster | None = None
    network: nx.DiGraph | None = None  # as ``structure.graph`` makes it
    trials: tuple[Trial, ...] = ()  # of a few tasks, where samples ask for targets
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
        simulation = restored(run)
        counts = activity.spike_counts(simulation)
        inputs = activity.input_spikes(simulation)
        raster = activity.spikes_of(simulation, 0)
    except ValueError as error:
        return Activity(fan_out=fan_out, network=network, unseen=str(error))
    rates = counts.groupby(level="task").mean().max() / raster.steps
    spikes = activity.spikes_per_sample(run, counts)
    return Activity(
        spikes=spikes,
        rates=rates,
        inputs=inputs,
        fan_out=fan_out,
        raster=raster,
        network=network,
        trials=tuple(_some_trials(simulation)),
    )


def _some_trials(simulation: Simulation) -> list[Trial]:
    """One of ``TRIALS`` tasks, from the first to the last that can be asked."""
    if simulation.stream.readout is None:
        return []
    known = answerable(simulation)
    last = len(known) - 1
    places = dict.fromkeys(round(place * last / max(1, TRIALS - 1)) for place in range(TRIALS))
    return trials(simulation, [known[place] for place in places])
