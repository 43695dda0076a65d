"""Which runs an experiment stands for: all combinations of a grid, or samples drawn at random or by a Sobol sequence.

Samples keep their place: asking for more of them adds to those that were there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from smalti.model.chip.fabric import Fabric
from smalti.model.options.values import choices
from smalti.scheduler.checks.simulation import check, check_machine
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.plan import Cell, Experiment
from smalti.scheduler.experiments.trials import Row, Trial, trial_of
from smalti.scheduler.streams import Stream, StreamOptions, load_stream

KEPT_STREAMS = 4  # in memory while combinations are checked
Shares = NDArray[np.float64]


def rows_of(experiment: Experiment) -> tuple[list[Row], dict[str, Trial]]:
    """The rows of an experiment, and the trials that they are read from by name.

    Raises:
        ValueError: naming the file; there is none, or too many, one cannot be run (naming it), or the control is none
            of them.
    """
    with experiment.named():
        return _rows_of(experiment)


def _rows_of(experiment: Experiment) -> tuple[list[Row], dict[str, Trial]]:
    rows: list[Row] = []
    trials: dict[str, Trial] = {}
    for cell in cells(experiment):
        for seed in experiment.seeds:
            trial = trial_of(experiment, cell, seed)
            if trial.leader and trial.leader not in trials:
                leader = trial_of(experiment, replace(cell, variant=experiment.variants[cell.variant].follows), seed)
                trials[leader.name] = leader
            trials.setdefault(trial.name, trial)
            rows.append(Row(cell, trial.config.run.seed, trial.name))
    if not rows:
        raise ValueError("the experiment is empty: exclude leaves out every combination")
    labels = dict.fromkeys(row.cell.label for row in rows)
    for control in experiment.options.control:
        if not any(experiment.control_of(row.cell, control) in labels for row in rows):
            raise ValueError(f"control = {control!r} is not among what is run; {choices(control, labels)}")
    return rows, trials


def cells(experiment: Experiment) -> Iterator[Cell]:
    """Every variant on every stream with every combination that is not excluded, each once."""
    combinations = list(_grid(experiment) if experiment.options.design == "grid" else _drawn(experiment))
    for place in experiment.places():
        seen: set[str] = set()
        for values in combinations:
            applied = experiment.applied(place, dict(zip(experiment.axis_fields, values, strict=True)))
            cell, key = replace(place, values=applied), repr(applied)
            if key not in seen and not experiment.excluded(cell):
                seen.add(key)
                yield cell


def check_trials(experiment: Experiment, trials: dict[str, Trial]) -> None:
    """Look, before anything runs, for what would end a run before its first round: one seed of every combination.

    Raises:
        ValueError: naming the file and the combination.
    """
    with experiment.named():
        _check_trials(experiment, trials)


def _check_trials(experiment: Experiment, trials: dict[str, Trial]) -> None:
    load = lru_cache(maxsize=KEPT_STREAMS)(load_stream)
    seen: set[str] = set()
    for trial in trials.values():
        where = experiment.where(trial.cell)
        if where not in seen:
            seen.add(where)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # runs say it themselves
                    check_config(trial.config, load)
            except ValueError as error:
                raise ValueError(f"{where} cannot be run: {error} (exclude leaves it out)") from error


def check_config(config: Config, load: Callable[[StreamOptions, int], Stream]) -> None:
    """What a simulation looks at before it begins."""
    check_machine(config)
    fabric = Fabric(config.fabric)
    check(config, fabric, load(config.stream, fabric.channels))


def _grid(experiment: Experiment) -> Iterator[tuple[object, ...]]:
    experiment.check_grid()
    return product(*(axis.grid() for axis in experiment.axes))


def _drawn(experiment: Experiment) -> Iterator[tuple[object, ...]]:
    options, axes = experiment.options, experiment.axes
    if not options.samples:
        raise ValueError(f"the experiment is empty: design = {options.design!r} needs samples, such as samples = 32")
    if not axes:
        raise ValueError(f"design = {options.design!r} has no [axes] to draw from")
    for row in shares(options.design, options.samples, len(axes), options.design_seed):
        yield tuple(axis.at(float(share)) for axis, share in zip(axes, row, strict=True))


def shares(design: str, samples: int, axes: int, seed: int) -> Shares:
    """Points [samples, axes] of the unit cube; fewer samples are a part from the beginning of more."""
    rng = np.random.default_rng(seed)
    if design == "random":
        return rng.random((samples, axes))
    whole = qmc.Sobol(axes, scramble=True, rng=rng).random_base2(max(0, math.ceil(math.log2(samples))))
    return np.asarray(whole[:samples], dtype=np.float64)
