"""Which combinations a sweep takes: all of a grid, or samples drawn at random or by a Sobol sequence.

Samples keep their place: asking for more of them adds to those that were there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from smalti.model.chip.fabric import Fabric
from smalti.scheduler.checks import check
from smalti.scheduler.config import Config
from smalti.scheduler.streams import Stream, StreamOptions, load_stream
from smalti.scheduler.sweeping.plan import Sweep, Trial, Values, spell

MOST_TRIALS = 1_000_000
KEPT_STREAMS = 4  # in memory while combinations are checked
Shares = NDArray[np.float64]


def trials_of(sweep: Sweep) -> dict[str, Trial]:
    """The trials of a sweep by name; combinations that come to the same run are one.

    Raises:
        ValueError: there is none, or a combination that cannot be run, naming it.
    """
    found: dict[str, Trial] = {}
    for values in combinations(sweep):
        if not sweep.excluded(values):
            for trial in sweep.seeded(values):
                found.setdefault(trial.name, trial)
    if not found:
        raise ValueError("the sweep is empty: sweep.exclude leaves out every combination")
    return found


def combinations(sweep: Sweep) -> Iterator[Values]:
    """Every combination without its seeds, the excluded among them; each once."""
    seen: set[str] = set()
    fields = [axis.field for axis in sweep.axes]
    for values in _grid(sweep) if sweep.options.design == "grid" else _drawn(sweep):
        applied = sweep.applied(dict(zip(fields, values, strict=True)))
        key = repr(applied)
        if key not in seen:
            seen.add(key)
            yield applied


def check_trials(sweep: Sweep, trials: dict[str, Trial]) -> None:
    """Look, before anything runs, for what would end a run before its first round: one seed of every combination.

    Raises:
        ValueError: naming the combination.
    """
    load = lru_cache(maxsize=KEPT_STREAMS)(load_stream)
    first = sweep.seeds[0]
    for trial in trials.values():
        if first is None or trial.config.run.seed == first:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # runs say it themselves
                    check_config(trial.config, load)
            except ValueError as error:
                raise ValueError(
                    f"the combination {spell(trial.values)} cannot be run: {error} (sweep.exclude leaves it out)"
                ) from error


def check_config(config: Config, load: Callable[[StreamOptions, int], Stream]) -> None:
    """What a simulation looks at before it begins."""
    fabric = Fabric(config.fabric)
    check(config, fabric, load(config.stream, len(fabric.north_tiles) * fabric.wires))


def _grid(sweep: Sweep) -> Iterator[tuple[object, ...]]:
    values = [axis.grid() for axis in sweep.axes]
    if (count := math.prod(map(len, values))) > MOST_TRIALS:
        raise ValueError(f"the grid has {count} combinations, more than {MOST_TRIALS}; draw samples instead")
    return product(*values)


def _drawn(sweep: Sweep) -> Iterator[tuple[object, ...]]:
    options, axes = sweep.options, sweep.axes
    if not options.samples:
        raise ValueError(f"the sweep is empty: sweep.design = {options.design!r} needs sweep.samples, such as 32")
    if not axes:
        raise ValueError(f"sweep.design = {options.design!r} has no [axes] to draw from")
    for row in shares(options.design, options.samples, len(axes), options.seed):
        yield tuple(axis.at(float(share)) for axis, share in zip(axes, row, strict=True))


def shares(design: str, samples: int, axes: int, seed: int) -> Shares:
    """Points [samples, axes] of the unit cube; fewer samples are a part from the beginning of more."""
    rng = np.random.default_rng(seed)
    if design == "random":
        return rng.random((samples, axes))
    whole = qmc.Sobol(axes, scramble=True, rng=rng).random_base2(max(0, math.ceil(math.log2(samples))))
    return np.asarray(whole[:samples], dtype=np.float64)
