"""Old experts that faults or age have hurt are repaired by auction; books, counts and checkpoints agree with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smalti.model.growth.buy_back import BuyBackOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.readout import loss_of
from smalti.scheduler.protocols.protocol import begun_at, kept_of
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
BROKEN = {"row_share": 0.2, "wire_share": 0.1, "slot_share": 0.1, "map_seed": 1, "at_round": 3}
TAUGHT = {"rounds": 3, "steps": 20, "batch": 16, "warm_up": 2, "learning_rate": 0.02}
AGED: dict[str, Any] = {"kind": "pcm", "round_seconds": 1e6}


def struck(tiny: MakeConfig, engine: str = "events", **faults: Any) -> Simulation:
    """A run of two tasks, up to and with the round before which faults come."""
    config = tiny(
        faults={**BROKEN, "heal": "auction", **faults},
        training=TAUGHT,
        network={"engine": engine},
        gating={"vote": 0.0},
    )
    simulation = Simulation(config)
    for _ in range(4):
        simulation.step()
    return simulation


def loss(simulation: Simulation) -> float:
    """Of the first task, on the samples that are kept of it."""
    kept = kept_of(begun_at(simulation.parts, simulation.config, 0))
    return loss_of(simulation.grower, simulation.gating.experts[0], kept)


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_repairs_lower_the_loss_that_faults_have_raised(
    tiny: MakeConfig, check: Callable[[Simulation], None], engine: str
) -> None:
    bare, healed = struck(tiny, engine, heal="none"), struck(tiny, engine)
    check(healed)
    usual = healed.healing.usual[0]
    assert loss(bare) > usual + 0.1
    assert loss(healed) < loss(bare) - 0.1
    rows = healed.table("repairs")
    taken = rows[rows["taken"]]
    assert (rows["round"] == 3).all()
    assert taken["loss_before"].iloc[0] == pytest.approx(loss(bare))
    assert taken["loss_after"].iloc[-1] == pytest.approx(loss(healed))
    assert taken["loss_before"].tolist()[1:] == taken["loss_after"].tolist()[:-1]
    assert taken["loss_after"].iloc[-1] <= usual + 0.01 or taken["repair"].iloc[-1] == "nothing"


def test_each_auction_takes_what_lowers_the_loss_most_for_a_device(tiny: MakeConfig) -> None:
    rows = struck(tiny, map_seed=6).table("repairs")
    auction = rows["taken"].astype(int).cumsum().shift(fill_value=0)
    assert auction.nunique() > 1
    price = tiny().auction.write_price
    for _, bids in rows.groupby(auction):
        (won,) = bids[bids["taken"]].to_dict("records")
        fall = bids["loss_before"] - bids["loss_after"]
        worth = bids[(fall > bids["price"]) & (bids["writes"] > 0)]
        assert (bids["price"] >= bids["writes"] * price - 1e-12).all()
        if won["repair"] == "nothing":
            assert worth.empty
        else:
            rate = (worth["loss_before"] - worth["loss_after"]) / worth["writes"]
            assert (won["loss_before"] - won["loss_after"]) / won["writes"] == rate.max()


def test_what_a_trial_said_is_what_the_chip_does_and_counts(tiny: MakeConfig) -> None:
    """Writes of the round are those of its repairs and of its training, and nothing of what was taken back."""
    with_steps, quiet = struck(tiny), struck(tiny, heal="none")
    rows = with_steps.table("repairs").query("taken")
    assert rows["writes"].sum() > 0
    counts = with_steps.network.memristors.wear.counts
    assert int(counts.sum()) == with_steps.table("rounds")["writes"].sum()
    before = with_steps.table("rounds")["writes"].tolist()[:3]
    assert before == quiet.table("rounds")["writes"].tolist()[:3]


@pytest.mark.parametrize("noisy", [False, True])
def test_repairs_stand_beside_what_their_trials_promised(tiny: MakeConfig, noisy: bool) -> None:
    """Writes of ideal devices do what was tried; those that err come out otherwise, and were chosen by the trial."""
    devices = {"kind": "reram_wan", "stuck_off": 0.02} if noisy else {}
    config = tiny(faults={**BROKEN, "heal": "auction"}, training=TAUGHT, devices=devices, gating={"vote": 0.0})
    simulation = Simulation(config)
    for _ in range(4):
        simulation.step()
    rows = simulation.table("repairs")
    taken = rows[rows["taken"] & (rows["repair"] != "nothing")]
    assert len(taken)
    assert (taken["loss_before"] - taken["loss_promised"] > taken["price"] - 1e-9).all()
    others = rows[~rows["taken"] | (rows["repair"] == "nothing")]
    assert (others["loss_promised"] == others["loss_after"]).all()
    assert (taken["loss_promised"] == taken["loss_after"]).all() != noisy


def test_links_that_are_bought_are_on_record_as_laid_again(tiny: MakeConfig) -> None:
    simulation = struck(tiny, map_seed=6)
    row, repairs = simulation.rows.rounds[0], simulation.table("repairs").query("taken")
    bought = int((repairs["repair"] == "link").sum())
    assert 0 < int(str(row["relaid"])) <= int(str(row["lost"]))
    assert bought > 0
    assert int(str(row["relaid"])) >= bought


def test_a_loss_within_the_tolerance_is_left_alone(tiny: MakeConfig) -> None:
    simulation = struck(tiny, tolerance=100.0)
    assert simulation.table("repairs").empty
    assert simulation.rows.rounds[0]["relaid"] == 0


def test_where_writes_are_dear_nothing_is_bought(tiny: MakeConfig) -> None:
    config = tiny(faults={**BROKEN, "heal": "auction"}, training=TAUGHT, auction={"write_price": 100.0})
    simulation = Simulation(config)
    for _ in range(4):
        simulation.step()
    taken = simulation.table("repairs").query("taken")
    assert taken["repair"].tolist() == ["nothing"]
    assert simulation.table("repairs")["loss_after"].nunique() > 1


def test_a_copy_learns_beside_the_chip_and_is_written_once(tiny: MakeConfig) -> None:
    simulation = struck(tiny, practice=40)
    rows = simulation.table("repairs").query("repair == 'copy'")
    assert len(rows)
    devices = int(simulation.table("rounds")["devices"][2])
    assert 0 < rows["writes"].max() < devices
    assert (rows["loss_after"] < rows["loss_before"]).any()


def test_outputs_that_died_are_born_in_another_tile(tiny: MakeConfig, check: Callable[[Simulation], None]) -> None:
    """Of the four tiles the one dies that holds the outputs of the first task."""
    probe = Simulation(tiny(training=TAUGHT))
    probe.step()
    home = probe.gating.experts[0].output_tile
    seed = next(
        seed
        for seed in range(200)
        if Simulation(tiny(faults={"tile_share": 0.3, "map_seed": seed, "at_round": 3})).faults.tiles == (home,)  # type: ignore[union-attr]
    )
    shares = {"row_share": 0.0, "wire_share": 0.0, "slot_share": 0.0, "tile_share": 0.3, "map_seed": seed}
    simulation = struck(tiny, **shares)
    check(simulation)
    taken = simulation.table("repairs").query("taken")
    assert "outputs" in set(taken["repair"])
    assert simulation.gating.experts[0].output_tile != home
    assert loss(simulation) < loss(struck(tiny, heal="none", **shares)) - 0.05


def test_experts_are_watched_where_devices_age(tiny: MakeConfig, check: Callable[[Simulation], None]) -> None:
    """Nothing breaks; conductances of PCM fade, and what they should be is programmed once more."""

    def aged(**faults: Any) -> Simulation:
        config = tiny(training=TAUGHT, devices=AGED, faults=faults, gating={"vote": 0.0})
        simulation = Simulation(config)
        for _ in range(4):
            simulation.step()
        check(simulation)
        return simulation

    left, watched = aged(), aged(heal="auction", watch=True, tolerance=0.001)
    rows = watched.table("repairs")
    refreshed = rows[rows["repair"] == "refresh"]
    assert len(refreshed)
    assert 0 < refreshed["writes"].iloc[0] <= watched.table("rounds")["devices"][2]
    assert loss(watched) < loss(left)


def test_a_repair_is_worth_what_is_left_of_it_when_the_expert_is_asked_again(tiny: MakeConfig) -> None:
    devices = {**AGED, "reading": 0.0}
    simulation = Simulation(
        tiny(training=TAUGHT, devices=devices, faults={"heal": "auction", "watch": True, "tolerance": 0.0})
    )
    for _ in range(3):
        simulation.step()
    now = simulation._prepare()
    first = loss(simulation)
    memristors = simulation.network.memristors
    memristors.at(memristors.seconds + 3 * AGED["round_seconds"])
    later = loss(simulation)
    memristors.at(3 * AGED["round_seconds"])
    assert loss(simulation) == first != later
    simulation.healing.come(now, simulation.rehearsal.devices)
    assert simulation.healing.rows[0]["loss_before"] == later
    assert memristors.seconds == 3 * AGED["round_seconds"]


def test_who_watches_sound_ideal_devices_finds_nothing(tiny: MakeConfig) -> None:
    plain, watched = (Simulation(tiny(faults=faults)) for faults in ({}, {"heal": "auction", "watch": True}))
    for simulation in (plain, watched):
        for _ in simulation:
            pass
    assert watched.table("repairs").empty
    same = [name for name in plain.table("rounds") if not name.startswith("seconds") and name != "stored_values"]
    pd.testing.assert_frame_equal(plain.table("rounds")[same], watched.table("rounds")[same])
    pd.testing.assert_frame_equal(plain.table("evaluations"), watched.table("evaluations"))


def test_unknown_faults_are_noticed_by_who_watches(tiny: MakeConfig) -> None:
    blind, watched = struck(tiny, known=False, heal="none"), struck(tiny, known=False, watch=True)
    assert blind.table("repairs").empty
    rows = watched.table("repairs")
    assert rows["taken"].any()
    assert not set(rows["repair"]) & {"link", "links", "copy"}
    assert loss(watched) < loss(blind)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"devices": {"kind": "reram_wan", "stuck_off": 0.02}}, {**BROKEN, "practice": 5}),
        ({"devices": AGED}, {"watch": True, "tolerance": 0.001}),
        ({"growth": {"births": 2}}, {**BROKEN, "known": False, "watch": True}),
    ],
)
@pytest.mark.parametrize("rounds", [2, 4])
def test_a_stopped_run_ends_like_one_that_was_not(
    tiny: MakeConfig,
    check_resume: Callable[[Config, int], None],
    changes: dict[str, Any],
    faults: dict[str, Any],
    rounds: int,
) -> None:
    check_resume(tiny(faults={**faults, "heal": "auction"}, training=TAUGHT, **changes), rounds)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    map_seed=st.integers(0, 10_000),
    rows=st.sampled_from([0.0, 0.3]),
    slots=st.sampled_from([0.0, 0.2]),
    wires=st.sampled_from([0.0, 0.3]),
    tiles=st.sampled_from([0.0, 0.3]),
    known=st.booleans(),
    practice=st.sampled_from([0, 3]),
)
def test_books_hold_after_any_repair(
    tiny: MakeConfig,
    check: Callable[[Simulation], None],
    map_seed: int,
    rows: float,
    slots: float,
    wires: float,
    tiles: float,
    known: bool,
    practice: int,
) -> None:
    """The ledger counted anew from the links, devices against links, tables against the network."""
    faults = {"row_share": rows, "slot_share": slots, "wire_share": wires, "tile_share": tiles}
    faults |= {"map_seed": map_seed, "known": known, "practice": practice, "tolerance": 0.0, "watch": True}
    at_round = 3 if rows or slots or wires or tiles else 0
    simulation = Simulation(tiny(faults={**faults, "at_round": at_round, "heal": "auction"}))
    for _ in range(4):
        simulation.step()
        check(simulation)
    assert int(simulation.network.memristors.wear.counts.sum()) == simulation.table("rounds")["writes"].sum()


def test_samples_that_are_kept_are_counted(tiny: MakeConfig) -> None:
    simulation = struck(tiny)
    experience = simulation.stream.experiences[0]
    kept = min(64, len(experience.validation)) + min(512, len(experience.train))
    values = kept * (experience.train.x[0].size + 1)
    assert simulation.table("rounds")["stored_values"].tolist() == [0, 0, values, values]
    selling = tiny(
        faults={**BROKEN, "heal": "auction"}, training=TAUGHT, growth={"buy_back": BuyBackOptions(by="loss")}
    )
    both = Simulation(selling)
    for _ in range(4):
        both.step()
    present = min(64, len(simulation.stream.experiences[1].validation)) * (experience.train.x[0].size + 1)
    assert both.table("rounds")["stored_values"].iloc[-1] == values + present  # those that are sold by count once


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stream": {"boundaries": "hidden"}}, r"stream\.boundaries = 'hidden' tells of none"),
        ({"stream": {"setting": "joint"}, "training": {**TAUGHT, "rounds": 6}}, r"one expert serves them all"),
        ({"gating": {"experts": "shared"}}, r"one expert serves them all"),
        ({"network": {"readout": "membrane_max"}}, r"'membrane_mean' alone, not for 'membrane_max'"),
    ],
)
def test_what_repairs_cannot_have_is_refused(tiny: MakeConfig, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Simulation(tiny(faults={**BROKEN, "heal": "auction"}, **changes))


def test_whoever_watches_must_repair(tiny: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"faults\.watch = true repairs old experts by auction, and faults\.heal = 'n"):
        tiny(faults={"watch": True})


def test_tables_without_repairs_are_empty_and_typed(tiny: MakeConfig) -> None:
    table = Simulation(tiny()).table("repairs")
    assert table.empty
    assert pd.api.types.is_bool_dtype(table["taken"])
    assert pd.api.types.is_integer_dtype(table["writes"])
