from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from benchmarks.control import Control, one, silent, spread, tasks
from smalti.scheduler.control.strategy import Judged, Learned, StrategyOptions

SHORT = StrategyOptions(pairs=2, generations=2, every=1, examined=2, judged=2, patience=1)


def test_every_net_has_a_row() -> None:
    pytest.importorskip("gymnasium")
    table = one(Control(seeds=(0,), widths=(1, 2), strategy=SHORT))
    names = [str(cell) for cell in table.columns[0].cells]
    assert names == [
        "chip, grown from 2 to at most 4",
        *(f"chip, {n} from the start" for n in (2, 4)),
        *(f"dense rates, {n}" for n in (2, 4)),
    ]
    assert next(iter(table.columns[2].cells)) == "8 (8-8)"


@pytest.mark.parametrize("by", ["evolution", "gradient"])
def test_tables_have_every_net_and_generation(by: Literal["evolution", "gradient"], tmp_path: Path) -> None:
    pytest.importorskip("gymnasium")
    one(Control(seeds=(0, 1), widths=(1,), strategy=replace(SHORT, by=by), out=tmp_path / "control"))
    nets, generations = (pd.read_parquet(tmp_path / "control" / f"{name}.parquet") for name in ("nets", "generations"))
    assert list(zip(nets["net"], nets["seed"], strict=True)) == [
        (name, seed)
        for seed in (0, 1)
        for name in ("chip, grown from 2 to at most 2", "chip, 2 from the start", "dense rates, 2")
    ]
    assert generations.groupby(["net", "seed"])["generation"].agg(list).tolist() == [[1, 2]] * 6
    assert (nets["episodes"] == 8).all()
    assert (nets["spikes_per_action"].gt(0) == nets["net"].str.startswith("chip")).all()


def test_tables_of_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--out takes the tables of one environment; leave it out for tasks"):
        Control(what="tasks", out=tmp_path)


def test_every_pole_has_a_row() -> None:
    pytest.importorskip("gymnasium")
    table = tasks(Control(what="tasks", seeds=(0,), strategy=SHORT))
    assert [str(cell) for cell in table.columns[1].cells] == ["0.5", "1.0", "0.25", "2.0"] * 2


def test_spread_by_hand() -> None:
    assert spread([1, 3, 2]) == "2 (1-3)"
    assert spread([1000.0, 2.5]) == "501.2 (2.5-1,000.0)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": (0,)}, "--widths 0: give numbers from 1 to 1,000,000"),
        ({"widths": (2, -1)}, "--widths 2 -1: give numbers from 1"),
        ({"widths": ()}, "--widths without a value: give numbers from 1"),
        ({"seeds": (-1,)}, "--seeds -1: give numbers from 0"),
        ({"steps": 0}, "--steps 0: give numbers from 1"),
        ({"world": "chess"}, "--world chess: there is no such environment; take one of cartpole, acrobot"),
        ({"what": "tasks", "world": "acrobot"}, "--world acrobot has no poles of other lengths; leave it out"),
    ],
)
def test_what_no_net_can_have_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Control(**changes)


def test_nets_on_the_chip_that_end_silent_are_named() -> None:
    def learned(spikes: float) -> Learned:
        return Learned(False, 8, 100, Judged(9.0, spikes, 8.0), 2, [9.0])

    results = [("chip, 2 from the start", seed, learned(spikes), 1.0) for seed, spikes in enumerate((0.0, 3.0))]
    dense = ("dense rates, 2", 0, learned(0.0), 1.0)
    assert silent([*results, dense]) == (
        "silent in the end, so that they do the same whatever they see: chip, 2 from the start (seed 0)"
    )
    assert silent([results[1], dense]) is None
