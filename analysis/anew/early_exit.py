"""Accuracy against the steps waited, of a gate that answers as soon as it is sure. Asks the network of a run anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd

from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.model.gating.networks.staged import StagedGating
from smalti.model.options.ranges import LARGEST
from smalti.scheduler.answers import hearing
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST, VALIDATION

MARGINS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0)
"""Nats from which on every stage is sure, beside those that the run has."""
PARTS = {"validation": VALIDATION, "test": TEST}
OWN, ALL = 0.0, LARGEST  # margins: those of the run; so large that all stages are asked


def early_exits(run: Run | Simulation, split: str = "validation", margins: Sequence[float] = MARGINS) -> pd.DataFrame:
    """What the gating network answers by itself after the last experience, and when, for margins of its stages.

    Args:
        run: a run with ``gating.network = "staged"``.
        split: validation or test; margins are to be chosen on validation data.
        margins: nats, more than 0; each is asked once.

    Returns:
        A row a margin, first that of the run (0), last one with which all stages are asked: accuracy (share of all
        samples), latency (steps heard, mean), adds (of scoring and counting) and stages (asked, mean).

    Raises:
        ValueError: the gate has no stages, the checkpoint is missing, there is no such part, or a margin is none.
    """
    if split not in PARTS:
        raise ValueError(f"split = {split!r} must be one of: {', '.join(PARTS)}")
    for margin in margins:
        if not OWN < margin < ALL:
            raise ValueError(f"margins: {margin} must be more than 0, the run's own, and less than {ALL:g} nats")
    simulation = restored(run)
    agent, gate = simulation.gating, simulation.gating.gate
    if not isinstance(gate, StagedGating):
        raise ValueError(
            f"gating.network = {simulation.config.gating.network!r} answers in one go; only staged can exit early"
        )
    tasks = {e.task: e for e in simulation.stream.experiences}.values()  # one that returns is asked once
    asked = [simulation.batches_of(e).evaluation(PARTS[split]) for e in tasks]
    heard = [(x, hearing.features(agent, x), wanted.labels.numpy()) for x, wanted in asked]
    rows, classes = [], np.array(gate.classes)
    for margin in dict.fromkeys((OWN, *margins, ALL)):
        with _sure_from(gate, margin):
            for x, counts, labels in heard:
                cost = hearing.gate_cost(agent, x, counts)
                right = classes[gate.class_scores(counts).argmax(1).numpy()] == labels
                rows.append(
                    {
                        "margin": margin,
                        "samples": len(x),
                        "accuracy": right.mean(),
                        "latency": cost.heard,
                        "adds": cost.adds_per_sample + cost.counted_spikes,
                        "stages": float(gate.last_asked(counts).double().mean()) + 1.0,
                    }
                )
    table = pd.DataFrame(rows)
    columns = ["accuracy", "latency", "adds", "stages"]
    weighed = table[columns].mul(table["samples"], axis=0).groupby(table["margin"], sort=False).sum()
    return weighed.div(table.groupby("margin", sort=False)["samples"].sum(), axis=0).reset_index()


@contextmanager
def _sure_from(gate: StagedGating, margin: float) -> Iterator[None]:
    """Let every stage be sure from so many nats on, or for ``OWN`` from those of the run; then all is as before."""
    options = gate.options
    gate.options = replace(options, stages=replace(options.stages, margin=margin or options.stages.margin))
    try:
        yield
    finally:
        gate.options = options
