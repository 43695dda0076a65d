"""Reading columns against the currents that they were given, and their programme against the discriminants."""

from __future__ import annotations

import pytest
import torch

from smalti.model.gating.columns import LARGEST, Column, program, received
from smalti.model.probe import filtered


@pytest.mark.parametrize("leak", [0.0, 0.5, 0.951, 1.0])
@pytest.mark.parametrize("windows", [1, 3])
def test_a_leaky_column_tells_all_that_it_received_in_its_window(leak: float, windows: int) -> None:
    steps, columns = 11, 6
    current = torch.randn(steps, columns, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    window = torch.arange(columns) % windows
    edges = [w * steps // windows for w in range(windows + 1)]
    expected = torch.stack([current[edges[w] : edges[w + 1], p].sum(0) for p, w in enumerate(window.tolist())], 1)
    torch.testing.assert_close(received(filtered(current, leak), window, windows, leak), expected)


def test_devices_stand_for_the_discriminants_by_a_common_gain() -> None:
    channels, columns = 3, [Column(0, 5, 0, 0), Column(1, 5, 0, 1), Column(2, 6, 1, 1)]
    discriminants = torch.arange(12.0, dtype=torch.float64).view(6, 2) - 8.0
    programme = program(columns, discriminants, torch.tensor([0, 0, 1]), channels)
    assert float(programme.weights.abs().max()) <= LARGEST
    assert programme.gain == 8.0
    expected = torch.stack([discriminants[:3, 0], discriminants[3:, 0], discriminants[3:, 1]], 1)
    torch.testing.assert_close(programme.weights * programme.gain, expected)


def test_columns_that_tell_nothing_apart_have_no_weight() -> None:
    programme = program([Column(0, 5, 0, 0)], torch.zeros(3, 1, dtype=torch.float64), torch.tensor([0]), 3)
    assert programme.gain == 1.0
    assert not programme.weights.any()
