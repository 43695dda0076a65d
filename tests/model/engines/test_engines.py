"""What both engines must do, the dense and the event-driven one; and which of them is chosen."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any, Literal, Protocol

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.engines.choice import choose_engine
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions


class Busy(Protocol):
    def __call__(self, options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]: ...


Spikes = Callable[..., Tensor]
NO_NUMBA = importlib.util.find_spec("numba") is None
NEEDS_NUMBA = pytest.mark.skipif(NO_NUMBA, reason="numba is not installed")
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
DENSE, EVENTS = NetworkOptions(engine="dense"), NetworkOptions(engine="events")
ENGINES = [pytest.param("dense"), pytest.param("events", marks=NEEDS_NUMBA)]
PLACES = [
    pytest.param(DENSE, id="dense"),
    pytest.param(EVENTS, marks=NEEDS_NUMBA, id="events"),
    pytest.param(replace(DENSE, device="cuda"), marks=NEEDS_CUDA, id="dense cuda"),
]
EXACT = NetworkOptions(precision="float64")
Reset = Literal["soft", "hard"]
RESETS: tuple[Reset, ...] = ("soft", "hard")
SHAPES: tuple[Literal["triangle", "fast_sigmoid"], ...] = ("triangle", "fast_sigmoid")


def changed(options: NetworkOptions, **constants: object) -> NetworkOptions:
    """The same options where some constants are others."""
    kind = type("Changed", (type(options),), constants)
    made: NetworkOptions = kind(**{field.name: getattr(options, field.name) for field in fields(options)})
    return made


VARIANTS = [
    changed(replace(EXACT, reset=reset, surrogate=surrogate), reset_gradient=reset_gradient)
    for reset, reset_gradient, surrogate in product(RESETS, (False, True), SHAPES)
]


def name(options: NetworkOptions) -> str:
    through = "with" if options.reset_gradient else "without"
    return f"{options.reset} {options.surrogate} {through} reset gradient"


def busy_and_apart(busy: Busy, oracle: Any, options: NetworkOptions, x: Tensor, seed: int) -> tuple[Network, Tensor]:
    """A busy network in which rounding decides nothing; some neurons fire, some do not."""
    network, outputs = busy(options, seed=seed)
    share = oracle.nudge(network, x)
    assert share is not None
    assert 0.05 < share < 0.6
    return network, outputs


def owed(network: Network, gradient: Tensor) -> Tensor:
    """The part of a gradient that the engine owes: the event-driven one knows only devices that learn."""
    state = network.state
    return gradient if network.engine == "dense" else gradient * (state.mask & ~state.frozen)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("readout", ["membrane_mean", "membrane_max", "membrane_last", "spike_count"])
@pytest.mark.parametrize("options", VARIANTS, ids=name)
def test_forward_and_gradient_are_those_of_autograd(
    busy: Busy, spikes: Spikes, oracle: Any, options: NetworkOptions, readout: Any, place: NetworkOptions
) -> None:
    """With a support that is wider than the threshold, so that membranes at rest have a slope too."""
    seed = VARIANTS.index(options)
    options = replace(options, engine=place.engine, device=place.device, readout=readout)
    options = changed(replace(options, output_tau_ms=8.0, threshold=0.9), surrogate_slope=3.0)
    x = spikes().to(options.device)
    network, outputs = busy_and_apart(busy, oracle, options, x, seed)
    activity = network.run(x, outputs)
    gradient = oracle.gradient(network, activity)

    weight = network.state.weight.detach().clone().requires_grad_()
    plain = oracle.run(network, weight, x, outputs)
    (expected,) = torch.autograd.grad(oracle.objective(network, plain), weight)
    torch.testing.assert_close(activity.membrane, plain.membrane, rtol=0, atol=1e-10)
    assert torch.equal(activity.counts, plain.counts)
    assert owed(network, expected).abs().max() > 1e-3
    torch.testing.assert_close(gradient, owed(network, expected), rtol=0, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("readout", ["membrane_mean", "spike_count"])
@pytest.mark.parametrize("options", VARIANTS, ids=name)
def test_adjoints_are_gradients_of_injected_current(
    busy: Busy, spikes: Spikes, oracle: Any, options: NetworkOptions, readout: Any, engine: Any
) -> None:
    x = spikes()
    network, outputs = busy_and_apart(busy, oracle, replace(options, readout=readout, engine=engine), x, seed=2)
    target = torch.arange(len(x)) % len(outputs)

    def loss(logits: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, target, reduction="none")

    probe = network.probe(x, outputs, loss)
    extra = torch.zeros(x.shape[1], x.shape[0], network.fabric.neurons, dtype=torch.float64, requires_grad=True)
    membranes, fired = oracle.loop(network, oracle.matrix(network, network.state.weight.detach()), x, extra=extra)
    losses = loss(network.read(Activity(outputs, membranes[..., outputs].transpose(1, 2), fired.sum(0).T)))
    (expected,) = torch.autograd.grad(losses.sum(), extra)
    torch.testing.assert_close(probe.loss, losses.detach(), rtol=0, atol=1e-12)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(probe.delta, expected.transpose(1, 2), rtol=0, atol=1e-10)
    neurons = network.fabric.neurons
    assert torch.equal(probe.presynaptic[1:, :neurons], fired.detach().transpose(1, 2))
    assert torch.equal(probe.presynaptic[:-1, neurons:-1], x.double().permute(1, 2, 0))
    assert not probe.presynaptic[:, -1].any()
    assert torch.equal(probe.counts, fired.detach().sum(0).T)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_variants_differ(busy: Busy, spikes: Spikes, oracle: Any, engine: Any) -> None:
    """Each option changes the gradient of one and the same network, so the test above can tell them apart."""
    gradients = []
    for options in VARIANTS:
        network, outputs = busy(replace(options, engine=engine))
        gradients.append(oracle.gradient(network, network.run(spikes(), outputs)))
    for k, gradient in enumerate(gradients):
        assert all((gradient - other).abs().max() > 1e-4 for other in gradients[:k]), VARIANTS[k]


@pytest.mark.parametrize("engine", ENGINES)
def test_routed_links_are_one_masked_matrix(busy: Busy, spikes: Spikes, oracle: Any, engine: Any) -> None:
    """W_rec is zero where no link lies, and the network of tiles spikes as W_rec and W_in do."""
    x = spikes(seed=4)
    network, outputs = busy_and_apart(busy, oracle, replace(EXACT, engine=engine), x, seed=4)
    fabric, links = network.fabric, network.links
    recurrent = torch.zeros(fabric.neurons, fabric.neurons, dtype=torch.float64)
    into = torch.zeros(network.channels, fabric.neurons, dtype=torch.float64)
    for (source, tile), row in links.rows.items():
        columns = slice(tile * fabric.slots, (tile + 1) * fabric.slots)
        table = recurrent[source] if source < fabric.neurons else into[source - fabric.neurons]
        table[columns] = network.state.weight.detach()[tile, row]
    assert (recurrent != 0).float().mean() < 0.5
    membranes, fired = oracle.loop(network, torch.cat([recurrent, into]), x)
    activity = network.run(x, outputs)
    assert torch.equal(activity.counts, fired.sum(0).T)
    torch.testing.assert_close(activity.membrane.detach(), membranes[..., outputs].transpose(1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reset", RESETS)
def test_float32_is_close_to_float64(busy: Busy, spikes: Spikes, oracle: Any, reset: Reset, engine: Any) -> None:
    exact, outputs = busy(replace(EXACT, reset=reset, engine=engine), seed=1)
    x = spikes(seed=1)
    assert oracle.nudge(exact, x, margin=1e-5) is not None
    single, _ = busy(NetworkOptions(reset=reset, engine=engine), seed=1)
    with torch.no_grad():
        single.state.weight.copy_(exact.state.weight)
    runs = {network: network.run(x, outputs) for network in (exact, single)}
    assert torch.equal(runs[single].counts.double(), runs[exact].counts)
    assert runs[single].membrane.dtype == torch.float32
    torch.testing.assert_close(runs[single].membrane.double(), runs[exact].membrane, rtol=0, atol=1e-5)
    gradients = [oracle.gradient(n, a).double() for n, a in runs.items()]
    scale = gradients[0].abs().max()
    torch.testing.assert_close(gradients[1] / scale, gradients[0] / scale, rtol=0, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_is_the_same_every_time(busy: Busy, spikes: Spikes, oracle: Any, engine: Any) -> None:
    network, outputs = busy(NetworkOptions(engine=engine))
    first, second = network.run(spikes(), outputs), network.run(spikes(), outputs)
    assert torch.equal(first.membrane, second.membrane)
    assert torch.equal(first.counts, second.counts)
    assert torch.equal(oracle.gradient(network, first), oracle.gradient(network, second))


@pytest.mark.parametrize("engine", ENGINES)
def test_samples_do_not_disturb_each_other(busy: Busy, spikes: Spikes, engine: Any) -> None:
    network, outputs = busy(replace(EXACT, engine=engine))
    x = spikes()
    together = network.run(x, outputs)
    for b in range(len(x)):
        alone = network.run(x[b : b + 1], outputs)
        torch.testing.assert_close(alone.membrane[..., 0], together.membrane[..., b], rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_without_gradient_gives_the_same_bits(busy: Busy, spikes: Spikes, engine: Any) -> None:
    network, outputs = busy(NetworkOptions(engine=engine))
    x = spikes(batch=40)
    learning = network.run(x, outputs)
    with torch.no_grad():
        answering = network.run(x, outputs)
    assert learning.membrane.requires_grad
    assert not answering.membrane.requires_grad
    assert torch.equal(answering.membrane, learning.membrane)
    assert torch.equal(answering.counts, learning.counts)


@pytest.mark.parametrize("engine", ENGINES)
def test_backward_can_be_called_twice(busy: Busy, spikes: Spikes, oracle: Any, engine: Any) -> None:
    network, outputs = busy(NetworkOptions(engine=engine))
    loss = oracle.objective(network, network.run(spikes(batch=40), outputs))
    first, second = (torch.autograd.grad(loss, network.state.weight, retain_graph=True)[0] for _ in range(2))
    assert first.any()
    assert torch.equal(first, second)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_of_counts_alone_and_one_of_membranes_alone_have_gradients(
    busy: Busy, spikes: Spikes, oracle: Any, engine: Any
) -> None:
    """They are those of the loop, also where the gradient of the other is missing."""
    x = spikes()
    network, outputs = busy_and_apart(busy, oracle, replace(EXACT, engine=engine), x, seed=1)
    for read in (lambda a: a.counts.square().mean(), lambda a: a.membrane.square().mean()):
        (gradient,) = torch.autograd.grad(read(network.run(x, outputs)), network.state.weight)
        weight = network.state.weight.detach().clone().requires_grad_()
        (expected,) = torch.autograd.grad(read(oracle.run(network, weight, x, outputs)), weight)
        assert expected.abs().max() > 1e-3
        torch.testing.assert_close(gradient, owed(network, expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reset", RESETS)
def test_gradient_passes_through_the_reset_of_a_neuron_that_drives_nobody(
    oracle: Any, reset: Reset, engine: Any
) -> None:
    """A single neuron that fires every other step, its own membrane read."""
    options = changed(replace(EXACT, reset=reset, engine=engine), reset_gradient=True)
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=1, wires=1)), 1, options)
    state, row, x, outputs = network.state, network.links.rows[1, 0], torch.ones(2, 6, 1), torch.tensor([0])
    state.alive[0] = state.mask[0, row, 0] = True
    with torch.no_grad():
        state.weight[0, row, 0] = 0.6
    activity = network.run(x, outputs)
    assert activity.counts.tolist() == [[3.0, 3.0]]
    (gradient,) = torch.autograd.grad(activity.membrane.square().sum(), state.weight)
    weight = state.weight.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(oracle.run(network, weight, x, outputs).membrane.square().sum(), weight)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == "numba" else find(module))


@NEEDS_NUMBA
def test_the_event_driven_engine_is_taken_where_it_can_run() -> None:
    assert choose_engine(NetworkOptions()) == "events"
    assert choose_engine(NetworkOptions(device="cuda:1")) == "dense"
    assert choose_engine(NetworkOptions(device="meta")) == "dense"
    assert choose_engine(DENSE) == "dense"
    assert choose_engine(EVENTS) == "events"
    assert Network(Fabric(FabricOptions(rows=1, cols=1)), 1, NetworkOptions()).engine == "events"


def test_without_numba_the_dense_engine_runs(monkeypatch: pytest.MonkeyPatch, busy: Busy, spikes: Spikes) -> None:
    without_numba(monkeypatch)
    network, outputs = busy(NetworkOptions())
    assert network.engine == "dense"
    assert network.run(spikes(), outputs).counts.any()
    with pytest.raises(ValueError, match=r"needs numba, which is not installed: pip install 'numba>=0\.6"):
        busy(EVENTS)


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_the_event_driven_engine_refuses_other_devices(device: str) -> None:
    with pytest.raises(ValueError, match=rf"computes on the CPU, not on '{device}': set network\.device = 'cpu'"):
        choose_engine(replace(EVENTS, device=device))
