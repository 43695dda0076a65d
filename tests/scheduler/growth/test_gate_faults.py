"""Columns of a gating network on a chip whose tiles or rows are known to be dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from smalti.agents.auction.bids import GATE
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


@pytest.mark.parametrize("inputs", ["every", "spread"])
@pytest.mark.parametrize("shares", [{"tile_share": 0.3, "map_seed": 3}, {"slot_share": 0.2, "map_seed": 0}])
def test_columns_bear_that_tiles_and_slots_die(
    inputs: str, shares: dict[str, float], played: Played, check: Callable[[Simulation], None]
) -> None:
    """Some die in the second experience; other slots take over, and all hear what is left."""
    simulation = played(**{"faults": {**shares, "at_round": 1}, "fabric.neurons_per_tile": 40, "fabric.inputs": inputs})
    gate, faults, neurons = gate_of(simulation), simulation.faults, simulation.table("neurons")
    assert faults is not None
    silent = faults.slots[gate.slots.numpy()]
    gone = neurons[(neurons["rule"] == GATE) & neurons["retired_round"].notna()]
    assert silent.any() == ("tile_share" in shares and inputs == "spread")  # nobody else hears what entered there
    assert gone.empty == silent.any()
    assert int(simulation.table("rounds")["retired"].iloc[1]) >= len(gone)
    assert gate.classes == (0, 1, 2, 3, 4, 5)
    assert gate_alone(simulation) > 0.9
    check(simulation)


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
