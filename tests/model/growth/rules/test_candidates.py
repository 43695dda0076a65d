from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from smalti.model.growth.newborns.calibrate import calibrate
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.candidates import candidates
from smalti.model.growth.rules.random import random_directions
from smalti.model.neuron import NetworkOptions, Neurons, step


def test_they_are_those_of_the_pool_with_the_largest_true_gradient(site: Callable[..., Any]) -> None:
    """Brute force: every direction and its opposite, one at a time, simulated step by step."""
    place = site(NetworkOptions(precision="float64"), 1)
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    options = GrowthOptions(pool=10)
    found = []
    for direction in random_directions(signal, 10, np.random.default_rng(4)):
        signs = []
        for fan_in in (direction, -direction):
            scale = calibrate(fan_in[None], signal.drive, options.target_rate, how)[0]
            now = Neurons.at_rest(torch.empty(1, signal.samples, dtype=torch.float64))
            gradient = torch.zeros(len(signal.targets), dtype=torch.float64)
            for heard, wish in zip(signal.drive, signal.delta, strict=True):
                now = step(now, (scale * fan_in) @ heard, how)
                gradient += wish @ now.spikes[0] / signal.samples
            signs.append((float(gradient.norm()), scale * fan_in))
        found.append(max(signs, key=lambda pair: pair[0]))
    best = sorted(found, key=lambda pair: -pair[0])[:3]
    made = candidates(signal, 3, options, how, np.random.default_rng(4))
    torch.testing.assert_close(made.fan_in, torch.stack([fan_in for _, fan_in in best]))
    torch.testing.assert_close(made.gradient.mean(2).norm(dim=1), torch.tensor([n for n, _ in best]).double())
    assert best[0][0] > 1.2 * sorted(norm for norm, _ in found)[5]  # the choice is one
