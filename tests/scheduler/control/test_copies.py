"""Copies that are stepped do what the network does in one go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.expert import Expert
from smalti.model.network import Network
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.control.chip import ControlChip
from smalti.scheduler.control.copies import Circuit, Copies

KINDS = {"slow": {"tau_ms": 8.0, "synapse_ms": 5.0}, "adapting": {"tau_ms": 10.0, "adaptation": 0.3}}
Open = Callable[..., tuple[ControlChip, Expert, torch.Tensor]]
Shake = Callable[[Network], None]


def circuit_of(chip: ControlChip, expert: Expert) -> Circuit:
    return Circuit.of(chip.network, chip.taking_part(expert), expert.outputs)


@pytest.mark.parametrize("network", [{}, {"reset": "hard"}, {"kinds": KINDS}], ids=["soft", "hard", "kinds"])
def test_a_copy_is_the_network(opened: Open, shaken: Shake, network: dict[str, Any]) -> None:
    chip, expert, x = opened(**network)
    shaken(chip.network)
    with torch.no_grad():
        shown = chip.network.run(x, torch.tensor(expert.outputs), chip.taking_part(expert))
    circuit = circuit_of(chip, expert)
    copies = Copies(circuit, np.tile(circuit.weights(chip.network), (len(x), 1)))
    fired = np.zeros(len(x))
    for t in range(x.shape[1]):
        fired += copies.step(x[:, t].numpy().astype(np.float32))
        np.testing.assert_allclose(copies.outputs, shown.membrane[t].T, atol=1e-4)
    np.testing.assert_allclose(fired, shown.counts.sum(0))
    assert fired.min() > 0


def test_copies_have_weights_of_their_own_and_may_leave(opened: Open, shaken: Shake) -> None:
    chip, expert, x = opened()
    shaken(chip.network)
    circuit = circuit_of(chip, expert)
    weights = circuit.weights(chip.network) * np.array([[1.0], [0.0], [2.0]], dtype=np.float32)
    together, alone = Copies(circuit, weights), Copies(circuit, weights[2:])
    for t in range(10):
        together.step(np.tile(x[0, t].numpy(), (3, 1)).astype(np.float32))
        alone.step(x[:1, t].numpy().astype(np.float32))
    assert not together.outputs[1].any()
    together.keep(np.array([False, False, True]))
    for t in range(10, x.shape[1]):
        for copies in (together, alone):
            copies.step(x[:1, t].numpy().astype(np.float32))
    np.testing.assert_allclose(together.outputs, alone.outputs, rtol=1e-5)
    assert abs(alone.outputs).min() > 0


def test_devices_with_errors_are_refused(opened: Open) -> None:
    chip, expert, _ = opened()
    noisy = configure({"devices": {"kind": "mosaic"}})
    chip.network = Network(chip.network.fabric, 6, noisy.network, devices=noisy.devices)
    with pytest.raises(ValueError, match=r"set devices.kind = ideal"):
        Circuit.of(chip.network, chip.network.state.alive, expert.outputs)
