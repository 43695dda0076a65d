from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import EXCITATION, random
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64")


def test_the_same_seed_draws_the_same_newborns_and_another_others(site: Callable[..., Any]) -> None:
    place = site(EXACT)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    made = [random(signal, 4, GrowthOptions(), how, np.random.default_rng(seed)).fan_in for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert made[0].shape != made[2].shape or not torch.allclose(made[0], made[2])


def test_fan_ins_are_gaussian_around_some_excitation_before_they_are_scaled(site: Callable[..., Any]) -> None:
    place = site(EXACT)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    drawn = torch.from_numpy(np.random.default_rng(5).normal(EXCITATION, 1.0, size=(40, len(signal.sources))))
    made = random(signal, 40, GrowthOptions(), how, np.random.default_rng(5))
    assert len(made.fan_in) > 25
    cosine = torch.nn.functional.normalize(made.fan_in, dim=1) @ torch.nn.functional.normalize(drawn, dim=1).T
    torch.testing.assert_close(cosine.abs().amax(1), torch.ones(len(made.fan_in), dtype=torch.float64))
    assert made.fan_in.dtype == torch.float64


def test_newborns_fire_near_the_target_rate_and_drive_nobody(site: Callable[..., Any]) -> None:
    place = site(EXACT)
    options = GrowthOptions(target_rate=0.12)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    made = random(signal, 40, options, how, np.random.default_rng(1))
    assert (made.rate > 0).all()
    assert (made.rate - 0.12).abs().median() < 0.01
    assert made.fan_out.shape == (len(made.rate), len(signal.targets))
    assert not made.fan_out.any()
