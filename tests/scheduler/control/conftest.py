"""Chips with one expert, and spikes of senses, for the tests of control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.expert import Expert
from smalti.model.network import Network
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.control.chip import ControlChip
from smalti.scheduler.control.players import Spiking
from smalti.scheduler.control.probing import heard
from smalti.scheduler.control.worlds import Episodes, Reals, World

CHANNELS, STEPS = 6, 30
FABRIC = {"rows": 2, "cols": 2, "neurons_per_tile": 8, "wires": 8, "inputs": "every"}
SIDES = World("side", (-1.0,), (1.0,), 2, solved=4.5)
Opened = tuple[ControlChip, Expert, torch.Tensor]


@pytest.fixture
def fabric() -> dict[str, Any]:
    """A chip of 2 x 2 tiles of 8 neurons that hears 8 channels in every north tile."""
    return dict(FABRIC)


@pytest.fixture
def opened() -> Callable[..., Opened]:
    """``opened(width=3, **network)``: a chip with an expert of two outputs, and spikes [5, 30, 6]."""

    def make(width: int = 3, **network: Any) -> Opened:
        config = configure({"fabric": FABRIC, "network": network, "growth": {"siblings": True, "sibling_weight": 0.5}})
        chip = ControlChip(config, CHANNELS)
        x = torch.from_numpy((np.random.default_rng(0).random((5, STEPS, CHANNELS)) < 0.3).astype(np.uint8))
        return chip, chip.open(2, x, width), x

    return make


@pytest.fixture
def shaken() -> Callable[[Network], None]:
    """Adds chance to the weights of all devices."""

    def shake(network: Network) -> None:
        noise = torch.randn(network.state.weight.shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            network.state.weight.add_(0.3 * noise * network.state.mask)

    return shake


class Side(Episodes):
    """Says on which side it is, left or right; each right answer is worth 1. Odd seeds are on the right."""

    def __init__(self, places: int) -> None:
        self.world, self._all, self.side = SIDES, [None] * places, np.zeros(places)
        self.lasted = np.zeros(places)

    def begin(self, seeds: Sequence[int]) -> Reals:
        self.side, self.lasted = np.array(seeds) % 2 * 2.0 - 1, np.zeros(len(seeds))
        return self.side.astype(np.float32)[:, None]

    def step(self, who: np.ndarray, outputs: Reals) -> tuple[Reals, np.ndarray, np.ndarray]:
        right = outputs.argmax(1) == (self.side[who] > 0)
        self.lasted[who] += 1
        return self.side[who].astype(np.float32)[:, None], right.astype(float), self.lasted[who] >= 5


@pytest.fixture
def side() -> type[Side]:
    """See ``Side``."""
    return Side


@pytest.fixture
def spiking() -> Callable[..., tuple[Spiking, Side]]:
    """``spiking(seed=0, width=2)``: an expert that hears which side it is, and 16 places for episodes."""

    def make(seed: int = 0, width: int = 2) -> tuple[Spiking, Side]:
        config = configure({"fabric": FABRIC, "network": {"tau_ms": 5.0, "output_tau_ms": 5.0}, "run": {"seed": seed}})
        episodes, chip = Side(16), ControlChip(config, 4)
        expert = chip.open(2, heard(episodes, 4, 4, seed, 1), width)
        return Spiking(chip, expert, SIDES, 4, 4), episodes

    return make
