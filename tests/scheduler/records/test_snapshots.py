from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.findings.look import findings
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records import snapshots
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
CutShort = Callable[[Config, Path, int], None]


class Killed(BaseException):
    """Nobody catches it, so that everything stays as it is: in the place of a kill."""


def nothing(simulation: Simulation) -> None:
    """Watch without a word."""


def same(one: Path, other: Path, timeless: Timeless, state_of: StateOf) -> None:
    expected = timeless(other)
    for name, table in timeless(one).items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)
    assert state_of(one) == state_of(other)
    assert {p.name for p in (one / "checkpoint").iterdir()} == {p.name for p in (other / "checkpoint").iterdir()}


@pytest.fixture(scope="module")
def config(tiny: MakeConfig) -> Config:
    return tiny(training={"rounds": 2, "steps": 2}, run={"snapshots": 1})


@pytest.fixture(scope="module")
def whole(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four rounds, each with its snapshot; do not write to it."""
    path = tmp_path_factory.mktemp("whole") / "run"
    start(config, path, nothing)
    return path


@pytest.mark.parametrize(
    ("every", "wanted"), [(0, []), (1, [0, 1, 2, 3]), (2, [1, 3]), (3, [2]), (9, [])], ids=lambda value: str(value)
)
def test_after_so_many_rounds_one_is_kept(tiny: MakeConfig, tmp_path: Path, every: int, wanted: list[int]) -> None:
    assert [number for number in range(-1, 4) if snapshots.due(number, every)] == wanted
    start(tiny(training={"rounds": 2, "steps": 1}, run={"snapshots": every}), tmp_path / "run", nothing)
    assert list(snapshots.kept(tmp_path / "run")) == wanted
    assert (tmp_path / "run" / snapshots.FOLDER).exists() == bool(wanted)


def test_one_is_the_run_that_was_stopped_then(
    config: Config, whole: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf, cut_short: CutShort
) -> None:
    for number, place in snapshots.kept(whole).items():
        cut_short(config, tmp_path / str(number), number + 1)
        same(place, tmp_path / str(number), timeless, state_of)
        assert {path.name for path in place.iterdir()} == {"config.toml", "environment.json", "tables", "checkpoint"}
        assert restored(load_run(whole).at(number)).round == number + 1


def test_snapshots_change_nothing(tiny: MakeConfig, whole: Path, tmp_path: Path, timeless: Timeless) -> None:
    start(tiny(training={"rounds": 2, "steps": 2}), tmp_path / "without", nothing)
    expected = timeless(tmp_path / "without")
    for name, table in timeless(whole).items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)


def test_what_the_run_has_still_takes_no_disk_twice(whole: Path) -> None:
    last = snapshots.kept(whole)[3]
    for file in (file for file in last.rglob("*") if file.is_file()):
        assert file.samefile(whole / file.relative_to(last))
    assert not snapshots.kept(whole)[2].joinpath("checkpoint/state.safetensors").samefile(open_run(whole).checkpoint)


def test_without_links_they_are_copies(
    config: Config, whole: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted", source)

    monkeypatch.setattr(os, "link", link)
    start(config, tmp_path / "run", nothing)
    assert {file.stat().st_nlink for file in (tmp_path / "run").rglob("*.parquet")} == {1}
    for number, place in snapshots.kept(whole).items():
        same(snapshots.kept(tmp_path / "run")[number], place, timeless, state_of)


@pytest.mark.parametrize("name", ["link", "rename", "mkdir"])
def test_killed_at_any_file_of_a_snapshot_and_resumed(
    config: Config,
    whole: Path,
    tmp_path: Path,
    timeless: Timeless,
    state_of: StateOf,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    done = getattr(os, name)
    calls, last = [0], 10**9

    def counting(*given: object, **named: object) -> None:
        ours = any(snapshots.FOLDER in str(one) for one in given)
        calls[0] += ours
        if ours and calls[0] == last:
            raise Killed
        done(*given, **named)

    monkeypatch.setattr(os, name, counting)
    start(config, tmp_path / "counted", nothing)
    number = calls[0]
    assert number >= 4
    for last in {1, 2, number // 2, number - 1, number}:
        calls[0], out = 0, tmp_path / str(last)
        with pytest.raises(Killed):
            start(config, out, nothing)
        assert len(snapshots.kept(out)) < 4
        last = 10**9
        resume(out, nothing)
        assert list(snapshots.kept(out)) == [0, 1, 2, 3]
        assert not list(out.rglob(".*.tmp"))
        same(out, whole, timeless, state_of)
        for at, place in snapshots.kept(out).items():
            same(place, snapshots.kept(whole)[at], timeless, state_of)


def test_later_ones_than_the_checkpoint_go(
    config: Config, whole: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf, cut_short: CutShort
) -> None:
    """A run that was put back from a copy of itself."""
    path = tmp_path / "run"
    cut_short(config, path, 2)
    shutil.copytree(snapshots.kept(whole)[3], path / snapshots.FOLDER / "round-00003")
    seen: list[list[int]] = []
    resume(path, nothing, begun=lambda simulation: seen.append(list(snapshots.kept(path))))
    assert seen == [[0, 1]]
    same(snapshots.kept(path)[3], snapshots.kept(whole)[3], timeless, state_of)


def test_a_snapshot_stays_and_a_copy_of_it_goes_on(
    whole: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf
) -> None:
    place = snapshots.kept(whole)[1]
    with pytest.raises(ValueError, match=r"round-00001 is a snapshot of .*copy it elsewhere"):
        resume(place, nothing)
    assert "unfinished" not in {finding.kind for finding in findings(load_run(place, keep=True))}
    shutil.copytree(place, tmp_path / "copy")
    resume(tmp_path / "copy", nothing)
    same(tmp_path / "copy", whole, timeless, state_of)
    assert load_run(tmp_path / "copy").moments == (1, 2, 3)  # that of the round that it stands at, and later ones


def test_a_run_says_which_it_has(whole: Path, finished_run: Path) -> None:
    run = load_run(whole, keep=True)
    assert run.moments == (0, 1, 2, 3)
    assert run.at(1).table("rounds")["round"].tolist() == [0, 1]
    assert run.at(1).cache is not None
    with pytest.raises(ValueError, match="no snapshot of round 4; it has of the rounds 0, 1, 2, 3"):
        run.at(4)
    assert load_run(finished_run).moments == ()
    with pytest.raises(ValueError, match=r"it has none: run\.snapshots keeps them"):
        load_run(finished_run).at(0)


def test_a_quick_run_keeps_one_of_every_round(tiny: MakeConfig) -> None:
    assert tiny(run={"quick": True, "snapshots": 5}).resolved().run.snapshots == 1
    assert tiny(run={"quick": True}).resolved().run.snapshots == 0
    with pytest.raises(ValueError, match=r"run\.snapshots.* not be negative"):
        tiny(run={"snapshots": -1})
