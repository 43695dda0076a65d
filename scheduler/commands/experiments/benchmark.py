"""``smalti benchmark``: methods of continual learning beside each other, on many streams, over many seeds."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.scheduler.commands.experiments.experiment import ExperimentCommand


@dataclass(frozen=True)
class RunBenchmark(ExperimentCommand):
    """Benchmark methods of continual learning: tasks arrive one by one, none may be forgotten.

    `smalti benchmark continual` runs growth with gating, its controls and the baselines of the literature on streams of
    tasks, in one table: accuracy, forgetting, transfer, neurons, wires, spikes, additions, stored values. Means over
    seeds with 95 % bootstrap intervals, and differences to the control method paired by seed.

    Every run is a folder under OUT/trials; uses every core, goes on where it was stopped, and runs what is missing when
    asked for more. The folder then holds outcomes.parquet (a row a run and measure), matrices.parquet (accuracy on
    every task after every task), summary.parquet, differences.parquet, table.md and pictures. docs/continual.md
    explains the file; it is one of `smalti sweep`.
    """
