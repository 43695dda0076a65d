from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.overview import mean_accuracy
from smalti.analysis.results import pareto_front, results
from smalti.analysis.runs import load_run, load_runs


def test_a_row_for_every_run(finished_run: Path) -> None:
    run = load_run(finished_run)
    table = results(load_runs(finished_run))
    assert len(table) == 1
    row, last = table.iloc[0], run.table("rounds").iloc[-1]
    assert row["run"] == "finished"
    assert row["accuracy"] == mean_accuracy(run, run.config["stream"]["setting"], "validation")
    assert row["wires"] == last["wires"]
    assert row["born"] == run.table("rounds")["born"].sum()


def test_front_by_hand() -> None:
    table = pd.DataFrame({"wires": [5, 1, 3, 3, 9, 1, 2], "accuracy": [0.9, 0.5, 0.8, 0.7, 0.9, 0.5, np.nan]})
    assert pareto_front(table)[["wires", "accuracy"]].to_numpy().tolist() == [[1, 0.5], [1, 0.5], [3, 0.8], [5, 0.9]]


@pytest.mark.parametrize("seed", range(20))
def test_front_is_what_comparing_all_pairs_gives(seed: int) -> None:
    chance = np.random.default_rng(seed)
    table = pd.DataFrame({"c": chance.integers(6, size=25), "g": chance.integers(6, size=25)})
    rows = table.to_numpy()
    dominated = [any(c2 <= c and g2 >= g and (c2 < c or g2 > g) for c2, g2 in rows) for c, g in rows]
    assert set(pareto_front(table, "c", "g").index) == set(table.index[~np.array(dominated)])


def test_front_names_a_column_that_is_missing() -> None:
    with pytest.raises(ValueError, match=r"lacks the columns \['gain'\]"):
        pareto_front(pd.DataFrame({"wires": [1]}), gain="gain")
