from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from smalti.analysis.findings import damage


def test_links_lost_to_faults_are_told() -> None:
    rounds = pd.DataFrame({"round": [0, 1, 2], "lost": [0, 5, 0], "relaid": [0, 3, 0]})
    found = damage.broken(rounds)
    assert found is not None
    assert found.weight == "warning"
    assert found.title == "Faults took 5 links away, of which 3 were laid again"
    assert "before round 1." in found.detail
    assert found.detail.endswith("those of neurons that died are gone.")
    assert damage.broken(rounds.assign(lost=0, relaid=0)) is None
    assert damage.broken(rounds[["round"]]) is None


@pytest.mark.parametrize(
    ("heal", "weight", "said", "unsaid"),
    [
        ("none", "warning", "faults.heal = relay lays links", "(faults.heal ="),
        ("relay", "warning", "others found no room (faults.heal = relay): more fabric.wires", "relay lays links"),
        ("auction", "note", "worth their price (faults.heal = auction)", "auction what is worth it"),
    ],
)
def test_healing_that_is_on_is_not_advised(heal: str, weight: str, said: str, unsaid: str) -> None:
    rounds = pd.DataFrame({"round": [0, 1], "lost": [0, 5], "relaid": [0, 3]})
    found = damage.broken(rounds, heal)
    assert found is not None
    assert found.weight == weight
    assert said in found.detail
    assert unsaid not in found.detail
    whole = damage.broken(rounds.assign(relaid=rounds["lost"]), heal)
    assert whole is not None
    assert (whole.weight, whole.detail) == ("note", "They came before round 1.")


COLUMNS = ["task", "repair", "loss_before", "loss_promised", "loss_after", "writes", "taken"]
ROUNDS = pd.DataFrame({"round": [0, 1, 2, 3]})
BOUGHT: dict[str, Any] = {"heal": "auction", "at_round": 2, "watch": False, "tolerance": 0.01}


def test_repairs_are_told_with_what_they_wrote() -> None:
    rows = [
        (0, "readout", 0.5, 0.4, 0.4, 8, False),
        (0, "link", 0.5, 0.2, 0.2, 3, True),
        (0, "link", 0.2, 0.02, 0.02, 2, True),
        (1, "neurons", 0.6, 0.25, 0.7, 40, True),
        (1, "nothing", 0.7, 0.7, 0.7, 0, True),
    ]
    repairs = pd.DataFrame(rows, columns=COLUMNS)
    found = damage.repaired(repairs, ROUNDS, BOUGHT)
    assert found is not None
    assert (found.kind, found.weight) == ("repaired", "warning")
    assert found.title == "Old experts bought 3 repairs, which wrote 45 devices"
    assert found.detail.startswith(
        "2 link, 1 neurons. Loss on samples that are kept: task 0 from 0.500 to 0.020, task 1 from 0.600 to 0.700 (its "
        "trial had promised 0.250). Nothing more was worth its price for task 1."
    )
    assert damage.repaired(repairs[:3], ROUNDS, BOUGHT).weight == "note"  # type: ignore[union-attr]
    nothing = damage.repaired(repairs[4:], ROUNDS, BOUGHT)
    assert nothing is not None
    assert nothing.title == "Old experts bought nothing"
    assert nothing.detail.startswith("Nothing was done. Nothing more")
    older = damage.repaired(repairs.drop(columns="loss_promised"), ROUNDS, BOUGHT)
    assert older is not None
    assert "promised" not in older.detail


def test_where_no_auction_was_held_it_is_said_that_nothing_was_bought() -> None:
    empty = pd.DataFrame([], columns=COLUMNS)
    found = damage.repaired(empty, ROUNDS, BOUGHT)
    assert found is not None
    assert (found.kind, found.weight, found.title) == ("repaired", "note", "Old experts bought nothing")
    assert "rose by more than faults.tolerance = 0.01" in found.detail
    assert damage.repaired(empty, ROUNDS, {**BOUGHT, "at_round": 4}) is None  # they are yet to come
    assert damage.repaired(empty, ROUNDS, {**BOUGHT, "at_round": 0, "watch": True}) is not None
    assert damage.repaired(empty, ROUNDS, {**BOUGHT, "heal": "relay"}) is None
    assert damage.repaired(empty, ROUNDS, {}) is None


def test_copies_of_ideal_devices_are_alike() -> None:
    found = damage.alike({"kind": "ideal", "copies": 20})
    assert found is not None
    assert (found.kind, found.title) == ("alike", "All 20 copies of the chip are alike")
    for devices in ({"kind": "pcm", "copies": 20}, {"kind": "ideal", "copies": 1}, {"kind": "ideal"}, {}):
        assert damage.alike(devices) is None
