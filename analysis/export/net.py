"""Exports the net of a run as NIR: the file, what it is worth, and the spikes that go along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import smalti
from smalti.analysis.export import nir
from smalti.analysis.export.importers import Rating, ratings
from smalti.analysis.export.places import faults_of
from smalti.analysis.export.population import Population, population_of, samples_of, spikes_on_chip
from smalti.analysis.export.stepping import spikes_of
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.scheduler.simulation import Simulation


@dataclass(frozen=True)
class Exported:
    """What was written."""

    population: Population
    form: nir.Form
    file: Path
    spikes_file: Path | None  # None where no spikes were wanted
    samples: int  # test samples on which the file was stepped
    spikes: int  # of all neurons on the chip, for these
    differing: int  # places (sample, step, neuron) at which the file, stepped, does otherwise
    ratings: list[Rating]


def export_net(
    run: Run, out: Path, form: nir.Form | None = None, expert: int | None = None, samples: int = 32
) -> Exported:
    """Write the net of a run, or of one expert, as NIR; what the file does is held against the chip.

    Args:
        run: the run, of which one round at least is finished.
        out: the file; spikes go to a file beside it, ``net.spikes.nir`` for ``net.nir``.
        form: lif or exact; None for the one that keeps all spikes.
        expert: number of the expert; None for all neurons of the chip.
        samples: test samples that go along; 0 for no spikes.

    Raises:
        ValueError: what cannot be expressed, a package is missing, or a file is there already; nothing is written then.
    """
    if samples < 0:
        raise ValueError(f"samples = {samples} must be 0 or more")
    beside = out.with_name(f"{out.stem}.spikes.nir")
    wanted = [out, *([beside] if samples else [])]
    if taken := [str(file) for file in wanted if file.exists()]:
        raise ValueError(f"{' and '.join(taken)} exists; give another name (--out) or delete it")
    nir.package()
    simulation = restored(run)
    population = population_of(simulation, expert)
    form = form or nir.exact_form(population.net)
    graph = nir.graph_of(population.net, form, _facts(simulation, run, population, expert))
    x = samples_of(simulation, max(samples, 1), expert)
    there = spikes_on_chip(simulation, population, x)
    here = spikes_of(graph, x.numpy(), nir.DT)["output"] > 0
    nir.write(out, graph)
    if samples:
        nir.write_spikes(beside, form, x.numpy(), there)
    return Exported(
        population=population,
        form=form,
        file=out,
        spikes_file=beside if samples else None,
        samples=len(x),
        spikes=int(there.sum()),
        differing=int((here != there).sum()),
        ratings=ratings(population.net, form),
    )


def _facts(simulation: Simulation, run: Run, population: Population, expert: int | None) -> dict[str, Any]:
    """Metadata of the graph: where it comes from, and where its neurons are on the chip."""
    fabric, network, faults = simulation.fabric, simulation.network, faults_of(simulation.network)
    return {
        "smalti": smalti.__version__,
        "run": run.path.absolute().name,
        "stream": simulation.stream.name,
        "engine": network.engine,
        "precision": network.options.precision,
        "readout": network.options.readout,
        "steps": simulation.stream.steps,
        "expert": "all" if expert is None else expert,
        "slot": population.slots % fabric.slots,
        "tile": population.slots // fabric.slots,
        "outputs": population.outputs,
        "classes": population.classes,
        "tiles": np.array([fabric.options.rows, fabric.options.cols]),
        "neurons_per_tile": fabric.slots,
        "wires": np.array([fabric.options.wires, fabric.options.corner_wires]),
        "dead_tiles": np.array(fabric.options.dead_tiles, dtype=np.int64),
        "dead_routers": np.array(fabric.options.dead_routers, dtype=np.int64),
        "faults": [] if faults is None else json.dumps(faults),
    }
