"""Neurons with slow synapses and adapting thresholds: what both engines must do with them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.kinds import Cell, KindOptions
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions

NO_NUMBA = importlib.util.find_spec("numba") is None
ENGINES = ["dense", pytest.param("events", marks=pytest.mark.skipif(NO_NUMBA, reason="numba is not installed"))]
SLOW = KindOptions(tau_ms=6.0, synapse_ms=5.0)
ADAPTIVE = KindOptions(tau_ms=8.0, adaptation=0.4, adaptation_ms=9.0)
BOTH = KindOptions(tau_ms=3.0, tau_most_ms=30.0, synapse_ms=3.0, adaptation=0.3, adaptation_ms=15.0, spread=0.3)
KINDS = {
    "slow": {"slow": SLOW},
    "adaptive": {"adaptive": ADAPTIVE},
    "both in one": {"both": BOTH},
    "mixture": {"plain": KindOptions(), "slow": SLOW, "adaptive": ADAPTIVE, "both": BOTH},
}
GAINS = {"slow": 0.5, "adaptive": 1.0, "both in one": 0.8, "mixture": 0.8}  # of weights, for moderate rates
Spikes = Callable[..., Tensor]
Reset = Literal["soft", "hard"]
RESETS: tuple[Reset, ...] = ("soft", "hard")
SHAPES: tuple[Literal["triangle", "fast_sigmoid"], ...] = ("triangle", "fast_sigmoid")


def changed(options: NetworkOptions, **constants: object) -> NetworkOptions:
    """The same options where some constants are others."""
    kind = type("Changed", (type(options),), constants)
    made: NetworkOptions = kind(**{field.name: getattr(options, field.name) for field in fields(options)})
    return made


VARIANTS = [
    changed(
        NetworkOptions(precision="float64", reset=reset, surrogate=surrogate, output_tau_ms=8.0, threshold=0.9),
        reset_gradient=reset_gradient,
        surrogate_slope=3.0,
    )
    for reset, reset_gradient, surrogate in product(RESETS, (False, True), SHAPES)
]


def name(options: NetworkOptions) -> str:
    through = "with" if options.reset_gradient else "without"
    return f"{options.reset} {options.surrogate} {through} reset gradient"


def apart(busy: Any, oracle: Any, options: NetworkOptions, x: Tensor, seed: int, gain: float) -> tuple[Network, Tensor]:
    """A busy network in which rounding decides nothing; some neurons fire, some do not."""
    network, outputs = busy(options, seed=seed, gain=gain)
    share = oracle.nudge(network, x)
    assert share is not None
    assert 0.03 < share < 0.6
    return network, outputs


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("readout", ["membrane_mean", "spike_count"])
@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("options", VARIANTS, ids=name)
def test_forward_gradient_and_adjoints_are_those_of_autograd(
    busy: Any,
    spikes: Callable[..., Tensor],
    oracle: Any,
    options: NetworkOptions,
    kinds: str,
    readout: Any,
    engine: Any,
) -> None:
    seed = VARIANTS.index(options)
    options, x = replace(options, kinds=KINDS[kinds], engine=engine, readout=readout), spikes()
    network, outputs = apart(busy, oracle, options, x, seed, GAINS[kinds])
    activity = network.run(x, outputs)
    gradient = oracle.gradient(network, activity)
    weight = network.state.weight.detach().clone().requires_grad_()
    plain = oracle.run(network, weight, x, outputs)
    (expected,) = torch.autograd.grad(oracle.objective(network, plain), weight)
    torch.testing.assert_close(activity.membrane, plain.membrane, rtol=0, atol=1e-10)
    assert torch.equal(activity.counts, plain.counts)
    owed = expected if engine == "dense" else expected * network.state.mask
    assert owed.abs().max() > 1e-3
    torch.testing.assert_close(gradient, owed, rtol=0, atol=1e-10)

    target = torch.arange(len(x)) % len(outputs)

    def loss(logits: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, target, reduction="none")

    probe = network.probe(x, outputs, loss)
    extra = torch.zeros(x.shape[1], x.shape[0], network.fabric.neurons, dtype=torch.float64, requires_grad=True)
    membranes, fired = oracle.loop(network, oracle.matrix(network, weight.detach()), x, extra=extra)
    losses = loss(network.read(Activity(outputs, membranes[..., outputs].transpose(1, 2), fired.sum(0).T)))
    (injected,) = torch.autograd.grad(losses.sum(), extra)
    assert injected.abs().max() > 1e-3
    torch.testing.assert_close(probe.delta, injected.transpose(1, 2), rtol=0, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_bits_depend_neither_on_gradients_nor_on_threads(busy: Any, spikes: Spikes, oracle: Any, engine: Any) -> None:
    """And in float32 spikes are those of float64."""
    options, x = NetworkOptions(engine=engine, kinds=KINDS["mixture"]), spikes(batch=40)
    network, outputs = busy(options, gain=0.8)
    learning = network.run(x, outputs)
    gradient = oracle.gradient(network, learning)
    network.threads = 3
    again = network.run(x, outputs)
    assert torch.equal(gradient, oracle.gradient(network, again))
    with torch.no_grad():
        answering = network.run(x, outputs)
    for other in (again, answering):
        assert torch.equal(other.membrane, learning.membrane)
        assert torch.equal(other.counts, learning.counts)
    exact, _ = busy(replace(options, precision="float64"), gain=0.8)
    assert (exact.run(x, outputs).counts - learning.counts).abs().sum() < 0.01 * learning.counts.sum()


def alone(cell: Cell, engine: Any, weight: float, threshold: float = 1.0) -> Network:
    """One neuron that hears one channel and is read itself."""
    options = NetworkOptions(precision="float64", engine=engine, threshold=threshold, kinds={"one": KindOptions()})
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=1, wires=1)), 1, options)
    state, row = network.state, network.links.rows[1, 0]
    state.become(0, cell)
    state.alive[0] = state.mask[0, row, 0] = True
    with torch.no_grad():
        state.weight[0, row, 0] = weight
    return network


@pytest.mark.parametrize("engine", ENGINES)
def test_the_impulse_response_of_a_slow_synapse_is_the_difference_of_two_exponentials(engine: Any) -> None:
    """Below threshold V[t] = w (a^(t+1) - k^(t+1)) / (a - k)."""
    a, k, steps = 0.9, 0.7, 40
    x = torch.zeros(1, steps, 1)
    x[0, 0] = 1
    found = alone(Cell(0, a, synapse=k), engine, weight=0.2).run(x, torch.tensor([0])).membrane.detach().flatten()
    t = torch.arange(1, steps + 1, dtype=torch.float64)
    torch.testing.assert_close(found, 0.2 * (a**t - k**t) / (a - k), rtol=0, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_threshold_rises_with_every_spike_and_comes_down_again(engine: Any) -> None:
    """It is 1 + b sum of r^(t-1-s) over the spikes s so far; a membrane that forgets gets 1.9, less 1 after a spike."""
    b, r, steps = 0.5, 0.8, 30
    network = alone(Cell(0, 0.0, strength=b, recovery=r), engine, weight=1.9)
    expected: list[bool] = []
    for t in range(steps):
        membrane = 1.9 - (1.0 if expected and expected[-1] else 0.0)
        expected.append(membrane >= 1 + b * sum(r ** (t - 1 - s) for s, spike in enumerate(expected) if spike))
    found = network.probe(torch.ones(1, steps, 1), torch.tensor([0]), lambda logits: logits.sum(1))
    fired = found.presynaptic[1:, 0, 0] > 0
    assert fired.tolist() == expected
    assert 3 < sum(expected) < steps / 2
