"""Columns of a gating network on a chip whose tiles or rows are known to be dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from smalti.model.gating.features import spike_counts
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.staged import on_chip
from smalti.scheduler.answers import hearing
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

Played = Callable[..., Simulation]
CHANNELS = 16


def gate_of(simulation: Simulation) -> CrossbarGating:
    chip = on_chip(simulation.gating.gate)
    assert chip is not None
    return chip


@pytest.mark.parametrize(("inputs", "least"), [("every", 0.6), ("spread", 0.9)])
def test_columns_bear_that_tiles_die(inputs: str, least: float, played: Played) -> None:
    """Tile (0, 0) and others die in the second experience; later columns hear what is left."""
    faults = {"tile_share": 0.3, "map_seed": 3, "at_round": 1}
    simulation = played(**{"faults": faults, "fabric.neurons_per_tile": 40, "fabric.inputs": inputs})
    assert simulation.faults is not None
    assert 0 in simulation.faults.tiles
    assert gate_of(simulation).classes == (0, 1, 2, 3, 4, 5)
    assert gate_alone(simulation) > least


def test_what_no_row_is_left_for_counts_as_on_average(played: Played) -> None:
    faults = {"row_share": 0.3, "map_seed": 5}
    simulation = played(**{"faults": faults, "fabric.neurons_per_tile": 40, "fabric.inputs": "every"})
    gate, network = gate_of(simulation), simulation.network
    x, _ = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    heard, usual = torch.zeros(CHANNELS, dtype=torch.bool), gate.centres.mean()
    lacking = torch.zeros(CHANNELS, len(gate.columns), dtype=torch.bool)
    for number, column in enumerate(gate.columns):
        tile, place = divmod(column.slot, simulation.fabric.slots)
        sources = network.state.source[tile][network.state.mask[tile, :, place]] - simulation.fabric.neurons
        lacking[:, number] = True
        lacking[sources, number] = False
        heard[sources] = True
    counts = spike_counts(x, 1).double()
    weights, offsets = gate.centres.discriminants(gate.discriminants, heard)
    assert bool((lacking & heard[:, None]).any())
    filled = torch.where(lacking, usual[:, None], counts[:, :, None])  # [B, I, P]
    said = gate.class_scores(hearing.features(simulation.gating, x))
    expected = (filled * weights).sum(1) + offsets
    torch.testing.assert_close(said - said[:, :1], expected - expected[:, :1], rtol=1e-4, atol=1e-2)


def gate_alone(simulation: Simulation) -> float:
    """Mean accuracy of the gate by itself on all tasks in the end."""
    table = simulation.table("evaluations").query("after == 2 and split == 'validation' and setting == 'gate'")
    return float(table["accuracy"].mean())
