from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.grafting.graft import Birth, retire
from smalti.model.growth.newborns.newborn import fan_in_gradient, live
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.primed import FAN_OUT, LEVEL, primed, refusal
from smalti.model.growth.signal import TileSignal
from smalti.model.kinds import Cell
from smalti.model.neuron import NetworkOptions

Engine = Literal["dense", "events"]
WIDE = NetworkOptions(precision="float64", surrogate_width=1.5, engine="dense")


def propose(place: Any, signal: TileSignal, count: int = 1) -> Proposal:
    return primed(signal, count, GrowthOptions(), place.network.newborn_dynamics(), np.random.default_rng(0))


def test_newborns_with_slow_synapses_are_silent_too(site: Callable[..., Any]) -> None:
    place, cell = site(NetworkOptions(precision="float64"), seed=1), Cell(0, 0.9, synapse=0.8)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics(cell)
    made = primed(signal, 3, GrowthOptions(), how, np.random.default_rng(0))
    membrane, spikes = live(made.fan_in, signal.drive, how)
    assert membrane.amax((0, 2)).tolist() == pytest.approx([LEVEL] * 3)
    assert not spikes.any()


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_newborns_are_silent_on_the_probe_and_change_no_bit_there(site: Callable[..., Any], engine: Engine) -> None:
    place = site(NetworkOptions(surrogate_width=1.5, engine=engine), seed=5)
    network, old = place.network, place.network.state.alive.clone()
    before, born = network.run(place.x, place.outputs), 0
    for slot in place.free_slots():
        made = propose(place, place.signal(slot))
        if not len(made.fan_in):
            continue
        birth, _ = place.bear(slot, made, 0)
        assert birth.fan_in.any()
        assert birth.fan_out.any()
        after = network.run(place.x, place.outputs)
        assert not after.counts[slot].any()
        assert torch.equal(after.membrane, before.membrane)
        assert torch.equal(after.counts[old], before.counts[old])
        born += 1
    assert born >= 4


def test_the_membrane_reaches_seven_tenths_of_the_threshold_and_no_more(site: Callable[..., Any]) -> None:
    options = NetworkOptions(precision="float64", threshold=0.8)
    place = site(options, seed=1)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    made = propose(place, signal, 3)
    membrane, spikes = live(made.fan_in, signal.drive, how)
    assert len(made.fan_in) == 3
    assert membrane.amax((0, 2)).tolist() == pytest.approx([LEVEL * 0.8] * 3)
    assert (membrane.amin((0, 2)) >= -LEVEL * 0.8 - 1e-12).all()  # of both signs the one that excites more
    assert not spikes.any()
    assert made.fan_out.norm(dim=1).tolist() == pytest.approx([FAN_OUT * signal.traces.norms.fan_in] * 3)
    assert not made.fan_in[:, signal.new].any()


def test_sides_are_singular_vectors_that_would_lower_the_loss(site: Callable[..., Any]) -> None:
    """u^T M w = -|u| |w| sigma_k: along the fan-in and against the fan-out, of each newborn."""
    place = site(WIDE, seed=1)
    signal = place.signal(place.free_slots()[0])
    made = propose(place, signal, 3)
    moment = signal.moment[:, signal.present]
    fan_in = made.fan_in[:, signal.present]
    singular = torch.linalg.svdvals(moment)
    along = torch.einsum("cq,qp,cp->c", made.fan_out, moment, fan_in)
    torch.testing.assert_close(-along / (made.fan_out.norm(dim=1) * fan_in.norm(dim=1)), singular[:3])


def fan_in_gradients(place: Any, slot: int, signal: TileSignal) -> tuple[Tensor, Tensor]:
    """Predicted and autograd's; the newborn is gone again."""
    made, how = propose(place, signal), place.network.newborn_dynamics()
    birth: Birth
    birth, driven = place.bear(slot, made, 0)
    found, _ = place.gradients(birth)
    wanted = torch.einsum("cq,tqb->tcb", made.fan_out * driven, signal.delta)
    predicted = fan_in_gradient(*live(made.fan_in, signal.drive, how), wanted, signal.drive, how)[0, made.wired[0]]
    retire(place.network, slot, place.moments)
    return predicted.mean(1), found


def test_fan_in_gradient_is_autograds_where_the_newborn_does_not_hear_whom_it_drives(site: Callable[..., Any]) -> None:
    """It drives outputs, which drive nobody. Where it drives neurons that it hears, the difference is small."""
    exact, close, largest = [], [], 0.0
    for seed in range(3):
        place = site(WIDE, seed)
        for slot in place.free_slots():
            onto_outputs = place.signal(slot, among=place.outputs)
            if len(onto_outputs.targets):
                predicted, found = fan_in_gradients(place, slot, onto_outputs)
                exact.append(float((predicted - found).abs().max()))
                largest = max(largest, float(found.abs().max()))
                predicted, found = fan_in_gradients(place, slot, place.signal(slot))
                close.append(float((predicted - found).norm() / found.norm()))
    assert len(exact) >= 8
    assert largest > 0.1
    assert max(exact) < 1e-10
    assert 1e-9 < max(close) < 0.02


def test_elsewhere_the_function_moves_but_little(site: Callable[..., Any], spikes: Callable[..., Tensor]) -> None:
    """On inputs three times as busy newborns wake."""
    place = site(WIDE, seed=0)
    network, slot = place.network, place.free_slots()[0]
    made, busy = propose(place, place.signal(slot)), spikes(7, 60, rate=0.95)
    with torch.no_grad():
        before = network.run(busy, place.outputs).membrane
        place.bear(slot, made, 0)
        after = network.run(busy, place.outputs)
    change = float((after.membrane - before).norm() / before.norm())
    assert after.counts[slot].any()
    assert 1e-4 < change < 0.1


def test_a_surrogate_that_does_not_reach_down_to_them_is_refused() -> None:
    for threshold in (0.5, 1.0):
        for width, refused in ((0.2, True), (0.29, True), (0.31, False)):
            options = NetworkOptions(threshold=threshold, surrogate_width=width * threshold)
            assert bool(refusal(options)) == refused
    narrow = NetworkOptions(surrogate_width=0.25)
    assert "network.surrogate_width = 0.25: make it larger than 0.3" in refusal(narrow)
    assert "sleep at 0.7 thresholds" in refusal(narrow)


def test_a_refused_surrogate_gives_no_gradient_and_the_default_one_some(site: Callable[..., Any]) -> None:
    for width, any_gradient in ((0.29, False), (NetworkOptions().surrogate_width, True)):
        place = site(NetworkOptions(precision="float64", surrogate_width=width), seed=2)
        found = [fan_in_gradients(place, slot, place.signal(slot))[1] for slot in place.free_slots()]
        assert any(bool(gradient.any()) for gradient in found) == any_gradient
