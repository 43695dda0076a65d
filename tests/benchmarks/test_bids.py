from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.bids import PREDICTORS, Truth, correlation, reliability, view


def records(noise: float, seeds: int = 3, count: int = 200) -> list[dict[str, Any]]:
    """Candidates whose value is what they achieve, but for noise of its own in each of four orders."""
    rng, found = np.random.default_rng(0), []
    for seed in range(seeds):
        for _ in range(count):
            truth = rng.normal() + 10 * seed
            achieved = (truth + noise * rng.normal(size=4)).tolist()
            bids = {name: -truth if name == "whitened" else truth for name in PREDICTORS}
            found.append({"stream": "digits", "rule": "random", "seed": seed, **bids, "decrease": achieved})
    return found


def test_a_true_bid_ranks_candidates_as_well_as_they_can_be_told_apart() -> None:
    exact, noisy = records(0.0), records(2.0)
    assert correlation(exact, lambda r: float(r["value"])) == pytest.approx(1)
    assert correlation(exact, lambda r: float(r["whitened"])) == pytest.approx(-1)
    assert reliability(exact) == pytest.approx(1)
    ceiling = reliability(noisy) ** 0.5
    assert 0.5 < ceiling < 0.9  # four orders of noise 2 against a spread of 1: .71
    assert correlation(noisy, lambda r: float(r["value"])) == pytest.approx(ceiling, abs=0.1)


def test_networks_are_ranked_each_by_itself() -> None:
    """The seeds lie far apart: taken together, anything that knows the seed would look like a good bid."""
    assert (
        abs(correlation(records(0.0), lambda r: float(r["seed"]) + 1e-3 * (int(abs(float(r["value"])) * 1e6) % 97)))
        < 0.15
    )


def test_a_row_for_each_rule_and_one_for_all() -> None:
    assert view(records(1.0, count=5)).row_count == 2


def test_one_order_is_refused() -> None:
    with pytest.raises(ValueError, match="--orders must be at least 2"):
        Truth(orders=1)
