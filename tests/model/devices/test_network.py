"""Networks on memristive devices: both engines read the same numbers, and go back through what they read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.devices import DevicesOptions
from smalti.model.devices.memristors import Memristors
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(engine="events", precision="float64")
KINDS = [
    {"kind": "mosaic"},
    {"kind": "reram_wan", "learning": "noise"},
    {"kind": "pcm", "scale": "tile"},
    {"kind": "reram_cmo", "levels": 32, "stuck_on": 0.05},
]
Busy = Callable[..., tuple[Network, Tensor]]
Spikes = Callable[..., Tensor]


def equipped(network: Network, options: dict[str, Any], engine: str = "events") -> Network:
    """The same network on these devices and this engine; all of them draw the same numbers."""
    other = Network(network.fabric, network.channels, replace(network.options, engine=engine))  # type: ignore[arg-type]
    other.links, other.state = network.links, network.state
    other.memristors = Memristors(DevicesOptions(**options), other)
    return other


@pytest.mark.parametrize("options", KINDS)
def test_both_engines_read_the_same_numbers(busy: Busy, spikes: Spikes, options: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    network, outputs = busy(EXACT)
    x, (events, dense) = spikes(), (equipped(network, options, engine) for engine in ("events", "dense"))
    ideal = network.run(x, outputs).membrane.detach()
    for _ in range(2):
        found, expected = (one.run(x, outputs).membrane.detach() for one in (events, dense))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
        assert not torch.allclose(found, ideal, atol=1e-3)
    recorded = [one.record(x, outputs) for one in (events, dense)]
    slope = torch.ones_like(recorded[0].activity.membrane)
    gradients = [one.backward(slope, None) for one in recorded]
    torch.testing.assert_close(gradients[0][network.state.mask], gradients[1][network.state.mask], rtol=0, atol=1e-8)


@pytest.mark.parametrize("engine", ["events", "dense"])
def test_gradients_are_those_of_an_ideal_network_with_the_weights_that_were_read(
    busy: Busy, spikes: Spikes, engine: str
) -> None:
    if engine == "events":
        pytest.importorskip("numba")
    network, outputs = busy(EXACT)
    noisy, x = equipped(network, {"kind": "mosaic"}, engine), spikes()
    recorded = noisy.record(x, outputs)
    found = recorded.backward(torch.ones_like(recorded.activity.membrane), None)
    (by_autograd,) = torch.autograd.grad(noisy.run(x, outputs).membrane.sum(), network.state.weight)
    found = found * network.state.mask
    torch.testing.assert_close(found, by_autograd * network.state.mask, rtol=0, atol=1e-9)
    with torch.no_grad():
        network.state.weight.copy_(noisy.memristors.read())
    ideal = network.record(x, outputs)
    assert torch.equal(ideal.activity.counts, recorded.activity.counts)
    expected = ideal.backward(torch.ones_like(ideal.activity.membrane), None)
    torch.testing.assert_close(found, expected * network.state.mask, rtol=0, atol=1e-8)


def test_a_probe_and_a_tape_read_the_chip_as_a_run_does(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(EXACT)
    noisy, x = equipped(network, {"kind": "mosaic"}, "dense"), spikes()
    counts = noisy.run(x, outputs).counts.detach()
    assert torch.equal(noisy.probe(x, outputs, lambda logits: logits.sum(1)).counts, counts)
    assert torch.equal(noisy.tape(x).spikes.sum(0), counts)
