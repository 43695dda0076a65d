from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any, Literal, Protocol

import pytest
import torch
from torch import Tensor

from model import dense
from model.network import Activity, Network
from model.neuron import NetworkOptions


class Busy(Protocol):
    def __call__(self, options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]: ...


Spikes = Callable[..., Tensor]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
]
EXACT = NetworkOptions(precision="float64")
Reset = Literal["soft", "hard"]
RESETS: tuple[Reset, ...] = ("soft", "hard")
SHAPES: tuple[Literal["triangle", "fast_sigmoid"], ...] = ("triangle", "fast_sigmoid")


class Spike(torch.autograd.Function):
    """Step whose derivative is the surrogate of the options, written anew."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, options: NetworkOptions) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.options = options
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (distance,), options = ctx.saved_tensors, ctx.options
        far = distance.abs()
        if options.surrogate == "triangle":
            slope = torch.where(far < options.surrogate_width, 1 - far / options.surrogate_width, 0.0)
        else:
            slope = torch.where(far < options.surrogate_width, (1 + options.surrogate_slope * far) ** -2, 0.0)
        return gradients[0] * slope * options.surrogate_height, None


def matrix(network: Network, weight: Tensor) -> Tensor:
    """All crossbars as one matrix [N + I, N] from sources to neurons; differentiable in the devices."""
    total = network.fabric.neurons + network.channels
    source = network.state.source.to(weight.device)
    columns = []
    for devices, sources in zip(weight, source, strict=True):
        rows = torch.where(sources < 0, total, sources)
        columns.append(weight.new_zeros(total + 1, weight.shape[2]).index_add(0, rows, devices)[:total])
    return torch.cat(columns, 1)


def loop(
    network: Network, weights: Tensor, x: Tensor, running: Tensor | None = None, extra: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Membranes and spikes [T, B, N] by a plain loop over time from the matrix of all links and extra current."""
    options, state = network.options, network.state
    fires = state.alive if running is None else state.alive & running
    if options.readout != "spike_count":
        fires = fires & ~state.output
    threshold = torch.tensor(options.threshold, dtype=weights.dtype, device=weights.device)
    leak = torch.where(
        state.output,
        torch.tensor(options.output_leak, dtype=weights.dtype, device=weights.device),
        torch.tensor(options.leak, dtype=weights.dtype, device=weights.device),
    )
    v = s = weights.new_zeros(x.shape[0], network.fabric.neurons)
    membranes, spikes = [], []
    for t in range(x.shape[1]):
        drive = torch.cat([s, x[:, t].to(weights)], 1) @ weights
        drive = drive if extra is None else drive + extra[t]
        fired = s if options.reset_gradient else s.detach()
        kept = v * leak
        v = (kept * (1 - fired) if options.reset == "hard" else kept - options.threshold * fired) + drive
        s = Spike.apply(v - threshold, options) * fires  # type: ignore[no-untyped-call]
        membranes.append(v)
        spikes.append(s)
    return torch.stack(membranes), torch.stack(spikes)


def objective(network: Network, activity: Activity) -> Tensor:
    """A loss that looks at outputs and at all spike counts."""
    logits = network.read(activity)
    classes = torch.arange(logits.shape[0], device=logits.device) % logits.shape[1]
    shares = torch.linspace(0.3, 1.1, activity.counts.shape[0], dtype=logits.dtype, device=logits.device)
    penalty = (activity.counts / activity.membrane.shape[0] - 0.1).square().mean(1) @ shares
    return torch.nn.functional.cross_entropy(logits, classes) + penalty


def away_from_threshold(network: Network, x: Tensor, margin: float = 1e-6) -> None:
    """Change the weights a little until rounding can decide no spike; some must fire, some not."""
    weight = network.state.weight
    fires = network.state.alive & ~network.state.output
    for _ in range(50):
        membranes, spikes = loop(network, matrix(network, weight.detach()), x)
        close = (membranes[..., fires] - network.options.threshold).abs().min()
        if close > margin:
            assert 0.05 < spikes[..., fires].mean() < 0.6
            return
        with torch.no_grad():
            weight.mul_(1.001)
    raise AssertionError("membranes stay close to the threshold")


VARIANTS = [
    replace(EXACT, reset=reset, reset_gradient=reset_gradient, surrogate=surrogate)
    for reset, reset_gradient, surrogate in product(RESETS, (False, True), SHAPES)
]


def name(options: NetworkOptions) -> str:
    through = "with" if options.reset_gradient else "without"
    return f"{options.reset} {options.surrogate} {through} reset gradient {options.readout}"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("readout", ["membrane_mean", "membrane_max", "spike_count"])
@pytest.mark.parametrize("options", VARIANTS, ids=name)
def test_forward_and_gradient_are_those_of_autograd(
    busy: Busy, spikes: Spikes, options: NetworkOptions, readout: Any, device: str
) -> None:
    options = replace(options, readout=readout, surrogate_slope=3.0, output_tau_ms=8.0, threshold=0.9, device=device)
    network, outputs = busy(options, seed=VARIANTS.index(replace(EXACT, **_variant(options))))
    x = spikes().to(device)
    away_from_threshold(network, x)
    activity = network.run(x, outputs)
    (gradient,) = torch.autograd.grad(objective(network, activity), network.state.weight)

    weight = network.state.weight.detach().clone().requires_grad_()
    membranes, fired = loop(network, matrix(network, weight), x)
    plain = Activity(outputs, membranes[..., outputs].transpose(1, 2), fired.sum(0).T)
    (expected,) = torch.autograd.grad(objective(network, plain), weight)
    torch.testing.assert_close(activity.membrane, plain.membrane, rtol=0, atol=1e-10)
    assert torch.equal(activity.counts, plain.counts)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)


def _variant(options: NetworkOptions) -> dict[str, Any]:
    return {field: getattr(options, field) for field in ("reset", "reset_gradient", "surrogate")}


@pytest.mark.parametrize("readout", ["membrane_mean", "spike_count"])
@pytest.mark.parametrize("options", VARIANTS, ids=name)
def test_adjoints_are_gradients_of_injected_current(
    busy: Busy, spikes: Spikes, options: NetworkOptions, readout: Any
) -> None:
    network, outputs = busy(replace(options, readout=readout), seed=2)
    x = spikes()
    away_from_threshold(network, x)
    target = torch.arange(len(x)) % len(outputs)

    def loss(logits: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, target, reduction="none")

    probe = network.probe(x, outputs, loss)
    extra = torch.zeros(x.shape[1], x.shape[0], network.fabric.neurons, dtype=torch.float64, requires_grad=True)
    membranes, fired = loop(network, matrix(network, network.state.weight.detach()), x, extra=extra)
    losses = loss(network.read(Activity(outputs, membranes[..., outputs].transpose(1, 2), fired.sum(0).T)))
    (expected,) = torch.autograd.grad(losses.sum(), extra)
    torch.testing.assert_close(probe.loss, losses.detach(), rtol=0, atol=1e-12)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(probe.delta, expected.transpose(1, 2), rtol=0, atol=1e-10)
    neurons = network.fabric.neurons
    assert torch.equal(probe.presynaptic[1:, :neurons], fired.detach().transpose(1, 2))
    assert torch.equal(probe.presynaptic[:-1, neurons:-1], x.double().permute(1, 2, 0))
    assert torch.equal(probe.counts, fired.detach().sum(0).T)


def test_the_variants_differ(busy: Busy, spikes: Spikes) -> None:
    """Each option changes the gradient of one and the same network, so the test above can tell them apart."""
    gradients = []
    for options in VARIANTS:
        network, outputs = busy(options)
        (gradient,) = torch.autograd.grad(objective(network, network.run(spikes(), outputs)), network.state.weight)
        gradients.append(gradient)
    for k, gradient in enumerate(gradients):
        assert all((gradient - other).abs().max() > 1e-4 for other in gradients[:k]), VARIANTS[k]


def test_routed_links_are_one_masked_matrix(busy: Busy, spikes: Spikes) -> None:
    """W_rec is zero where no link lies, and the network of tiles spikes as W_rec and W_in do."""
    network, outputs = busy(EXACT, seed=4)
    x = spikes(seed=4)
    away_from_threshold(network, x)
    fabric, links = network.fabric, network.links
    recurrent = torch.zeros(fabric.neurons, fabric.neurons, dtype=torch.float64)
    into = torch.zeros(network.channels, fabric.neurons, dtype=torch.float64)
    for (source, tile), row in links.rows.items():
        columns = slice(tile * fabric.slots, (tile + 1) * fabric.slots)
        table = recurrent[source] if source < fabric.neurons else into[source - fabric.neurons]
        table[columns] = network.state.weight.detach()[tile, row]
    assert (recurrent != 0).float().mean() < 0.5
    _, fired = loop(network, torch.cat([recurrent, into]), x)
    membranes, _ = loop(network, matrix(network, network.state.weight.detach()), x)
    activity = network.run(x, outputs)
    assert torch.equal(activity.counts, fired.sum(0).T)
    torch.testing.assert_close(activity.membrane.detach(), membranes[..., outputs].transpose(1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset", RESETS)
def test_float32_is_close_to_float64(busy: Busy, spikes: Spikes, reset: Reset) -> None:
    exact, outputs = busy(replace(EXACT, reset=reset), seed=1)
    x = spikes(seed=1)
    away_from_threshold(exact, x, margin=1e-5)
    single, _ = busy(NetworkOptions(reset=reset), seed=1)
    with torch.no_grad():
        single.state.weight.copy_(exact.state.weight)
    runs = {network: network.run(x, outputs) for network in (exact, single)}
    assert torch.equal(runs[single].counts.double(), runs[exact].counts)
    assert runs[single].membrane.dtype == torch.float32
    torch.testing.assert_close(runs[single].membrane.double(), runs[exact].membrane, rtol=0, atol=1e-5)
    gradients = [torch.autograd.grad(objective(n, a), n.state.weight)[0].double() for n, a in runs.items()]
    scale = gradients[0].abs().max()
    torch.testing.assert_close(gradients[1] / scale, gradients[0] / scale, rtol=0, atol=1e-4)


def test_a_run_is_the_same_every_time(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(NetworkOptions())
    first, second = network.run(spikes(), outputs), network.run(spikes(), outputs)
    assert torch.equal(first.membrane, second.membrane)
    assert torch.equal(first.counts, second.counts)
    gradients = [torch.autograd.grad(objective(network, a), network.state.weight)[0] for a in (first, second)]
    assert torch.equal(*gradients)


def test_samples_do_not_disturb_each_other(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(EXACT)
    x = spikes()
    together = network.run(x, outputs)
    for b in range(len(x)):
        alone = network.run(x[b : b + 1], outputs)
        torch.testing.assert_close(alone.membrane[..., 0], together.membrane[..., b], rtol=0, atol=1e-12)


def test_wiring_of_a_small_table_written_out() -> None:
    """Two tiles of three rows; neuron 0 drives rows 1 and 5, neuron 1 row 3, channel 2 row 0; the others are free."""
    wiring = dense.Wiring.of(torch.tensor([[2, 0, -1], [1, -1, 0]]), neurons=2, channels=1)
    assert wiring.rows.tolist() == [2, 0, 3, 1, 3, 0]
    assert wiring.fan_out.tolist() == [1, 5, 3]
    assert wiring.fan_out_start.tolist() == [0, 2, 3]
    assert (wiring.tiles, wiring.neurons, wiring.channels) == (2, 2, 1)
    rows = torch.arange(6.0).reshape(2, 3, 1)
    assert dense.gather_fan_out(rows, wiring).tolist() == [[6], [3]]


@pytest.mark.parametrize("device", DEVICES)
def test_a_chip_without_links_runs_and_has_no_gradient(device: str) -> None:
    wiring = dense.Wiring.of(torch.full((1, 4), -1, device=device), neurons=2, channels=0)
    assert wiring.fan_out.tolist() == []
    assert dense.gather_fan_out(torch.ones(1, 4, 3, device=device), wiring).tolist() == [[0] * 3] * 2
