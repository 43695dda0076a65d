from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.grafting.graft import retire
from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.firefly import EPSILON, firefly
from smalti.model.growth.rules.random import random_directions
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64", engine="dense")


def propose(place: Any, slot: int, count: int = 1, practice: int = 5) -> Proposal:
    how, chance = place.network.newborn_dynamics(), np.random.default_rng(1)
    return firefly(place.signal(slot), count, GrowthOptions(practice=practice), how, chance)


def loss(place: Any) -> float:
    logits = place.network.read(place.network.run(place.x, place.outputs))
    return float(place.losses(logits).mean().detach())


def test_fan_outs_go_against_the_gradient_and_are_a_share_of_the_usual_norm_long(site: Callable[..., Any]) -> None:
    place = site(EXACT, 1)
    made = propose(place, place.free_slots()[0], 4)
    mean = made.gradient.mean(2)
    first = (made.fan_out * mean).sum(1)
    assert made.fan_out.norm(dim=1).tolist() == pytest.approx([EPSILON * made.signal.traces.norms.fan_out] * 4)
    torch.testing.assert_close(first, -made.fan_out.norm(dim=1) * mean.norm(dim=1))  # no other of that norm falls more
    assert (first < 0).all()
    assert (mean.norm(dim=1).diff() <= 0).all()  # best first


def test_the_loss_falls_at_once_and_with_the_slope_predicted(site: Callable[..., Any]) -> None:
    """A tiny fan-out moves no spike: the slope is then that of output units alone, without any surrogate in between.

    Where no output is driven it is exactly zero. The whole fan-out lowers the loss through hidden neurons too.
    """
    slopes, whole, tiny = [], [], 1e-7
    for seed in range(3):
        place = site(EXACT, seed)
        for slot in place.free_slots()[-4:]:
            made = propose(place, slot)
            before = loss(place)
            _, driven = place.bear(slot, replace(made, fan_out=made.fan_out * tiny), 0)
            slope = (loss(place) - before) / tiny
            retire(place.network, slot, place.moments)
            onto_outputs = driven & torch.isin(made.signal.targets, place.outputs)
            predicted = float((made.fan_out[0] * made.gradient[0].mean(1))[onto_outputs].sum())
            assert slope == pytest.approx(predicted, rel=1e-5, abs=1e-12)
            slopes.append(slope)
            place.bear(slot, made, 0)
            whole.append(loss(place) - before)
            retire(place.network, slot, place.moments)
    assert sum(slope < -0.01 for slope in slopes) >= 3
    assert all(slope <= 0 for slope in slopes)
    assert np.mean(whole) < -0.01
    assert np.mean(np.array(whole) < 0) > 0.7


def test_practice_raises_the_gradient_and_not_the_rate(site: Callable[..., Any]) -> None:
    """After the calibration that follows, which would undo what firing more has brought."""
    gradients, rates = [], []
    for seed in range(4):
        place = site(EXACT, seed)
        made = [propose(place, place.free_slots()[0], 6, practice) for practice in (0, 5)]
        before, after = (each.gradient.mean(2).norm(dim=1).mean() for each in made)
        gradients.append(float(after / before))
        rates.append(float(made[1].rate.mean() / made[0].rate.mean()))
    assert np.mean(gradients) > 1.5
    assert min(gradients) > 1.1
    assert 0.8 < np.mean(rates) < 1.25


def test_without_practice_fan_ins_are_random_ones(site: Callable[..., Any]) -> None:
    """Calibrated twice, which may move a scale a little."""
    place = site(EXACT, 1)
    slot = place.free_slots()[0]
    signal, how = place.signal(slot), place.network.newborn_dynamics()
    drawn = finish(signal, random_directions(signal, 1, np.random.default_rng(1)), GrowthOptions(), how)
    made = propose(place, slot, 1, practice=0)
    cosine = torch.nn.functional.cosine_similarity(made.fan_in, drawn.fan_in)
    torch.testing.assert_close(cosine, torch.ones(1, dtype=torch.float64))
