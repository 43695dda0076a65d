from __future__ import annotations

import numpy as np
import pytest
import torch

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import MackeyGlassOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.scores import r2, smape
from smalti.scheduler.streams.tasks.mackey_glass import FREE, STEPS, series
from smalti.scheduler.streams.types import Samples, Stream


def load(**options: object) -> Stream:
    fields = {"samples": 64, **options}
    return load_stream(StreamOptions(name="mackey-glass", mackey_glass=MackeyGlassOptions(**fields)), 64)  # type: ignore[arg-type]


def decoded(samples: Samples) -> np.ndarray:
    """Present values [S, T] from the population of the inputs: the value whose tuning curves fit best."""
    grid = np.linspace(0, 1, 401)
    centres = np.linspace(0, 1, samples.x.shape[2])
    curves = np.exp(-((2 * (len(centres) - 1) * (grid[:, None] - centres)) ** 2) / 2)
    wrong = ((samples.x[:][:, :, None, :] - curves) ** 2).sum(axis=3)
    return np.asarray(grid[wrong.argmin(axis=2)])


def test_the_first_delay_has_the_closed_form() -> None:
    past, tau = np.array([0.5, 0.9, 1.2]), 17
    rest = (0.2 * past / (1 + past**10) / 0.1)[:, None]
    expected = rest + (past[:, None] - rest) * np.exp(-0.1 * np.arange(tau))
    np.testing.assert_allclose(series(past, tau, tau), expected, rtol=1e-9)


def test_the_fixed_point_stays() -> None:
    np.testing.assert_allclose(series(np.ones(1), 30, 200), 1, rtol=1e-9)


def test_below_the_bifurcation_it_is_periodic_and_above_it_is_not() -> None:
    def recurs(tau: int) -> float:
        """How near the course comes to what it was, one of 30 to 120 units ago."""
        values = series(np.array([0.8]), tau, 2000)[0, 1000:]
        return min(float(np.abs(values[lag:] - values[:-lag]).max()) for lag in range(30, 120))

    assert recurs(12) < 0.05
    assert recurs(30) > 0.2


def test_targets_are_the_values_to_come() -> None:
    stream = load(taus=(17, 22), horizon=7)
    assert [e.name for e in stream.experiences] == ["tau 17", "tau 22"]
    assert (stream.steps, stream.channels) == (STEPS, 16)
    for e in stream.experiences:
        present = decoded(e.test)
        assert e.test.targets is not None
        assert e.test.weights is not None
        np.testing.assert_allclose(e.test.targets[:, :-7, 0], present[:, 7:], atol=0.01)
        assert (e.test.weights == (np.arange(STEPS) >= FREE)).all()
        assert (len(e.train), len(e.validation), len(e.test)) == (64, 16, 32)


def test_saying_the_present_is_worse_than_knowing_the_future() -> None:
    (task,) = load(taus=(17,), horizon=10).experiences
    targets, weights = torch.from_numpy(task.test.targets), torch.from_numpy(task.test.weights)
    now = torch.from_numpy(decoded(task.test)[:, :, None])
    assert smape(now, targets, weights) < 0.95 < smape(targets, targets, weights) == 1
    assert r2(now, targets, weights) < 0.5


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stream\.steps = 20 leaves nothing to ask after 20 steps; give more"):
        load_stream(StreamOptions(name="mackey-glass", steps=20), 64)
    with pytest.raises(ValueError, match=r"stream\.mackey_glass\.taus = \[\] must hold one or more"):
        MackeyGlassOptions(taus=())
