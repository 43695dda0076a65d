from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.growth.newborns.proposal import every_target, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.mixed import mixed
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.rules.whitened import whitened_directions
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64")


def test_it_takes_the_most_valuable_of_whitened_and_random_newborns(site: Callable[..., Any]) -> None:
    """The union made apart and sorted: so the best is at least as good as the best of either kind."""
    winners = set()
    for seed in range(4):
        place = site(EXACT, seed)
        signal, how = place.signal(place.free_slots()[0], taps=1), place.network.newborn_dynamics()
        options = GrowthOptions(pool=12)
        made = mixed(signal, 4, options, how, np.random.default_rng(seed))
        whitened = whitened_directions(signal, 6)
        drawn = random_directions(signal, 12 - len(whitened), np.random.default_rng(seed))
        values = []
        for kind, directions in (("whitened", whitened), ("random", drawn)):
            of_kind = finish(signal, directions, options, how).best_step(every_target(signal))
            values += [(float(value), kind) for value in of_kind]
        best = sorted(values, reverse=True)[:4]
        assert made.best_step(every_target(signal)).tolist() == pytest.approx([value for value, _ in best])
        assert 0 < len(whitened) <= 6
        winners |= {kind for _, kind in best}
    assert winners == {"whitened", "random"}


def test_a_pool_of_one_is_random(site: Callable[..., Any]) -> None:
    place = site(EXACT)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    options = GrowthOptions(pool=1)
    made = mixed(signal, 4, options, how, np.random.default_rng(1))
    drawn = finish(signal, random_directions(signal, 1, np.random.default_rng(1)), options, how)
    assert torch.equal(made.fan_in, drawn.fan_in)
