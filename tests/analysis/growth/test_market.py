from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.growth import market
from smalti.analysis.runs import load_run

NAN = math.nan
BIDS = pd.DataFrame(
    [
        (0, 0, 0, "seed", 9.0, 0.5, True, "won"),
        (0, 1, 0, "tiny", 1.0, 0.1, True, "won"),
        (0, 1, 0, "tiny", 2.0, 0.2, True, "won"),
        (0, 2, 0, "tiny", 0.1, 0.6, False, "the price is above its value"),
        (0, 2, 0, "tiny", 0.5, NAN, False, "R0 (2, 4) side W in is full"),
        (2, 2, 1, "random", 0.5, NAN, False, "R0 (2, 4) side W in has no room for all links of the bid"),
        (2, 1, 1, "random", 0.4, 0.3, False, "the 1 births of the round went to larger surpluses"),
        (2, 1, 1, "random", 0.7, 0.3, True, "won"),
        (2, 1, 1, "random", 0.7, NAN, False, "tile (0, 1) has no free slot"),
    ],
    columns=["round", "tile", "task", "rule", "value", "price", "won", "reason"],
)
ROUNDS = pd.DataFrame(
    {
        "round": [0, 1, 2, 3, 4, 5],
        "experience": [0, 0, 1, 1, 1, 1],
        "task": [0, 0, 7, 7, 7, 7],
        "loss": [1.0, 0.4, 0.9, 0.6, 0.5, 0.46],
    }
)


def test_prices_asked_hold_all_that_fitted_and_paid_those_of_winners() -> None:
    prices = market.prices(BIDS)
    assert prices.index.tolist() == [0, 2]
    assert prices["bids"].tolist() == [5, 4]
    assert prices["won"].tolist() == [3, 1]
    assert prices.loc[0, "asked_mean"] == pytest.approx((0.5 + 0.1 + 0.2 + 0.6) / 4)
    assert prices.loc[0, "asked_median"] == pytest.approx(0.35)
    assert prices.loc[0, "asked_max"] == 0.6
    assert prices.loc[0, ["paid_mean", "paid_median", "paid_max"]].tolist() == pytest.approx([0.8 / 3, 0.2, 0.5])
    assert prices.loc[2, "paid_max"] == 0.3


def test_rounds_without_a_winner_have_no_price_paid() -> None:
    lost = BIDS[~BIDS["won"]]
    assert market.prices(lost)["paid_mean"].isna().all()
    assert market.prices(lost)["won"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("by", "rates"),
    [
        ("round", {0: 3 / 5, 2: 1 / 4}),
        ("tile", {0: 1.0, 1: 3 / 5, 2: 0.0}),
        ("rule", {"seed": 1.0, "tiny": 0.5, "random": 0.25}),
    ],
)
def test_win_rates_by_any_column(by: str, rates: dict[object, float]) -> None:
    assert market.win_rates(BIDS, by)["rate"].to_dict() == pytest.approx(rates)


def test_reasons_are_counted_without_their_places() -> None:
    assert market.reasons(BIDS)["bids"].to_dict() == {
        "won": 4,
        "a side is full": 2,
        "the price is above its value": 1,
        "others had larger surpluses": 1,
        "the tile is full": 1,
    }
    by_task = market.reasons(BIDS, "task")
    assert by_task.loc["a side is full"].tolist() == [1, 1]
    assert by_task.loc["won"].tolist() == [3, 1]


def test_a_bottleneck_is_the_side_that_bids_were_refused_for() -> None:
    assert market.bottlenecks(BIDS).to_dict() == {"R0 (2, 4) side W in": 2}


def test_every_reason_of_a_real_run_is_known(finished_run: Path) -> None:
    bids = load_run(finished_run).table("bids")
    assert len(bids)
    assert market.OTHER not in market.reasons(bids).index


@pytest.mark.parametrize("function", [market.win_rates, market.reasons])
def test_an_unknown_column_is_named(function: object) -> None:
    with pytest.raises(ValueError, match="no column 'colour'; "):
        function(BIDS, "colour")


def test_worth_is_the_promise_of_newborns_beside_the_next_rounds_loss() -> None:
    worth = market.worth(BIDS, ROUNDS)
    first, second = worth.to_dict("records")
    assert first == {
        "round": 0,
        "experience": 0,
        "task": 0,
        "winners": 2,
        "predicted": 3.0,  # without the seed
        "paid": pytest.approx(0.3),
        "before": 1.0,
        "after": 0.4,
        "achieved": pytest.approx(0.6),
        "usual": pytest.approx(NAN, nan_ok=True),  # round 1 is the last of its experience
    }
    assert second["achieved"] == pytest.approx(0.3)
    assert second["usual"] == pytest.approx((0.1 + 0.04) / 2)
    assert second["task"] == 7


def test_taps_promise_nothing_of_newborns() -> None:
    taps = BIDS.assign(rule="tap", value=100.0)
    both = pd.concat([BIDS, taps], ignore_index=True)
    pd.testing.assert_frame_equal(market.worth(both, ROUNDS), market.worth(BIDS, ROUNDS))
    reason = "the read-out hears as many sources as it may"
    assert market.kind_of_reason(reason) == reason


def test_what_is_born_in_the_last_round_of_an_experience_achieves_nothing_known() -> None:
    worth = market.worth(BIDS.assign(round=1), ROUNDS)
    assert worth["achieved"].isna().all()
    assert worth["usual"].tolist() == pytest.approx([0.6])
