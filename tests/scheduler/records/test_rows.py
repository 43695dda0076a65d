from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from smalti.agents.auction.bids import Bid, Outcome
from smalti.model.chip.fabric import EAST, IN, OUT, SOUTH, Fabric, FabricOptions
from smalti.model.chip.ledger import Ledger
from smalti.model.costs import Usage
from smalti.model.rewiring.scope import Changes
from smalti.scheduler.clock import Seconds
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.learning.summary import TrainingSummary
from smalti.scheduler.records.arrow import to_arrow
from smalti.scheduler.records.rows import RoundFacts, RoundRows, bid_row, port_rows, round_row
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]

BID = Bid(candidate=7, tile=2, task=1, rule="random", taps=(3,), targets=(0,), wishes=(), value=0.5)


def test_a_bid_becomes_a_row_of_the_table() -> None:
    won = bid_row(4, Outcome(BID, True, 9, cost=0.1, price=0.2, reason="won"))
    assert won == {
        "round": 4,
        "candidate": 7,
        "tile": 2,
        "slot": 9,
        "twin": -1,
        "task": 1,
        "rule": "random",
        "cell": "",
        "value": 0.5,
        "cost": 0.1,
        "price": 0.2,
        "surplus": pytest.approx(0.3),
        "won": True,
        "reason": "won",
    }
    lost = bid_row(4, Outcome(BID, False, -1, math.nan, math.nan, "R0 (2, 2) side N in is full"))
    assert math.isnan(lost["surplus"])
    assert to_arrow("bids", [won, lost]).num_rows == 2


def test_every_side_of_every_cell_is_a_row() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=2, wires=5, corner_wires=3, dead_tiles=((0, 1),)))
    ledger = Ledger(fabric)
    tile, router = fabric.cell_of_tile(0), 0
    ledger.used[fabric.port(tile, EAST, OUT)] = 4
    ledger.used[fabric.port(router, SOUTH, IN)] = 2
    table = to_arrow("ports", port_rows(6, ledger)).to_pandas()
    assert len(table) == 3 * 5 * 4 * 2
    assert set(table["round"]) == {6}
    busy = table[table["used"] > 0]
    assert busy[["grid_row", "grid_col", "kind", "side", "direction", "used", "capacity"]].to_numpy().tolist() == [
        [0, 0, "r0", "S", "in", 2, 3],
        [1, 1, "tile", "E", "out", 4, 5],
    ]
    assert table.groupby(["grid_row", "grid_col"]).size().tolist() == [8] * 15
    assert table[(table["grid_row"] == 1) & (table["grid_col"] == 3)]["capacity"].unique().tolist() == [0]
    assert table.groupby("kind")["capacity"].max().to_dict() == {"r0": 3, "r1": 5, "tile": 5}


def test_a_round_becomes_a_row_of_the_table() -> None:
    summary = TrainingSummary(
        loss=0.7,
        accuracy=0.6,
        rate=0.1,
        spikes_per_sample=12.0,
        hop_spikes_per_sample=40.0,
        operations=900.0,
        learning_rate=0.01,
        counts=torch.zeros(1, 1),
        input_spikes=torch.zeros(1),
    )
    usage = Usage(neurons=5, links=8, devices=13, wires=21)
    changes = Changes(pruned=4, rewired=3, moved={0: 1, 1: 0})
    facts = RoundFacts(
        round=3,
        experience=2,
        task=1,
        steps=240,
        unit="nats",
        summary=summary,
        validation=0.55,
        usage=usage,
        stored_values=77,
        born=2,
        writes=58,
        most_written=9,
        retired=1,
        given_back=8,
        lost=6,
        relaid=7,
        changes=changes,
        novelty=math.inf,
        seconds=Seconds(train=1.0, evaluate=2.0, other=3.0, compile=0.5),
    )
    row = round_row(facts)
    assert to_arrow("rounds", [row]).num_rows == 1
    counted = [5, 8, 13, 21, 12.0, 40.0, 900.0, 58, 9, 77, 0.1, 2, 1, 8, 6, 7, 4, 3, 2]
    assert list(row.values()) == [3, 2, 1, 240, "nats", 0.7, 0.6, 0.55, *counted, 0.01, math.inf, 1, 2, 3, 0.5]


def settings_evaluated(rounds: list[RoundRows]) -> set[object]:
    return {row["setting"] for rows in rounds for row in rows.evaluations}


@pytest.mark.parametrize(
    ("changes", "experts", "settings"),
    [
        ({}, 2, {"task", "class", "experts", "gate"}),
        ({"stream": {"setting": "joint"}}, 1, {"joint", "experts", "gate"}),
        ({"gating": {"experts": "shared"}}, 1, {"task", "class", "experts", "gate"}),
    ],
)
def test_experts_and_evaluations_follow_the_setting(
    play: Play, tiny: MakeConfig, changes: dict[str, dict[str, object]], experts: int, settings: set[str]
) -> None:
    simulation, rounds = play(tiny(training={"rounds": 1, "steps": 2}, **changes))
    assert len(simulation.gating.experts) == experts
    assert settings_evaluated(rounds) == settings


def test_a_gate_of_labels_answers_without_one_only_while_there_is_one_expert(play: Play, tiny: MakeConfig) -> None:
    _, rounds = play(tiny(training={"rounds": 1, "steps": 2}, gating={"network": "label"}))
    rows = [row for of_round in rounds for row in of_round.evaluations if row["setting"] != "experts"]
    asked = {(row["after"], row["setting"]) for row in rows}
    assert asked == {(-1, "task"), (-1, "class"), (0, "task"), (0, "class"), (1, "task")}


def test_every_evaluation_says_what_its_gate_took(play: Play, tiny: MakeConfig) -> None:
    """Nothing where the expert is told or the only one; else the whole sample waits, but not if experts are heard."""
    for network in ("gaussian", "seed"):
        gating = {"network": network, "listen": 9, "vote": 0.0}
        simulation, rounds = play(tiny(training={"rounds": 1, "steps": 2}, gating=gating))
        rows = {(row["after"], row["setting"]): row for r in rounds for row in r.evaluations}
        names = ("gate_adds_per_sample", "gate_stored_values", "gate_buffered_spikes", "gate_latency")
        costs = {key: [row[name] for name in names] for key, row in rows.items()}
        gate = simulation.gating.gate
        held = [gate.adds_per_sample, gate.stored_values]
        assert costs[1, "task"] == costs[0, "class"] == costs[-1, "class"] == [0, 0, 0, 0]
        assert costs[1, "gate"] == [*held, 0, 0]
        assert costs[1, "class"][:2] == held
        if network == "gaussian":
            assert costs[1, "class"][2] > 0
            assert costs[1, "class"][3] == 9
        else:
            assert costs[1, "class"][2:] == [0, 0]
            assert rows[1, "gate"]["spikes_per_sample"] > 0


def test_experts_alone_answer_as_they_would_without_a_vote(play: Play, tiny: MakeConfig) -> None:
    answers = {}
    for vote in (0.0, 1.0):
        _, rounds = play(tiny(training={"rounds": 1, "steps": 2}, gating={"vote": vote}))
        for row in (row for of_round in rounds for row in of_round.evaluations):
            answers[vote, row["setting"], row["after"], row["on"], row["split"]] = row["accuracy"]
    asked = [key[2:] for key in answers if key[:2] == (0.0, "class")]
    assert all(answers[1.0, "experts", *key] == answers[0.0, "class", *key] for key in asked)
    assert any(answers[1.0, "experts", *key] != answers[1.0, "class", *key] for key in asked)


def test_when_and_on_what_is_evaluated(play: Play, tiny: MakeConfig) -> None:
    _, rounds = play(tiny(training={"rounds": 2, "steps": 2}))
    asked = [{(row["after"], row["on"]) for row in rows.evaluations} for rows in rounds]
    assert asked == [{(-1, 0)}, {(0, 0)}, set(), {(1, 0), (1, 1)}]
    samples = {(row["split"], row["samples"]) for rows in rounds for row in rows.evaluations}
    assert len(samples) == 2
    assert all(0 <= row["accuracy"] <= 1 for rows in rounds for row in rows.evaluations)
