from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.raw import random_raw, random_uniform
from smalti.model.growth.surroundings import Norms
from smalti.model.neuron import NetworkOptions

RULES = [random_raw, random_uniform]
EXACT = NetworkOptions(precision="float64")


@pytest.mark.parametrize("rule", RULES)
def test_norms_are_those_usual_in_the_network(site: Callable[..., Any], rule: Any) -> None:
    place = site(EXACT)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    signal = replace(signal, traces=replace(signal.traces, norms=Norms(1.7, 0.3)))
    made = rule(signal, 5, GrowthOptions(), how, np.random.default_rng(0))
    assert made.fan_in.norm(dim=1).tolist() == pytest.approx([1.7] * 5)
    assert made.fan_out.norm(dim=1).tolist() == pytest.approx([0.3] * 5)


def test_one_is_symmetric_and_the_other_all_positive(site: Callable[..., Any]) -> None:
    place = site(EXACT)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    raw, uniform = (rule(signal, 200, GrowthOptions(), how, np.random.default_rng(1)) for rule in RULES)
    for weights in (raw.fan_in, raw.fan_out):
        assert 0.45 < float((weights > 0).double().mean()) < 0.55
        kurtosis = (weights**4).mean() / (weights**2).mean() ** 2
        assert 2.4 < float(kurtosis) < 3.2  # a Gaussian's is 3, a uniform one's 1.8
    for weights in (uniform.fan_in, uniform.fan_out):
        assert (weights > 0).all()
        spread = weights.std(dim=1) / weights.mean(dim=1)  # of U[0, 1): 1 / sqrt(3)
        assert float(spread.mean()) == pytest.approx(3**-0.5, rel=0.1)


@pytest.mark.parametrize("rule", RULES)
def test_newborns_act_at_once(site: Callable[..., Any], rule: Any) -> None:
    place = site(NetworkOptions(), seed=1)
    network, moved = place.network, 0
    for slot in place.free_slots():
        before = network.run(place.x, place.outputs)
        made = rule(place.signal(slot), 1, GrowthOptions(), network.newborn_dynamics(), np.random.default_rng(slot))
        birth, driven = place.bear(slot, made, 0)
        assert torch.equal(birth.fan_out, made.fan_out[0, driven])
        after = network.run(place.x, place.outputs)
        moved += not torch.equal(after.membrane, before.membrane)
    assert moved >= 3
