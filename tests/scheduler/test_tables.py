from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from agents.messages import Bid, Outcome
from model.costs import Usage
from model.fabric import EAST, IN, OUT, SOUTH, Fabric, FabricOptions
from model.upkeep.scope import Upkept
from scheduler.rows import to_arrow
from scheduler.tables import bid_row, port_rows, round_row
from scheduler.training import Lesson

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
    used = np.zeros(len(fabric.capacity), dtype=np.int64)
    tile, router = fabric.cell_of_tile(0), 0
    used[fabric.port(tile, EAST, OUT)] = 4
    used[fabric.port(router, SOUTH, IN)] = 2
    table = to_arrow("ports", port_rows(6, fabric, used)).to_pandas()
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
    lesson = Lesson(
        loss=0.7,
        accuracy=0.6,
        rate=0.1,
        spikes_per_sample=12.0,
        hop_spikes_per_sample=40.0,
        operations=900.0,
        learning_rate=0.01,
        counts=torch.zeros(1, 1),
        heard=torch.zeros(1),
    )
    usage = Usage(neurons=5, links=8, devices=13, wires=21)
    upkept = Upkept(pruned=4, rewired=3, moved={0: 1, 1: 0})
    row = round_row(3, 2, 1, 240, lesson, 0.55, usage, 77, 2, 1, upkept, math.inf, (1.0, 2.0, 3.0))
    assert to_arrow("rounds", [row]).num_rows == 1
    counted = [5, 8, 13, 21, 12.0, 40.0, 900.0, 77, 0.1, 2, 1, 4, 3, 2]
    assert list(row.values()) == [3, 2, 1, 240, 0.7, 0.6, 0.55, *counted, 0.01, math.inf, 1, 2, 3]
