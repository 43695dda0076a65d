"""The probe of the event-driven engine against that of the dense one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.model.kinds import KindOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.probe import Kernel, Probe

pytest.importorskip("numba", reason="the event-driven engine needs numba")
EXACT = NetworkOptions(precision="float64")
Busy = Callable[..., tuple[Network, Tensor]]
BATCH, LEAK = 70, 0.9


def losses(logits: Tensor) -> Tensor:
    target = torch.arange(len(logits)) % logits.shape[1]
    return cross_entropy(logits, target, reduction="none")


def probes(busy: Busy, x: Tensor, options: NetworkOptions = EXACT, seed: int = 0) -> tuple[Network, Probe, Probe]:
    """The network of the event-driven engine, its probe, and the dense one of the same network."""
    dense, outputs = busy(replace(options, engine="dense"), seed)
    events, _ = busy(replace(options, engine="events"), seed)
    return events, events.probe(x, outputs, losses), dense.probe(x, outputs, losses)


@pytest.fixture
def x(spikes: Callable[..., Tensor]) -> Tensor:
    return spikes(batch=BATCH)


KINDS = {"plain": KindOptions(), "both": KindOptions(synapse_ms=2.0, adaptation=0.3, adaptation_ms=20.0)}


@pytest.mark.parametrize("kinds", [{}, KINDS], ids=["", "of kinds"])
@pytest.mark.parametrize("kind", ["bool", "counts", "currents"])
def test_all_that_a_probe_holds(busy: Busy, x: Tensor, kind: str, kinds: dict[str, KindOptions]) -> None:
    if kind == "counts":
        x = x.to(torch.uint8) * torch.arange(1, 8, dtype=torch.uint8)
    if kind == "currents":
        x = x * torch.linspace(-0.5, 1.5, 7, dtype=torch.float64)
    network, found, expected = probes(busy, x, replace(EXACT, kinds=kinds))
    for name in ("presynaptic", "delta", "counts", "loss"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=1e-11)
    used = (network.state.source >= 0)[:, :, None] & network.state.mask.any(2, keepdim=True)
    used = used & network.state.alive.view(9, 1, 5)
    assert expected.gradient[used].abs().max() > 1
    torch.testing.assert_close(found.gradient * used, expected.gradient * used, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", [Kernel(LEAK), Kernel(LEAK, 0.6)], ids=["plain", "slow"])
@pytest.mark.parametrize("seed", range(3))
def test_moments_of_any_sources_and_targets(busy: Busy, x: Tensor, seed: int, kernel: Kernel) -> None:
    """Neurons, dead slots and channels as sources, in any order; running neurons and dead slots as targets."""
    network, found, expected = probes(busy, x, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    sources = torch.randperm(network.fabric.neurons + network.channels, generator=generator)[:23]
    targets = torch.randperm(network.fabric.neurons, generator=generator)[:17]
    for one, other in zip(*(p.moments(kernel, sources, targets) for p in (found, expected)), strict=True):
        assert other.abs().max() > 0.1
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
    assert torch.equal(found.drive(sources), expected.drive(sources))
    torch.testing.assert_close(found.adjoints(targets), expected.adjoints(targets), rtol=0, atol=1e-12)


def test_moments_in_float32(busy: Busy, x: Tensor) -> None:
    _, exact, _ = probes(busy, x)
    _, single, _ = probes(busy, x, NetworkOptions())
    if not torch.equal(single.counts.double(), exact.counts):
        pytest.skip("rounding decided a spike")
    wires = torch.arange(40), torch.arange(45)
    for one, other in zip(single.moments(Kernel(LEAK), *wires), exact.moments(Kernel(LEAK), *wires), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), other, rtol=0, atol=1e-4 * float(other.abs().max()))


def test_adjoints_are_those_asked_for(busy: Busy, x: Tensor) -> None:
    network, found, expected = probes(busy, x)
    alive = torch.nonzero(network.state.alive).flatten()
    nobody, some = found.asked(alive[:0]), found.asked(alive[3:9])
    assert not nobody.adjoints(alive).any()
    torch.testing.assert_close(some.adjoints(alive[3:9]), expected.adjoints(alive[3:9]), rtol=0, atol=1e-12)
    for one in (nobody, some):
        assert torch.equal(one.gradient, found.gradient)
        assert torch.equal(one.counts, found.counts)
    assert not nobody.moments(Kernel(LEAK), alive[:4], alive)[0].any()


def test_frozen_devices_hide_nothing_from_a_probe(busy: Busy, x: Tensor) -> None:
    """Growth wants to know what neurons would like to receive even where nothing learns any more."""
    network, outputs = busy(replace(EXACT, engine="events"))
    before = network.probe(x, outputs, losses)
    network.state.frozen.copy_(network.state.mask)
    after = network.probe(x, outputs, losses)
    assert torch.equal(after.delta, before.delta)
    assert torch.equal(after.gradient, before.gradient)
    assert before.delta.abs().max() > 0


def test_neurons_that_do_not_run_are_silent_and_want_nothing(busy: Busy, x: Tensor) -> None:
    network, outputs = busy(replace(EXACT, engine="events"))
    running = network.state.alive.clone()
    running[::3] = False
    running[outputs] = True
    found = network.probe(x, outputs, losses, running)
    assert not found.counts[~running].any()
    assert not found.delta[:, ~running].any()
    assert not found.presynaptic[:, :-1][:, : network.fabric.neurons][:, ~running].any()
    other, _ = busy(replace(EXACT, engine="dense"))
    torch.testing.assert_close(
        found.delta[:, running], other.probe(x, outputs, losses, running).delta[:, running], rtol=0, atol=1e-11
    )


def test_the_bits_do_not_depend_on_the_number_of_threads(busy: Busy, x: Tensor) -> None:
    found: list[Any] = []
    for threads in (1, 2, 5):
        network, outputs = busy(replace(EXACT, engine="events"))
        network.threads = threads
        probe = network.probe(x, outputs, losses)
        found.append((probe.gradient, probe.delta, *probe.moments(Kernel(LEAK), torch.arange(52), torch.arange(45))))
    assert all(torch.equal(a, b) for one in found[1:] for a, b in zip(one, found[0], strict=True))


def test_without_sources_or_targets_there_is_nothing(busy: Busy, x: Tensor) -> None:
    _, found, expected = probes(busy, x)
    nobody, some = torch.arange(0), torch.arange(5)
    for sources, targets in ((nobody, some), (some, nobody), (nobody, nobody)):
        for one, other in zip(*(p.moments(Kernel(LEAK), sources, targets) for p in (found, expected)), strict=True):
            assert one.shape == other.shape
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        assert found.drive(sources).shape == expected.drive(sources).shape
        assert found.adjoints(targets).shape == expected.adjoints(targets).shape
