"""The event-driven engine as a whole: bits, threads, plans and tapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal, Protocol

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.engines.compiling import Stopwatch
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions

pytest.importorskip("numba", reason="numba is not installed")


class Busy(Protocol):
    def __call__(self, options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]: ...


Spikes = Callable[..., Tensor]
EVENTS = NetworkOptions(engine="events")


@pytest.mark.parametrize("seed", range(3))
def test_rounding_flips_next_to_no_spike_of_a_busy_net(busy: Busy, spikes: Spikes, seed: int) -> None:
    """In float32, where the engines add in another order."""
    network, outputs = busy(EVENTS, seed=seed)
    dense, _ = busy(replace(EVENTS, engine="dense"), seed=seed)
    x = spikes(seed, batch=200, steps=40)
    trains = [
        n.probe(x, outputs, lambda logits: logits.sum(1)).presynaptic[1:, : network.fabric.neurons]
        for n in (network, dense)
    ]
    assert trains[1].sum() > 30_000
    assert (trains[0] != trains[1]).sum() < 1e-3 * trains[1].sum()


@pytest.mark.parametrize("engine", ["events", "dense"])
@pytest.mark.parametrize("counted", [True, False])
def test_a_recorded_run_goes_back_as_autograd_does(
    busy: Busy, spikes: Spikes, engine: Literal["events", "dense"], counted: bool
) -> None:
    """Twice, for memory is used again; the second time with other inputs, so that nothing of the first may be left."""
    network, outputs = busy(replace(EVENTS, engine=engine))
    for seed in (0, 1):
        x, chance = spikes(seed), torch.Generator().manual_seed(seed)
        activity, recorded = network.run(x, outputs), network.record(x, outputs)
        assert torch.equal(recorded.activity.membrane, activity.membrane)
        assert torch.equal(recorded.activity.counts, activity.counts)
        of_membrane = torch.randn(activity.membrane.shape, generator=chance)
        of_counts = torch.randn(activity.counts.shape, generator=chance) if counted else None
        shown = [activity.membrane, activity.counts][: 2 if counted else 1]
        slopes = [of_membrane] if of_counts is None else [of_membrane, of_counts]
        (expected,) = torch.autograd.grad(shown, network.state.weight, slopes)
        assert torch.equal(recorded.backward(of_membrane, of_counts), expected)


def test_memory_of_a_run_without_a_tape_is_not_taken_for_one_step_with_a_tape(busy: Busy, spikes: Spikes) -> None:
    """Both have room for one step, but only the latter for adjoints."""
    network, outputs = busy(EVENTS)
    x = spikes(steps=1)
    slopes = torch.ones(1, len(outputs), len(x)), torch.ones(network.fabric.neurons, len(x))
    with torch.no_grad():
        network.run(x, outputs)
    found = network.record(x, outputs).backward(*slopes)
    fresh, _ = busy(EVENTS)
    assert torch.equal(found, fresh.record(x, outputs).backward(*slopes))
    assert network.circuit(outputs).spare.keys() == {(len(x), 1, x.shape[2], keep) for keep in (False, True)}
    assert found.any()


@pytest.mark.parametrize("batch", [70, 161])
def test_the_number_of_threads_changes_no_bit(
    busy: Busy, spikes: Spikes, oracle: Any, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    from smalti.model.engines.events import engine as events

    asked: list[int | None] = []
    share = events.in_threads
    monkeypatch.setattr(events, "in_threads", lambda *a: (asked.append(a[2]), share(*a)))
    x, found = spikes(batch=batch), []
    for threads in (1, 2, 3, 5):
        network, outputs = busy(EVENTS)
        network.threads = threads
        activity = network.run(x, outputs)
        found.append((activity.membrane, activity.counts, oracle.gradient(network, activity)))
    assert asked == [1, 1, 2, 2, 3, 3, 5, 5]
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_a_sample_alone_gives_the_same_bits_as_in_a_batch(busy: Busy, spikes: Spikes) -> None:
    """Membranes, counts and adjoints: every sum of a sample has one order."""
    network, outputs = busy(EVENTS)
    x = spikes(batch=70)

    def look(x: Tensor) -> list[Tensor]:
        probe = network.probe(x, outputs, lambda logits: logits.sum(1))
        return [network.run(x, outputs).membrane, probe.presynaptic, probe.delta, probe.counts]

    together = look(x)
    for b in (0, 22, 23, 46, 69):
        for alone, all_of_them in zip(look(x[b : b + 1]), together, strict=True):
            assert torch.equal(alone[..., 0], all_of_them[..., b])


@pytest.mark.parametrize("others", [8, 16, 32])
def test_a_neuron_that_widens_the_banks_changes_no_bit(others: int) -> None:
    """A newborn without fan-out in the midst of 8, 16 or 32 running neurons of a tile: 16 lanes, 32, two banks."""
    fabric = Fabric(FabricOptions(rows=2, cols=1, neurons_per_tile=36, wires=8))
    network = Network(fabric, 6, replace(EVENTS, precision="float64"))
    rng = np.random.default_rng(others)
    state, links, newborn = network.state, network.links, 3
    alive = [slot for slot in range(others + 1) if slot != newborn] + [40, 41, 42]
    state.alive[alive] = True
    for slot in alive[:8]:
        links.add(slot, 1)
    for slot in alive:
        links.add_local(slot)
    used = (state.source >= 0)[:, :, None] & state.alive.view(2, 1, -1)
    with torch.no_grad():
        state.weight.copy_(torch.from_numpy(rng.normal(0.3, 1, used.shape)) * used / others**0.5 * 1.5)
    state.mask.copy_(used)
    x, outputs = torch.from_numpy(rng.random((40, 20, 6)) < 0.4), torch.tensor([40, 41])
    before, lanes = network.run(x, outputs), network.circuit(outputs).plan.lanes
    state.alive[newborn] = True
    links.add_local(newborn)
    fan_in = state.source[0] >= 0
    state.mask[0, fan_in, newborn] = True
    with torch.no_grad():
        state.weight[0, fan_in, newborn] = 0.3
    state.mask[0, newborn] = state.alive.view(2, -1)[0]  # its fan-out: devices in use that weigh nothing
    after, plan = network.run(x, outputs), network.circuit(outputs).plan
    assert (lanes, plan.lanes, plan.banks) == {8: (8, 16, 2), 16: (16, 32, 2), 32: (32, 32, 3)}[others]
    assert before.counts[alive[:8]].any(1).all()
    assert after.counts[newborn].any()
    assert torch.equal(after.membrane, before.membrane)
    assert torch.equal(after.counts[alive], before.counts[alive])


def test_frozen_devices_and_devices_not_in_use_have_no_gradient(busy: Busy, spikes: Spikes, oracle: Any) -> None:
    """Even where other devices of the same link learn."""
    network, outputs = busy(EVENTS)
    state = network.state
    before = oracle.gradient(network, network.run(spikes(), outputs))
    assert not before[~state.mask].any()
    frozen = state.mask & (torch.rand(state.mask.shape, generator=torch.Generator().manual_seed(0)) < 0.5)
    state.frozen.copy_(frozen)
    after = oracle.gradient(network, network.run(spikes(), outputs))
    assert before[frozen].any()
    assert not after[frozen].any()
    torch.testing.assert_close(after, before.masked_fill(frozen, 0), rtol=1e-4, atol=1e-6)  # summed in another order


def _lay_one_more(network: Network) -> None:
    links, slots = network.links, range(network.fabric.neurons)
    offers = (links.offer(s, t) for s in slots for t in range(network.fabric.tiles) if (s, t) not in links.rows)
    links.lay(next(offer for offer in offers if isinstance(offer, Offer)))


CHANGES: dict[str, Callable[[Network], object]] = {
    "links": _lay_one_more,
    "fewer links": lambda n: n.links.remove(*next(iter(n.links.rows))),
    "mask": lambda n: n.state.mask.logical_not_(),
    "frozen": lambda n: n.state.frozen[0].fill_(True),
    "alive": lambda n: n.state.alive.__setitem__(0, False),
    "output": lambda n: n.state.output.__setitem__(0, True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_plan_is_remade_when_the_chip_changes(busy: Busy, change: Callable[[Network], object]) -> None:
    network, outputs = busy(EVENTS)
    before = network.circuit(outputs)
    change(network)
    assert network.circuit(outputs) is not before


def test_a_plan_is_kept_as_long_as_the_chip_stays(busy: Busy, spikes: Spikes, oracle: Any) -> None:
    """Weights may change; other outputs, other running neurons and a probe have plans of their own beside it."""
    network, outputs = busy(EVENTS)
    running = network.state.alive.clone()
    running[:7] = False
    asked = [(outputs,), (outputs[:1],), (outputs.flip(0),), (outputs, running), (outputs, None, True)]
    plans = [network.circuit(*one) for one in asked]
    assert len({id(plan) for plan in plans}) == len(plans)
    oracle.gradient(network, network.run(spikes(), outputs))
    network.probe(spikes(), outputs, lambda logits: logits.sum(1))
    with torch.no_grad():
        network.state.weight.mul_(0.5)
    assert all(network.circuit(*one) is plan for one, plan in zip(asked, plans, strict=True))
    assert network.circuit(outputs.clone()) is plans[0]


def test_a_run_sees_what_has_changed(busy: Busy, spikes: Spikes) -> None:
    """After any change of the chip the engine agrees with one that has never seen it."""
    network, outputs = busy(EVENTS)
    x = spikes()
    for change in CHANGES.values():
        network.run(x, outputs)
        change(network)
        with torch.no_grad():
            network.state.weight.mul_(network.state.mask)
        newcomer = Network(network.fabric, network.channels, network.options)
        newcomer.links, newcomer.state = network.links, network.state
        found, expected = network.run(x, outputs), newcomer.run(x, outputs)
        assert torch.equal(found.membrane, expected.membrane)
        assert torch.equal(found.counts, expected.counts)


def test_only_runs_that_can_learn_keep_a_tape(busy: Busy, spikes: Spikes, monkeypatch: pytest.MonkeyPatch) -> None:
    from smalti.model.engines.events import engine as events
    from smalti.model.engines.events.kernels.lanes import BYTE

    pasts: list[events.Past] = []

    def spy(*arguments: Any, **named: Any) -> events.Past:
        pasts.append(run(*arguments, **named))
        return pasts[-1]

    run = events.run_forward
    monkeypatch.setattr(events, "run_forward", spy)
    network, outputs = busy(EVENTS)
    network.run(spikes(), outputs)
    with torch.no_grad():
        network.run(spikes(), outputs)
    network.state.weight.requires_grad_(False)
    assert not network.run(spikes(), outputs).membrane.requires_grad
    assert [len(past.blocks[0].tape.inputs_at) - 1 for past in pasts] == [20, 1, 1]  # steps that a tape has room for
    kept, passing = (past.blocks[0].tape.fired.size - BYTE for past in pasts[:2])
    assert passing * 20 == kept


def test_compilation_is_announced_once_and_only_that_of_the_engine(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smalti.model.engines.events import cache as kernel_cache
    from smalti.model.engines.events.kernels import forward as events_kernels

    def compiling(function: Callable[..., object]) -> Any:
        return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})

    monkeypatch.setattr(kernel_cache, "COMPILING", Stopwatch())  # what begins here never ends
    announcer = kernel_cache.Announcer()
    with caplog.at_level("WARNING", logger="smalti"):
        announcer.on_start(compiling(test_a_run_sees_what_has_changed))
        assert not caplog.messages
        for _ in range(2):
            announcer.on_start(compiling(events_kernels.forward.py_func))
            announcer.on_end(compiling(events_kernels.forward.py_func))
    (message,) = caplog.messages
    assert "compiling" in message
