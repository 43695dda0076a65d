from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.scaling import FIVE, QUICK, SERIES, Cost, Scaling, changed_recipe, cost_of, exponent, main


def test_an_exponent_is_the_slope_of_the_logarithms() -> None:
    assert exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert exponent([1, 10], [5, 5]) == pytest.approx(0)


def test_a_run_is_taken_apart(tmp_path: Path) -> None:
    """Two rounds of the first task: nothing else is opened, and its parts are not more than the whole."""
    cost = cost_of(changed_recipe("small", QUICK, FIVE), rounds=2)
    assert cost.rounds == 2
    assert min(cost.train, cost.opening, cost.evaluate, cost.rest) > 0
    assert cost.train + cost.opening + cost.evaluate + cost.rest == pytest.approx(cost.total)
    assert 1e4 < cost.checkpoint < cost.used + 1e6
    assert cost.checkpoint < cost.written < 2 * cost.checkpoint


def test_what_varies_is_what_a_series_says() -> None:
    for size, changes in SERIES["tiles"]:
        assert changed_recipe("small", changes).fabric.tiles == size
    assert [changed_recipe("small", changes).stream.limit for _, changes in SERIES["samples of a class"]] == [
        40,
        80,
        160,
    ]


def test_runs_that_are_known_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[int] = []

    def made_up(config: object, rounds: int | None = None) -> Cost:
        played.append(1)
        size = float(len(played))
        return Cost(10 * size, 4 * size, size, size, 1000, 2000, 900, 2)

    monkeypatch.setattr(scaling, "cost_of", made_up)
    monkeypatch.setattr(scaling, "first_expert", lambda size: {"small": 1.0, "medium": 4.0}[size])
    file = tmp_path / "found.json"
    options = Scaling(series=("tiles",), whole="small", tasks=2, quick=True, json=file)
    main(options)
    said, runs = capsys.readouterr().out, len(played)
    assert "exponent 1.00" in " ".join(said.split())  # four times as many tiles
    assert "2.50 times training alone" in " ".join(said.split())
    assert set(json.loads(file.read_text())) == {
        "tiles 16 quick",
        "tiles 64 quick",
        "first expert small",
        "first expert medium",
        "recipe small, 2 tasks quick",
    }
    main(options)
    assert capsys.readouterr().out == said
    assert len(played) == runs + 1  # that which compiles kernels


def test_options_are_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"--series 'wires' is unknown; take some of 'tiles', "):
        Scaling(series=("wires",))
    with pytest.raises(ValueError, match="--whole 'huge' is no recipe; take one of small, medium, large, or ''"):
        Scaling(whole="huge")
    with pytest.raises(ValueError, match="--tasks 21 must be 1 to 20"):
        Scaling(tasks=21)
