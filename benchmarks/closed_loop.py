"""Mackey-Glass in a closed loop: from some step on, a network hears its own predictions in place of the series.

    smalti run --stream.name mackey-glass --stream.setting task --gating.network label --out runs/chaos
    python benchmarks/closed_loop.py runs/chaos

The network predicts the value ``horizon`` steps later, so it fills in as many steps at a time. What it knows nothing of
is 0, which changes nothing before: what spikes at a step depends on those before it alone. Beside it stand the
last value that was shown, said for ever, and the mean of all that were shown. NeuroBench publishes 13.37 of an LSTM and
14.79 of an echo state network (Yik et al., arXiv 2304.04640) on series, steps and a training of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import smalti
from benchmarks.script import script
from smalti.analysis.prediction import answers
from smalti.analysis.restored import restored
from smalti.scheduler.streams.coding import population
from smalti.scheduler.streams.tasks.mackey_glass import FORGET, HIGHEST, STEPS, series

Values = NDArray[np.float64]
Predict = Callable[[Values], Values]  # values [S, T] in 0..1, of which some are known -> those some steps later [S, T]


@dataclass(frozen=True)
class Loop:
    """Let the network of a run go on by itself.

    Attributes:
        run: folder of a finished run of the stream mackey-glass.
        shown: steps of the series that it hears before.
        trials: series of each delay, drawn anew.
        seed: of the series.
    """

    run: tyro.conf.Positional[Path]
    shown: int = 50
    trials: int = 128
    seed: int = 0


def continued(predict: Predict, values: Values, shown: int, horizon: int) -> Values:
    """The series [S, T] as far as it was shown, and then as it is predicted from itself."""
    known = values.copy()
    known[:, shown:] = 0
    for first in range(shown, values.shape[1], horizon):
        last = min(first + horizon, values.shape[1])
        known[:, first:last] = predict(known)[:, first - horizon : last - horizon]
    return known


def smape(said: Values, series: Values) -> float:
    """200 |z - y| / (|z| + |y|) on average, 0..200."""
    size = np.abs(said) + np.abs(series)
    return float(200 * np.mean(np.abs(said - series) / np.where(size > 0, size, 1)))


def main() -> None:
    """Print the errors of the steps that were not shown."""
    asked = tyro.cli(Loop)
    simulation = restored(smalti.load_run(asked.run))
    config = simulation.config
    own, steps = config.stream.mackey_glass, config.stream.steps or STEPS
    if config.stream.name != "mackey-glass" or not own.horizon <= asked.shown < steps:
        raise SystemExit(
            f"{asked.run} must be a run of mackey-glass, and --shown between {own.horizon} and {steps - 1}"
        )
    table = Table("tau", "network", "last value", "mean", title=f"sMAPE of {steps - asked.shown} steps that follow")
    chance = np.random.default_rng(asked.seed)
    for task, tau in enumerate(own.taus):
        values = series(chance.uniform(0.5, 1.3, asked.trials), tau, FORGET + steps)[:, FORGET:] / HIGHEST

        def predict(known: Values, task: int = task) -> Values:
            x = population.encode(known.astype(np.float32)[:, :, None], (1,), own.cells)
            said = np.stack(answers(simulation, x, task)["outputs"].tolist())
            return np.asarray(said[:, :, 0], dtype=np.float64).clip(0, 1)

        before, after = values[:, : asked.shown], values[:, asked.shown :]
        said = continued(predict, values, asked.shown, own.horizon)[:, asked.shown :]
        constants = before[:, -1:], before.mean(axis=1, keepdims=True)
        errors = [smape(one, after) for one in (said, *(np.broadcast_to(c, after.shape) for c in constants))]
        table.add_row(str(tau), *(f"{error:.1f}" for error in errors))
    Console().print(table)


if __name__ == "__main__":
    script(main)
