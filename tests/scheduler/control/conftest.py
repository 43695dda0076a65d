"""Chips with one expert, and spikes of senses, for the tests of control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.expert import Expert
from smalti.model.network import Network
from smalti.scheduler.configure import configure
from smalti.scheduler.control.chip import ControlChip

CHANNELS, STEPS = 6, 30
FABRIC = {"rows": 2, "cols": 2, "neurons_per_tile": 8, "wires": 8, "inputs": "every"}
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
