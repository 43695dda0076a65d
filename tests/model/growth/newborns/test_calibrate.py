from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.newborns.calibrate import SAMPLES, calibrate, fire
from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.neuron import Dynamics, NetworkOptions, Neurons, step, triangle


def dynamics(hard: bool = False, theta: float = 1.0) -> Dynamics:
    single = torch.ones(1, 1, dtype=torch.float64)
    return Dynamics(0.95 * single, theta * single, theta, hard, False, lambda d: triangle(d, NetworkOptions()))


def drive(seed: int, batch: int = SAMPLES) -> Tensor:
    """Random spikes [40, 6, B] at several rates."""
    generator = torch.Generator().manual_seed(seed)
    rates = torch.tensor([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])[:, None]
    return (torch.rand(40, 6, batch, generator=generator) < rates).double()


def directions(seed: int, count: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.randn(count, 6, generator=generator, dtype=torch.float64) + 0.3


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("rate", [0.05, 0.12, 0.25])
def test_newborns_fire_at_the_rate_wanted(rate: float, hard: bool) -> None:
    """Those that can: inhibited ones fall short at any sensible scale, and then fire nearly as much as they can."""
    errors, short = [], []
    for seed in range(6):
        fan_in, signals, how = directions(seed), drive(seed), dynamics(hard, theta=0.8)
        _, spikes = calibrate(fan_in, signals, rate, how)
        found = spikes.mean((0, 2))
        current = torch.einsum("cp,tpb->tcb", fan_in, signals)
        grid = torch.logspace(-2, 0.9, 400, dtype=torch.float64).expand(len(fan_in), -1)
        possible = fire(current, grid, how).mean((0, 3))
        able = possible.amax(1) >= rate
        errors.append((found - rate)[able].abs())
        short.append(found[~able] / possible[~able].amax(1))
    error = torch.cat(errors)
    assert len(error) >= 24  # of 48
    assert error.median() < 0.04 * rate
    assert error.max() < 0.16 * rate
    assert (torch.cat(short) > 0.7).all()


def test_the_rate_holds_for_samples_that_the_search_has_not_seen() -> None:
    scale, spikes = calibrate(directions(1), drive(1, batch=8 * SAMPLES), 0.12, dynamics())
    assert spikes.shape == (40, 8, 8 * SAMPLES)
    within = (spikes.mean((0, 2)) - 0.12).abs() < 0.02
    assert within.sum() >= 7  # the eighth is inhibited too much
    assert (scale > 0).all()


def test_the_scale_does_not_depend_on_the_length_of_the_direction() -> None:
    fan_in = directions(2)
    scale, spikes = calibrate(fan_in, drive(2), 0.12, dynamics())
    longer, same = calibrate(128 * fan_in, drive(2), 0.12, dynamics())
    torch.testing.assert_close(128 * longer, scale)
    assert torch.equal(spikes, same)


def test_directions_that_cannot_fire_get_zero_and_the_others_are_not_disturbed() -> None:
    signals = drive(3)
    signals[:, 5] = 0
    fan_in = directions(3)
    alone, _ = calibrate(fan_in[:1], signals, 0.12, dynamics())
    fan_in[1] = -fan_in[1].abs()
    fan_in[2] = 0
    fan_in[3, :5], fan_in[3, 5] = 0, 1  # hears only a silent wire
    scale, spikes = calibrate(fan_in, signals, 0.12, dynamics())
    assert scale[1:4].tolist() == [0, 0, 0]
    assert not spikes[:, 1:4].any()
    assert scale[0] == alone[0] > 0
    assert spikes[:, 0].any()


def test_spikes_returned_are_those_of_the_scaled_neuron() -> None:
    signals, how = drive(4), dynamics(hard=True)
    scale, spikes = calibrate(directions(4), signals, 0.12, how)
    current = torch.einsum("cp,tpb->tcb", directions(4) * scale[:, None], signals)
    now = Neurons.at_rest(current[0])
    for t in range(40):
        now = step(now, current[t], how)
        assert torch.equal(spikes[t], now.spikes)


@pytest.mark.parametrize("cell", [Cell(0, 0.9, synapse=0.8), Cell(0, 0.95, strength=0.5, recovery=0.95)])
def test_neurons_that_remember_reach_the_rate_too(cell: Cell) -> None:
    alone = Network(Fabric(FabricOptions(rows=1, cols=1)), 1, NetworkOptions(precision="float64"))
    how, rate = alone.newborn_dynamics(cell), 0.12
    excited = directions(8).abs()
    scale, spikes = calibrate(excited, drive(8), rate, how)
    assert (spikes.mean((0, 2)) - rate).abs().max() < 0.25 * rate
    plain = calibrate(excited, drive(8), rate, dynamics())[0]
    assert (scale < 0.5 * plain).all() if cell.synapse else (scale > 1.1 * plain).all()


def test_fire_tries_every_scale_for_every_direction() -> None:
    """Current 0.6 and a leak of .95: scale 1 crosses 1 at the second step, 2 at once, .01 never."""
    current = torch.full((3, 1, 1), 0.6, dtype=torch.float64)
    scales = torch.tensor([[1.0, 2.0, 0.01]], dtype=torch.float64)
    assert fire(current, scales, dynamics())[..., 0].tolist() == [[[0, 1, 0]], [[1, 1, 0]], [[0, 1, 0]]]


def test_no_directions_are_no_error() -> None:
    scale, spikes = calibrate(torch.zeros(0, 6, dtype=torch.float64), drive(5), 0.12, dynamics())
    assert scale.shape == (0,)
    assert spikes.shape == (40, 0, SAMPLES)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize(
    "cell", [None, Cell(0, 0.9, synapse=0.95), Cell(0, 0.97, strength=0.3, recovery=0.9), Cell(0, 0.8, 0.9, 0.2, 0.99)]
)
def test_numba_fires_the_same_spikes(precision: Any, reset: Any, cell: Cell | None) -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    options = NetworkOptions(precision=precision, reset=reset, engine="events", threshold=0.8)
    fused = Network(Fabric(FabricOptions(rows=1, cols=1)), 1, options).newborn_dynamics(cell)
    assert fused.fused
    fan_in, signals = directions(3).to(options.dtype), drive(9, batch=80).to(options.dtype)
    found, expected = (calibrate(fan_in, signals, 0.12, how) for how in (fused, replace(fused, fused=False)))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert 0.05 < float(found[1].mean()) < 0.15
