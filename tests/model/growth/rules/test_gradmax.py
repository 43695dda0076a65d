from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.grafting.graft import retire
from smalti.model.growth.newborns.newborn import fan_in_gradient, live
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.gradmax import gradmax, refusal
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics, NetworkOptions

Engine = Literal["dense", "events"]
Reset = Literal["soft", "hard"]


class ThroughReset(NetworkOptions):
    """Gradients pass through the reset."""

    reset_gradient: ClassVar[bool] = True


def propose(place: Any, signal: TileSignal, count: int) -> Proposal:
    how = place.network.newborn_dynamics()
    return gradmax(signal, count, GrowthOptions(), how, np.random.default_rng(0))


def at_rest(fan_out: Tensor, signal: TileSignal, how: Dynamics) -> Tensor:
    """Gradient [C, P] of the fan-in of newborns that hear nothing yet."""
    nothing = signal.drive.new_zeros(len(fan_out), len(signal.sources))
    wanted = torch.einsum("cq,tqb->tcb", fan_out, signal.delta)
    return fan_in_gradient(*live(nothing, signal.drive, how), wanted, signal.drive, how).mean(2)


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_newborns_without_fan_in_change_no_bit(site: Callable[..., Any], engine: Engine) -> None:
    place = site(NetworkOptions(surrogate_width=1.5, engine=engine), seed=5)
    network, old = place.network, place.network.state.alive.clone()
    before, born = network.run(place.x, place.outputs), 0
    for slot in place.free_slots():
        made = propose(place, place.signal(slot), 1)
        if not len(made.fan_in):
            continue
        birth, _ = place.bear(slot, made, 0)
        assert birth.fan_out.any()
        assert not birth.fan_in.any()
        after = network.run(place.x, place.outputs)
        assert torch.equal(after.membrane, before.membrane)
        assert torch.equal(after.counts[old], before.counts[old])
        born += 1
    assert born >= 4


@pytest.mark.parametrize(
    ("engine", "reset", "reset_gradient"), list(product(("dense", "events"), ("soft", "hard"), (False, True)))
)
def test_predicted_gradients_of_fan_ins_of_zero_are_autograds(
    site: Callable[..., Any], engine: Engine, reset: Reset, reset_gradient: bool
) -> None:
    options = (ThroughReset if reset_gradient else NetworkOptions)(
        precision="float64", engine=engine, reset=reset, surrogate_width=1.5
    )
    place = site(options, seed=2)
    largest = 0.0
    for slot in place.free_slots()[:3]:
        signal = place.signal(slot, taps=0)
        made = propose(place, signal, 2)
        birth, driven = place.bear(slot, made, 0)
        found, _ = place.gradients(birth)
        expected = at_rest(made.fan_out[:1] * driven, signal, place.network.newborn_dynamics())[0]
        torch.testing.assert_close(found, expected[made.wired[0]], rtol=0, atol=1e-10)
        largest = max(largest, float(found.abs().max()))
        retire(place.network, slot, place.moments)
    assert largest > 1e-2


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_with_the_default_surrogate_a_newborn_at_rest_has_no_gradient_at_all(
    site: Callable[..., Any], engine: Engine
) -> None:
    options = NetworkOptions(precision="float64", engine=engine)
    place = site(options, seed=2)
    slot = place.free_slots()[0]
    birth, _ = place.bear(slot, propose(place, place.signal(slot), 1), 0)
    into, out = place.gradients(birth)
    assert len(into) > 3
    assert not into.any()
    assert not out.any()
    assert "a neuron at rest has no gradient, so they would never learn: make it larger than 1.0" in refusal(options)


@pytest.mark.parametrize("surrogate", ["triangle", "fast_sigmoid"])
def test_the_refusal_follows_the_surrogates_support(surrogate: Literal["triangle", "fast_sigmoid"]) -> None:
    for threshold in (0.5, 1.0):
        for width, refused in ((0.9, True), (1.0, True), (1.01, False)):
            options = NetworkOptions(surrogate=surrogate, threshold=threshold, surrogate_width=width * threshold)
            assert bool(refusal(options)) == refused


def test_the_top_fan_out_beats_two_thousand_random_ones_of_its_norm(site: Callable[..., Any]) -> None:
    """In the norm of the newborn's true gradient; and the gradient is psi(-theta) M^T u."""
    compared = 0
    for seed in range(3):
        place = site(NetworkOptions(precision="float64", surrogate_width=1.5), seed)
        how = place.network.newborn_dynamics()
        for slot in place.free_slots()[:2]:
            signal = place.signal(slot, taps=0)
            made = propose(place, signal, 3)
            norm = signal.traces.norms.fan_out
            assert made.fan_out.norm(dim=1).tolist() == pytest.approx([norm] * len(made.fan_out))
            sphere = torch.randn(2000, made.fan_out.shape[1], generator=torch.Generator().manual_seed(seed)).double()
            others = at_rest(sphere / sphere.norm(dim=1, keepdim=True) * norm, signal, how).norm(dim=1)
            mine = at_rest(made.fan_out, signal, how)
            assert mine[0].norm() > others.max()
            assert mine[0].norm() < 10 * others.max()
            assert (mine.norm(dim=1).diff() < 1e-12).all()
            slope = float(how.surrogate(-how.threshold))
            torch.testing.assert_close(mine, slope * made.fan_out @ signal.moment, rtol=0, atol=1e-12)
            compared += 1
    assert compared == 6


def test_rows_that_would_have_to_be_bought_are_not_wanted(site: Callable[..., Any]) -> None:
    place = site(NetworkOptions(surrogate_width=1.5), seed=2)
    signal = place.signal(place.free_slots()[0], taps=2)
    made = propose(place, signal, 2)
    assert signal.new.any()
    assert torch.equal(made.wired, signal.present.expand_as(made.wired))
