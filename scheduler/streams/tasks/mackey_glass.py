"""The series of Mackey and Glass, to be predicted at every step.

M. C. Mackey, L. Glass, Oscillation and chaos in physiological control systems, Science 197, 1977, doi
10.1126/science.267326: dx/dt = .2 x(t - tau) / (1 + x(t - tau)^10) - .1 x, periodic below tau = 16.8, and more chaotic
the larger it is. A step of a trial is a unit of time; its input is the present value in a population code, its target
the value some steps later. Values are divided by 1.6, so that they lie in 0..1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.coding import population
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Floats, Generated, GeneratedTask, Ints, Readout, Samples

STEPS = 100
FREE = 20  # steps at the beginning of a trial that are not asked
GROWTH, DECAY, POWER = 0.2, 0.1, 10
FINE = 10  # parts of a unit of time
FORGET = 300  # units of time before a trial begins
HIGHEST = 1.6


def load_mackey_glass(options: StreamOptions) -> Generated:
    """The chaotic series of Mackey and Glass, to be predicted some steps ahead at every step.

    Raises:
        ValueError: a path is given, or a trial is too short to ask anything.
    """
    own, steps = options.mackey_glass, options.steps or STEPS
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: the stream mackey-glass is made; leave the path empty")
    if steps <= FREE:
        raise ValueError(f"stream.steps = {steps} leaves nothing to ask after {FREE} steps; give more")
    tasks = []
    for tau in own.taus:
        sizes = (own.samples, own.samples // 4, own.samples // 2)
        chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(tau,)))
        values = series(chance.uniform(0.5, 1.3, sum(sizes)), tau, FORGET + steps + own.horizon)[:, FORGET:] / HIGHEST
        train, validation, test = (
            _trials(part, steps, own.horizon, own.cells) for part in np.split(values, np.cumsum(sizes)[:-1])
        )
        tasks.append(GeneratedTask(f"tau {tau}", train, validation, test))
    readout = Readout(("value",), loss="squared_error", score="smape")
    note = f"Mackey-Glass series made by stream.split_seed, {own.horizon} steps ahead"
    return Generated(origin="mackey-glass", tasks=tuple(tasks), readout=readout, notes=(note,))


def series(past: NDArray[np.float64], tau: int, units: int) -> NDArray[np.float64]:
    """Solutions [S, units] at t = 0, 1, 2 and so on, each having had a constant value [S] before.

    The decay is exact over a part of a unit, in which the delayed term is the mean of that at its ends.
    """
    lag = tau * FINE
    fine = np.empty((lag + units * FINE, len(past)))
    fine[: lag + 1] = past
    kept = math.exp(-DECAY / FINE)
    for now in range(lag, len(fine) - 1):
        delayed = fine[now - lag : now - lag + 2]
        grows = (GROWTH * delayed / (1 + delayed**POWER)).mean(axis=0)
        fine[now + 1] = kept * fine[now] + (1 - kept) / DECAY * grows
    return fine[lag::FINE].T


def _trials(values: NDArray[np.float64], steps: int, horizon: int, cells: int) -> Samples:
    """Trials [S] from values [S, steps + horizon] in 0..1."""
    present = values[:, :steps].astype(np.float32)[:, :, None]
    targets = values[:, horizon : horizon + steps].astype(np.float32)[:, :, None]
    weights = np.zeros(present.shape[:2], dtype=np.float32)
    weights[:, FREE:] = 1
    nothing = np.zeros(len(values), dtype=np.int64)

    def render(rows: Ints) -> Floats:
        return population.encode(present[rows], (1,), cells)

    return Samples(Rendered(render, np.arange(len(values)), steps, cells), nothing, nothing, targets, weights)
