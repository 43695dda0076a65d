from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import FREE
from smalti.model.entering import spikes_of_channels, spikes_of_samples
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions


class Busy(Protocol):
    def __call__(self, options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]: ...


Spikes = Callable[..., Tensor]
EXACT = NetworkOptions(precision="float64")


def test_storage_of_an_empty_chip() -> None:
    network = Network(Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=3, wires=2)), 3, NetworkOptions())
    state = network.state
    assert state.weight.shape == state.mask.shape == state.frozen.shape == (4, 3 + 8, 3)
    assert state.weight.requires_grad
    assert not state.weight.any()
    assert not state.mask.any()
    assert not state.alive.any()
    assert state.alive.shape == state.output.shape == (12,)
    assert sorted(state.source[state.source != FREE].tolist()) == [12, 13, 14]
    activity = network.run(torch.ones(2, 5, 3), torch.tensor([9, 10]))
    assert activity.membrane.shape == (5, 2, 2)
    assert activity.counts.shape == (12, 2)
    assert not activity.membrane.any()


def test_a_single_chain_of_neurons_by_hand() -> None:
    """Channel 0 fires neuron 0 at t = 0; it fires neuron 2 in the tile below at t = 1; that moves output 3 at t = 2."""
    fabric = Fabric(FabricOptions(rows=2, cols=1, neurons_per_tile=2, wires=1))
    network = Network(fabric, 1, replace(EXACT, tau_ms=10, output_tau_ms=5))
    links, state = network.links, network.state
    state.alive[[0, 2, 3]] = True
    state.output[3] = True
    with torch.no_grad():
        state.weight[0, links.rows[4, 0], 0] = 1.5
        state.weight[1, links.add(0, 1), 0] = 1.25
        state.weight[1, links.add_local(2), 1] = 0.7
    state.mask.copy_(state.weight != 0)
    x = torch.zeros(1, 5, 1)
    x[0, 0] = 1
    activity = network.run(x, torch.tensor([3]))
    assert activity.counts.flatten().tolist() == [1, 0, 1, 0]
    a = math.exp(-1 / 5)
    expected = torch.tensor([0, 0, 0.7, 0.7 * a, 0.7 * a * a], dtype=torch.float64)
    torch.testing.assert_close(activity.membrane.detach().flatten(), expected)


def test_a_membrane_exactly_at_threshold_fires() -> None:
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=2, wires=1)), 1, EXACT)
    network.state.alive[:] = True
    with torch.no_grad():
        network.state.weight[0, network.links.rows[2, 0]] = torch.tensor([1.0, 1 - 1e-12], dtype=torch.float64)
    network.state.mask.copy_(network.state.weight != 0)
    activity = network.run(torch.ones(1, 1, 1), torch.tensor([0]))
    assert activity.counts.flatten().tolist() == [1, 0]


def test_readouts_are_mean_largest_and_last_membrane_and_count() -> None:
    membrane = torch.tensor([[[1.0, 2.0]], [[3.0, -4.0]]])  # [T, O, B]
    activity = Activity(torch.tensor([1]), membrane, torch.tensor([[9.0, 9.0], [5.0, 6.0]]))
    fabric = Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=2))
    logits = {
        readout: Network(fabric, 0, NetworkOptions(readout=readout)).read(activity).tolist()
        for readout in ("membrane_mean", "membrane_max", "membrane_last", "spike_count")
    }
    assert logits == {
        "membrane_mean": [[2.0], [-1.0]],
        "membrane_max": [[3.0], [2.0]],
        "membrane_last": [[3.0], [-4.0]],
        "spike_count": [[5.0], [6.0]],
    }


def test_output_units_fire_only_where_spikes_are_counted(busy: Busy, spikes: Spikes) -> None:
    for readout in ("membrane_mean", "spike_count"):
        network, outputs = busy(NetworkOptions(readout=readout))
        assert network.run(spikes(), outputs).counts[outputs].any() == (readout == "spike_count")


def test_who_does_not_run_is_silent_and_the_others_do_without(busy: Busy, spikes: Spikes) -> None:
    """Neurons that do not run might as well have no devices at all."""
    network, outputs = busy(EXACT, seed=3)
    running = torch.rand(network.fabric.neurons, generator=torch.Generator().manual_seed(0)) < 0.6
    everyone, some = network.run(spikes(), outputs), network.run(spikes(), outputs, running)
    assert everyone.counts[~running].any()
    assert not some.counts[~running].any()
    cut, _ = busy(EXACT, seed=3)
    with torch.no_grad():
        for (source, tile), row in cut.links.rows.items():
            if source < cut.fabric.neurons and not running[source]:
                cut.state.weight[tile, row] = 0
    alone = cut.run(spikes(), outputs)
    assert torch.equal(alone.counts[running], some.counts[running])
    assert some.counts[running].any()
    torch.testing.assert_close(alone.membrane, some.membrane, rtol=0, atol=1e-12)
    assert (everyone.membrane - some.membrane).abs().max() > 0.1


def test_free_slots_are_silent_even_with_devices_in_them(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(EXACT)
    free = ~network.state.alive
    with torch.no_grad():
        network.state.weight.fill_(0.5)
    counts = network.run(spikes(), outputs).counts
    assert free.any()
    assert not counts[free].any()


def test_leaks_are_exact_in_both_precisions(busy: Busy) -> None:
    """The leak of a slot is that of the options, unrounded, and newborns are simulated with the same."""
    for precision in ("float32", "float64"):
        options = NetworkOptions(precision=precision, output_tau_ms=7.0)
        network, outputs = busy(options)
        dynamics, newborn = network.dynamics(), network.newborn_dynamics()
        hidden = torch.nonzero(network.state.alive & ~network.state.output).flatten()
        exact = torch.tensor([options.leak, options.output_leak], dtype=options.dtype)
        assert (dynamics.leak[hidden] == exact[0]).all()
        assert (dynamics.leak[outputs] == exact[1]).all()
        assert (dynamics.threshold[hidden] == options.threshold).all()
        assert (dynamics.threshold[outputs] == torch.inf).all()
        assert newborn.leak.item() == exact[0].item()
        assert newborn.threshold.item() == options.threshold
        assert newborn.leak.dtype == dynamics.leak.dtype == options.dtype


def test_spike_trains_of_any_type_are_read(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(NetworkOptions())
    x = spikes()
    expected = network.run(x, outputs).membrane
    for dtype in (torch.uint8, torch.float32, torch.float64, torch.int64):
        assert torch.equal(network.run(x.to(dtype), outputs).membrane, expected)


def test_a_batch_of_another_shape_is_refused(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(NetworkOptions())
    with pytest.raises(ValueError, match=r"\[6, 20, 6\]; give \[samples, steps, 7 input channels\]"):
        network.run(spikes()[:, :, 1:], outputs)
    with pytest.raises(ValueError, match=r"shape \[20, 7\]"):
        network.run(spikes()[0], outputs)


def test_a_new_link_is_seen_by_the_next_run(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(EXACT)
    before = network.run(spikes(), outputs)
    links, slots = network.links, network.fabric.slots
    pair = next(
        (s, t)
        for s in torch.nonzero(before.counts.sum(1)).flatten().tolist()
        for t in (int(outputs[0]) // slots,)
        if (s, t) not in links.rows and not hasattr(links.offer(s, t), "reason")
    )
    row = links.add(*pair)
    with torch.no_grad():
        network.state.weight[pair[1], row, int(outputs[0]) % slots] = 2.0
    network.state.mask[pair[1], row, int(outputs[0]) % slots] = True
    assert (network.run(spikes(), outputs).membrane - before.membrane).abs().max() > 1


def test_a_probe_leaves_the_weights_gradient_alone(busy: Busy, spikes: Spikes) -> None:
    network, outputs = busy(NetworkOptions())
    probe = network.probe(spikes(), outputs, lambda logits: logits.square().sum(1))
    assert network.state.weight.grad is None
    assert not any(t.requires_grad for t in (probe.delta, probe.loss, probe.counts, probe.presynaptic))
    assert probe.loss.shape == (6,)
    assert (probe.loss > 0).all()


def test_adjoints_of_a_sample_do_not_depend_on_the_batch(busy: Busy, spikes: Spikes) -> None:
    """They are those of the loss of each sample, not of a mean."""
    network, outputs = busy(EXACT)
    x = spikes()

    def loss(logits: Tensor) -> Tensor:
        return logits.square().sum(1)

    whole, part = network.probe(x, outputs, loss), network.probe(x[:2], outputs, loss)
    assert part.delta.abs().max() > 0
    torch.testing.assert_close(part.delta, whole.delta[..., :2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_spikes_of_channels_are_added_up_exactly(dtype: torch.dtype) -> None:
    """By hand: two samples of three steps, also of more spikes than a byte can count."""
    most = 1 if dtype == torch.bool else 255
    x = torch.tensor([[[1, 0], [1, 0], [1, 1]], [[0, 0], [1, 0], [0, 0]]]) * most
    assert spikes_of_samples(x.to(dtype)).tolist() == [[3.0 * most, most], [most, 0.0]]
    assert spikes_of_channels(x.to(dtype)).tolist() == [4.0 * most, most]
