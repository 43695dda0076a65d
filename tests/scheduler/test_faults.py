"""Runs on chips with faults: what is known is kept clear of, what comes takes links with it, and runs resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from smalti.model.chip.faults import FILE
from smalti.scheduler import breakage, runner
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
SHARES = {"row_share": 0.1, "slot_share": 0.1, "wire_share": 0.1}


def clear(simulation: Simulation) -> None:
    """Whether nothing but outputs lies on what is dead."""
    links, state, faults = simulation.network.links, simulation.network.state, simulation.faults
    assert faults is not None
    routed = [key for key in links.silent() if links.kind(*key) != "local"]
    assert routed == []
    hidden = (state.alive & ~state.output).numpy()
    assert not (hidden & faults.unusable(simulation.fabric)).any()
    for tile, row in np.argwhere(faults.rows).tolist():
        assert row < simulation.fabric.slots or not bool(state.mask[tile, row].any())


@pytest.mark.parametrize("at_round", [0, 3])
def test_known_faults_are_kept_clear_of(tiny: MakeConfig, at_round: int) -> None:
    simulation = Simulation(
        tiny(faults={**SHARES, "map_seed": 1, "at_round": at_round}, growth={"when": "schedule", "every": 1})
    )
    before = 0
    for number, row in enumerate(simulation):
        if number >= at_round:
            clear(simulation)
        if number == at_round > 0:
            lost = row["lost"]
            assert isinstance(lost, int)
            assert 0 < lost < before
        else:
            assert row["lost"] == 0
        before = len(simulation.network.links.rows)
    assert simulation.finished


def test_links_and_neurons_lost_to_known_faults_are_on_record(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(faults={"tile_share": 0.5, "map_seed": 2, "at_round": 3}, growth={"retire_after": 0}))
    assert simulation.faults is not None
    dead = set(simulation.faults.tiles)
    assert 0 < len(dead) < 4
    for _ in range(3):
        simulation.step()
    state, slots = simulation.network.state, simulation.fabric.slots
    hidden = torch.nonzero(state.alive & ~state.output).flatten().tolist()
    fallen = {slot for slot in hidden if slot // slots in dead}
    assert fallen
    simulation.step()
    gone = simulation.table("neurons").query("retired_round == 3")
    assert set(gone["slot"]) == fallen
    ended = simulation.table("links").query("retired_round == 3 and birth_round < 3")
    assert len(ended) >= simulation.rows.rounds[0]["lost"] > 0  # type: ignore[operator]


def test_tiles_known_to_be_dead_from_the_start_are_left_out_of_the_chip(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(faults={"tile_share": 0.3, "map_seed": 4}))
    assert simulation.faults is not None
    assert len(simulation.faults.tiles) in (1, 2)
    assert set(simulation.fabric.live_tiles) == set(range(4)) - set(simulation.faults.tiles)


def test_lost_links_are_laid_again_where_there_is_room(tiny: MakeConfig) -> None:
    def broken(heal: str) -> Simulation:
        simulation = Simulation(tiny(faults={"row_share": 0.1, "map_seed": 1, "at_round": 3, "heal": heal}))
        for _ in range(4):
            simulation.step()
        clear(simulation)
        return simulation

    left, healed = (broken(heal).rows.rounds[0] for heal in ("none", "relay"))
    assert left["lost"] == healed["lost"]
    assert left["relaid"] == 0
    assert 0 < healed["relaid"] <= healed["lost"]  # type: ignore[operator]


def test_what_keeps_old_tasks_knows_the_devices_of_links_that_are_laid_again(tiny: MakeConfig) -> None:
    """Elastic protection is that of the devices of an old expert, wherever they lie after the fault."""
    faults = {"row_share": 0.2, "map_seed": 1, "at_round": 4, "heal": "relay"}
    simulation = Simulation(tiny(faults=faults, gating={"stiffness": 1000.0}))
    for _ in range(4):
        simulation.step()
    state, known = simulation.network.state, simulation.rehearsal.elastic.devices
    simulation._prepare()
    assert (
        breakage.come(
            simulation.grower, simulation.faults, simulation.config.faults, 4, simulation.rehearsal.devices
        ).relaid
        > 0
    )
    old = simulation.gating.experts[0].running(simulation.network)
    devices = state.mask & old.view(simulation.fabric.tiles, 1, -1)
    assert devices.any()
    assert bool((known["stiffness"][devices] == 1000).all())
    assert torch.equal(known["anchor"][devices] != 0, state.weight.detach()[devices] != 0)


@pytest.mark.parametrize(("known", "heal"), [(True, "relay"), (False, "none")])
@pytest.mark.parametrize("rounds", [2, 4])
def test_a_stopped_run_ends_like_one_that_was_not(
    tiny: MakeConfig, check_resume: Callable[[Config, int], None], known: bool, heal: str, rounds: int
) -> None:
    faults = {**SHARES, "known": known, "heal": heal, "at_round": 3}
    check_resume(tiny(faults=faults, devices={"kind": "reram_wan", "stuck_off": 0.02}), rounds)


def test_unknown_faults_act_and_take_no_link_away(tiny: MakeConfig) -> None:
    def after(**faults: Any) -> Simulation:
        simulation = Simulation(tiny(faults={"at_round": 3 if faults else 0, "known": False, **faults}))
        for row in simulation:
            assert row["lost"] == 0
        return simulation

    sound, struck = after(), after(row_share=0.3, slot_share=0.3)
    assert struck.network.links.silent()
    evaluations = [run.table("evaluations") for run in (sound, struck)]
    first, second = (table[table["after"] <= 0] for table in evaluations)
    pd.testing.assert_frame_equal(first, second)
    spikes = [table[table["after"] == 1]["spikes_per_sample"].sum() for table in evaluations]
    assert spikes[1] < spikes[0]


def test_faults_after_the_last_round_are_refused(tiny: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"faults\.at_round = 99 is after the last round, 5: give a round"):
        Simulation(tiny(faults={"row_share": 0.1, "at_round": 99}))


def test_where_faults_leave_no_room_the_cure_names_them(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(faults={"row_share": 1.0}))
    with pytest.raises(ValueError, match=r"task 0 cannot be served: .* or let less of the chip be dead \(\[faults\]\)"):
        simulation.step()


def test_a_run_keeps_its_faults_and_goes_on_with_no_others(
    tiny: MakeConfig, tmp_path: Path, cut_short: Callable[[Config, Path, int], None]
) -> None:
    """Drawn ones stand in the folder as a file that another run may name; a map that was changed is refused."""
    drawn = Simulation(tiny(faults={**SHARES, "map_seed": 1}))
    assert drawn.faults is not None
    kept = runner.created(drawn, tmp_path / "drawn").path / FILE
    named = tiny(faults={"map": str(kept), "at_round": 3})
    again = Simulation(named).faults
    assert again is not None
    assert again.tiles == drawn.faults.tiles
    assert again.wires == drawn.faults.wires
    assert np.array_equal(again.rows, drawn.faults.rows)
    assert np.array_equal(again.slots, drawn.faults.slots)
    cut_short(named, tmp_path / "run", 2)
    whole = json.loads(kept.read_text())
    kept.write_text(json.dumps({**whole, "dead_slots": []}))
    with pytest.raises(ValueError, match=r"are not those that .* was begun with"):
        runner.resume(tmp_path / "run", runner.nothing)
    kept.write_text(json.dumps(whole))
    assert runner.resume(tmp_path / "run", runner.nothing).finished
    assert not (runner.created(Simulation(tiny()), tmp_path / "sound").path / FILE).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"at_round": 3}, r"faults\.at_round = 3 says when faults come, and there are none: give shares"),
        (
            {"heal": "relay", "row_share": 0.1},
            r"faults\.heal = 'relay' mends what known faults take away when they come",
        ),
        ({"heal": "relay", "row_share": 0.1, "at_round": 3, "known": False}, r"and none do: give faults\.at_round and"),
        ({"heal": "auction"}, r"with faults\.known or watch, which needs none of it, or set heal to none"),
    ],
)
def test_what_would_do_nothing_is_refused(tiny: MakeConfig, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Simulation(tiny(faults=changes))


def test_a_noise_of_another_kind_of_devices_is_said_to_do_nothing(tiny: MakeConfig) -> None:
    with pytest.warns(
        UserWarning, match=r"devices\.mosaic_noise = 0\.2 is that of devices\.kind = 'mosaic' alone, and"
    ):
        Simulation(tiny(devices={"kind": "pcm", "mosaic_noise": 0.2}))
    Simulation(tiny(devices={"kind": "mosaic", "mosaic_noise": 0.2}))
