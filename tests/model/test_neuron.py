from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from smalti.model.neuron import SURROGATES, Adaptation, Dynamics, NetworkOptions, Neurons, fast_sigmoid, step, triangle


def dynamics(leak: float, *, hard: bool = False, theta: float = 1.0) -> Dynamics:
    single = torch.ones(1, 1, dtype=torch.float64)
    return Dynamics(single * leak, single * theta, theta, hard, False, torch.zeros_like)


def run(current: Tensor, how: Dynamics) -> tuple[Tensor, Tensor]:
    """Membranes and spikes [T, N, B] for input currents of that shape."""
    now, membranes, fired = Neurons.at_rest(current[0]), [], []
    for arriving in current:
        now = step(now, arriving, how)
        membranes.append(now.membrane)
        fired.append(now.spikes)
    return torch.stack(membranes), torch.stack(fired)


def spike_steps(current: float, leak: float, theta: float, hard: bool, steps: int) -> list[int]:
    """Spike times under constant current, each interval solved for in closed form.

    j steps after a membrane m without a spike it is V + a^j (m - V), V = I / (1 - a); a spike takes theta (soft) or
    a m (hard) away in the first of these steps, so m stands for m - theta / a or 0.
    """
    final = current / (1 - leak)
    if final <= theta:
        return []
    times: list[int] = []
    now, membrane = -1, 0.0
    while True:
        wait = math.ceil(math.log((final - theta) / (final - membrane)) / math.log(leak)) if membrane < final else 1
        now += max(1, wait)
        if now >= steps:
            return times
        times.append(now)
        before = final + leak ** max(1, wait) * (membrane - final)
        membrane = 0.0 if hard else before - theta / leak


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("current", [0.04, 0.0513, 0.0713, 0.2, 0.77, 1.5])
def test_spike_times_under_constant_current_are_the_closed_form(current: float, hard: bool) -> None:
    leak, theta, steps = 0.95, 1.02, 400
    how = dynamics(leak, hard=hard, theta=theta)
    membranes, spikes = run(torch.full((steps, 1, 1), current, dtype=torch.float64), how)
    assert (membranes - theta).abs().min() > 1e-6
    expected = spike_steps(current, leak, theta, hard, steps)
    assert torch.nonzero(spikes.flatten()).flatten().tolist() == expected
    assert bool(expected) == (current > 0.051)


def test_a_membrane_below_threshold_is_the_closed_form() -> None:
    membranes, spikes = run(torch.full((50, 1, 1), 0.03, dtype=torch.float64), dynamics(0.9))
    steps = torch.arange(1, 51, dtype=torch.float64)
    torch.testing.assert_close(membranes.flatten(), 0.03 * (1 - 0.9**steps) / 0.1, rtol=0, atol=1e-14)
    assert not spikes.any()


def test_resets_come_one_step_late_and_are_written_out() -> None:
    """Current 1.5, .2, .2 from rest, a = .5: soft 1.5, -.05, .175; hard 1.5, .2, .3."""
    current = torch.tensor([1.5, 0.2, 0.2], dtype=torch.float64).reshape(3, 1, 1)
    soft, fired = run(current, dynamics(0.5))
    torch.testing.assert_close(soft.flatten(), torch.tensor([1.5, -0.05, 0.175], dtype=torch.float64))
    assert fired.flatten().tolist() == [1, 0, 0]
    hard, _ = run(current, dynamics(0.5, hard=True))
    torch.testing.assert_close(hard.flatten(), torch.tensor([1.5, 0.2, 0.3], dtype=torch.float64))


def test_a_membrane_exactly_at_threshold_fires() -> None:
    _, fired = run(torch.ones(1, 1, 1, dtype=torch.float64), dynamics(0.5))
    assert fired.item() == 1


def test_leaks_are_those_of_the_time_constants() -> None:
    options = NetworkOptions(tau_ms=22.5, output_tau_ms=5)
    assert options.leak == pytest.approx(math.exp(-2 / 45))
    assert options.output_leak == pytest.approx(math.exp(-0.2))
    assert options.dtype == torch.float32
    assert NetworkOptions(precision="float64").dtype == torch.float64


def test_triangle_by_hand() -> None:
    options = NetworkOptions(surrogate_width=0.5, surrogate_height=0.4)
    distance = torch.tensor([0.0, 0.25, -0.25, 0.5, -2.0, -math.inf])
    torch.testing.assert_close(triangle(distance, options), torch.tensor([0.4, 0.2, 0.2, 0, 0, 0]))


class Steep(NetworkOptions):
    """A fast sigmoid that falls fast."""

    surrogate_slope: ClassVar[float] = 10.0


def test_fast_sigmoid_by_hand_is_cut_at_its_width() -> None:
    options = Steep(surrogate_width=0.5, surrogate_height=0.8)
    distance = torch.tensor([0.0, 0.1, -0.1, 0.49, 0.5, -2.0, -math.inf])
    expected = torch.tensor([0.8, 0.2, 0.2, 0.8 / 5.9**2, 0, 0, 0])
    torch.testing.assert_close(fast_sigmoid(distance, options), expected)


def test_surrogates_leave_their_argument_alone() -> None:
    for surrogate in SURROGATES.values():
        distance = torch.tensor([0.3, -0.3])
        surrogate(distance, NetworkOptions())
        assert distance.tolist() == pytest.approx([0.3, -0.3])


@pytest.mark.parametrize(
    "field",
    ["tau_ms", "output_tau_ms", "threshold", "surrogate_width", "surrogate_height"],
)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_refuses_values_that_are_not_positive_numbers(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"network\.{field} = {value} must be a positive number"):
        NetworkOptions(**{field: value})  # type: ignore[arg-type]


def test_a_slow_synapse_spreads_a_spike_by_two_exponentials() -> None:
    """V[t] = w (a^(t+1) - k^(t+1)) / (a - k) below threshold."""
    single, current = torch.ones(1, 1, dtype=torch.float64), torch.zeros(40, 1, 1, dtype=torch.float64)
    current[0] = 0.3
    membranes, spikes = run(current, replace(dynamics(0.9), synapse=0.6 * single))
    t = torch.arange(1, 41, dtype=torch.float64)
    torch.testing.assert_close(membranes.flatten(), 0.3 * (0.9**t - 0.6**t) / 0.3, rtol=0, atol=1e-14)
    assert not spikes.any()


def test_a_threshold_adapts_as_written_out() -> None:
    """Current 1.6, a = 0, b = .5, r = .5: V 1.6, .6, 1.6, .6, 1.6; b A 0, .5, .25, .625, .3125 after spikes at 0, 2."""
    single, current = torch.ones(1, 1, dtype=torch.float64), torch.full((5, 1, 1), 1.6, dtype=torch.float64)
    adaptation = Adaptation(0.5 * single, 0.5 * single)
    membranes, spikes = run(current, replace(dynamics(0.0), adaptation=adaptation))
    assert spikes.flatten().tolist() == [1, 0, 1, 0, 1]
    torch.testing.assert_close(membranes.flatten(), torch.tensor([1.6, 0.6, 1.6, 0.6, 1.6], dtype=torch.float64))
    assert (0.5 * adaptation.trace(spikes)).flatten().tolist() == [0, 0.5, 0.25, 0.625, 0.3125]
    weak = Adaptation(1.3 * single, 0.5 * single)
    assert run(current, replace(dynamics(0.0), adaptation=weak))[1].flatten().tolist() == [1, 0, 0, 1, 0]


def library(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed; pip install {name} to compare with its neuron")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def test_spikes_are_those_of_snntorchs_leaky_neuron() -> None:
    snn = library("snntorch")
    current = torch.rand(300, 8, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 0.4
    membranes, spikes = run(current, dynamics(0.9))
    assert (membranes - 1).abs().min() > 1e-6
    cell, membrane = snn.Leaky(beta=0.9, threshold=1.0, reset_mechanism="subtract"), torch.zeros_like(current[0])
    for now, expected, level in zip(current, spikes, membranes, strict=True):
        fired, membrane = cell(now, membrane)
        assert torch.equal(fired, expected)
        torch.testing.assert_close(membrane, level, rtol=0, atol=1e-6)  # its leak is a float32
    assert 0.05 < spikes.mean() < 0.5


def test_spikes_are_those_of_snntorchs_synaptic_neuron() -> None:
    snn = library("snntorch")
    single = torch.ones(1, 1, dtype=torch.float64)
    current = torch.rand(300, 8, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 0.15
    membranes, spikes = run(current, replace(dynamics(0.9), synapse=0.7 * single))
    assert (membranes - 1).abs().min() > 1e-6
    cell = snn.Synaptic(alpha=0.7, beta=0.9, threshold=1.0, reset_mechanism="subtract")
    synapse = membrane = torch.zeros_like(current[0])
    for now, expected, level in zip(current, spikes, membranes, strict=True):
        fired, synapse, membrane = cell(now, synapse, membrane)
        assert torch.equal(fired, expected)
        torch.testing.assert_close(membrane, level, rtol=0, atol=1e-5)  # its decays are float32
    assert 0.05 < spikes.mean() < 0.5
