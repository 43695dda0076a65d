"""A self-test: newborns get the soundest slots, and bids are worth what stuck devices leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from smalti.agents.tile import TileAgent
from smalti.model.devices.stuck import SOUND, share_stuck, stuck
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation

STUCK = {"stuck_on": 0.1, "stuck_off": 0.15}


def test_the_share_is_counted_pair_by_pair() -> None:
    rows = torch.tensor([0, 3, 4])
    found = share_stuck(7, 1, rows, (3, 6, 4), 0.2, 0.2)
    for slot in range(4):
        places = torch.tensor([(6 + int(row)) * 4 + slot for row in rows])
        assert float(found[slot]) == (stuck(7, places, 0.2, 0.2) != SOUND).any(0).double().mean()
    assert share_stuck(7, 1, rows[:0], (3, 6, 4), 0.2, 0.2).tolist() == [0, 0, 0, 0]


def played(tiny: Callable[..., Config], **devices: Any) -> Simulation:
    growth = {"when": "schedule", "every": 1, "until": 1.0}
    simulation = Simulation(tiny(devices={**STUCK, "learning": "exact", **devices}, growth=growth))
    for _ in simulation:
        pass
    return simulation


def test_newborns_stand_where_less_is_stuck(tiny: Callable[..., Config]) -> None:
    def stuck_of_hidden(simulation: Simulation) -> float:
        network, options = simulation.network, simulation.config.devices
        hidden = torch.nonzero(network.state.alive & ~network.state.output).flatten()
        tested = Simulation(replace(simulation.config, devices=replace(options, self_test=True))).network.memristors
        shares = [tested.tested(int(slot) // network.fabric.slots) for slot in hidden]
        return float(
            sum(s[slot % len(s)] for s, slot in zip(shares, hidden, strict=True) if s is not None) / len(hidden)
        )

    blind, knowing = (played(tiny, self_test=known) for known in (False, True))
    assert stuck_of_hidden(knowing) < stuck_of_hidden(blind)
    assert blind.network.memristors.tested(0) is None


def test_bids_are_worth_what_is_left(tiny: Callable[..., Config]) -> None:
    """Where every device is stuck nothing is left, and nobody who pays is born."""
    assert played(tiny, stuck_on=0.0, stuck_off=1.0).table("bids")["value"].max() > 0
    bids = played(tiny, stuck_on=0.0, stuck_off=1.0, self_test=True).table("bids")
    grown = bids[bids["rule"] != "seed"]
    assert len(grown)
    assert (grown["value"] == 0).all()
    assert not grown["won"].any()


def test_without_stuck_devices_a_test_changes_nothing(tiny: Callable[..., Config]) -> None:
    simulation = Simulation(tiny(devices={"self_test": True}))
    tile = next(iter(simulation.agents_by_type[TileAgent]))
    assert simulation.network.memristors.tested(tile.tile) is None


@pytest.mark.parametrize("rounds", [2])
def test_a_stopped_run_resumes(
    tiny: Callable[..., Config], check_resume: Callable[[Config, int], None], rounds: int
) -> None:
    check_resume(tiny(devices={**STUCK, "self_test": True}), rounds)
