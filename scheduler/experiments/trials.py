"""Trials: single runs of an experiment, named by what they are, and the rows of its tables that read them.

The same configuration in the same place is the same folder, whatever the file says besides: an experiment goes on where
it was, and runs only what is missing when its file asks for more.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten
from smalti.scheduler.experiments.axes import Value
from smalti.scheduler.experiments.plan import Cell, Experiment, Values

DIGITS = 12  # of the hash in a name


@dataclass(frozen=True)
class Trial:
    """One run of an experiment."""

    name: str
    config: Config  # as resolved, but for births that it follows
    cell: Cell
    values: Values  # of the fields that vary, as resolved
    number: int = -1  # in an adaptive search
    leader: str = ""  # trial whose births it follows
    same_compute: bool = False

    def prepared(self, trials: Path) -> Config:
        """The configuration with the births of its leader, whose run is finished, from the folder of all trials."""
        if not self.leader:
            return self.config
        record = (trials / self.leader).resolve()
        config = replace(self.config, growth=replace(self.config.growth, birth_record=str(record)))
        if self.same_compute:
            config = replace(config, training=replace(config.training, rounds=rounds_for(record)))
        return config


@dataclass(frozen=True)
class Row:
    """A variant on a stream with a seed, and the trial that it is read from."""

    cell: Cell
    seed: int
    trial: str


def trial_of(experiment: Experiment, cell: Cell, seed: int | None, number: int = -1) -> Trial:
    """The run that a cell is read from.

    Raises:
        ValueError: naming the cell that cannot be run.
    """
    variant = experiment.variants[cell.variant]
    if variant.runs_of:
        return trial_of(experiment, replace(cell, variant=variant.runs_of), seed, number)
    config = experiment.config(cell, seed).resolved()
    leader = trial_of(experiment, replace(cell, variant=variant.follows), seed).name if variant.follows else ""
    flat = flatten(config)
    kind = {**flat, "follows": leader, "same_compute": variant.same_compute} if leader else flat
    parts = [cell.stream, cell.variant, *([] if seed is None or not cell.variant else [f"seed{seed}"])]
    name = "_".join([*(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part), digest(kind)])
    values = {field: flat[field] for field in experiment.fields}
    return Trial(name, config, cell, values, number, leader, variant.same_compute)


def seeded(experiment: Experiment, values: Values, number: int = -1) -> list[Trial]:
    """The runs of one combination: of every variant on every stream with every seed, those that others follow first."""
    trials = [
        trial_of(experiment, replace(place, values=experiment.applied(place, values)), seed, number)
        for place in experiment.places()
        for seed in experiment.seeds
    ]
    return sorted({trial.name: trial for trial in trials}.values(), key=lambda trial: bool(trial.leader))


def digest(values: Mapping[str, Value]) -> str:
    """A short hash of all that the results of a run depend on."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:DIGITS]


def rounds_for(leader: Path) -> int:
    """Rounds of a net of the final size that cost as many synaptic operations as a run that grew.

    Operations of a round at the final size are those of that run's last round.
    """
    operations = pd.read_parquet(leader / "tables" / "rounds", columns=["operations"])["operations"]
    return max(1, round(float(operations.sum() / operations.iloc[-1])))
