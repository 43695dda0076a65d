"""Random nets whose neurons hear few others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smalti.model.mapping.net import Net


@pytest.fixture(scope="session")
def sparse() -> Callable[..., Net]:
    """``sparse(neurons, fan_in=4, channels=8, seed=0)``: every neuron hears so many others; a third hear a channel."""

    def make(neurons: int, fan_in: int = 4, channels: int = 8, seed: int = 0) -> Net:
        chance = np.random.default_rng(seed)
        heard, inputs = np.zeros((neurons, neurons), np.float32), np.zeros((neurons, channels), np.float32)
        for neuron in range(neurons):
            sources = chance.choice(neurons, fan_in, replace=False)
            heard[neuron, sources] = chance.normal(size=fan_in)
            if neuron < neurons // 3:
                inputs[neuron, chance.integers(channels)] = 1.0
        one = np.ones(neurons, np.float32)
        return Net(inputs, heard, 0.9 * one, one, one > 0, False)

    return make
