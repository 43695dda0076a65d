"""``smalti sweep``: many runs that differ in some fields."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.scheduler.commands.experiments.experiment import ExperimentCommand


@dataclass(frozen=True)
class Sweep(ExperimentCommand):
    """Run many variants of a configuration: every combination of a grid, samples, or an adaptive search.

    An experiment is a file: what all runs share, and the fields that vary, with their values:

      seeds = 3
      [axes]
      "growth.rule" = ["random", "gradmax_whitened"]
      "training.learning_rate" = { low = 1e-3, high = 1e-1, log = true, points = 4 }
      [base.training]
      rounds = 5

    `smalti sweep my.toml --init` writes one to start from; docs/sweeps.md explains it. Everything is checked before
    anything runs. Every trial is a run folder OUT/trials/NAME, named by a hash of its configuration: the same command
    goes on where it was stopped, and runs only what is missing when the file asks for more. The same command may run
    in several processes, on one machine or on many that share the folder: they divide the trials among them.

    OUT/trials.parquet has a row a trial, at any time: pandas.read_parquet("OUT/trials.parquet"). In the end there are
    outcomes.parquet (a row a run and measure), summary.parquet, table.md and pictures. `smalti compare` and `smalti
    benchmark` are the same for files that name variants and a control.

    With --search optuna (extra `optuna`) the axes are searched for the best --objective instead.
    """
