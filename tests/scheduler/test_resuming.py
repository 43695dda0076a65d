"""Runs that were stopped go on, or say why they cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import create_run, open_run
from smalti.scheduler.records.schema import SCHEMA_VERSION
from smalti.scheduler.runner import resume
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
CutShort = Callable[[Config, Path, int], None]


def nothing(simulation: Simulation) -> None:
    """Watch without a word."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def stopped(tiny: MakeConfig, tmp_path: Path, cut_short: CutShort) -> Path:
    """A run of ``tiny()`` that was stopped after two of its six rounds."""
    path = tmp_path / "stopped"
    cut_short(tiny(), path, 2)
    return path


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_a_stopped_run_ends_like_one_that_was_not(
    tiny: MakeConfig,
    finished_run: Path,
    tmp_path: Path,
    timeless: Timeless,
    state_of: StateOf,
    cut_short: CutShort,
    rounds: int,
) -> None:
    path = tmp_path / "run"
    cut_short(tiny(), path, rounds)
    assert len(timeless(path)["rounds"]) == rounds
    seen: list[int] = []
    assert resume(path, lambda simulation: seen.append(simulation.round)).finished
    assert seen == list(range(rounds + 1, 7))
    for name, table in timeless(finished_run).items():
        pd.testing.assert_frame_equal(timeless(path)[name], table, check_exact=True)
    assert state_of(path) == state_of(finished_run)


def test_before_its_first_checkpoint_a_run_begins_anew(
    tiny: MakeConfig, finished_run: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf
) -> None:
    path = tmp_path / "run"
    facts = json.loads((finished_run / "environment.json").read_text(encoding="utf-8"))
    folder = create_run(path, config=dump(tiny()), seed=0, threads=1, facts={"stream": facts["stream"]})
    for table in ("ports", "bids"):  # as if killed before the rest of the round was written
        shutil.copy(finished_run / "tables" / table / "part-00000.parquet", folder.folder(table))
    shutil.copy(finished_run / "tables/neurons/part-00000.parquet", folder.folder("neurons"))
    (folder.folder("rounds") / ".part-00000.parquet.tmp").write_bytes(b"half")
    resume(path, nothing)
    for name, table in timeless(finished_run).items():
        pd.testing.assert_frame_equal(timeless(path)[name], table, check_exact=True)
    assert not list(path.rglob(".*.tmp"))


def test_resuming_a_finished_run_changes_nothing(finished_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(finished_run, path)
    before = bytes_of(path)
    assert resume(path, pytest.fail).finished
    assert bytes_of(path) == before


def change(folder: Path, old: str, new: str) -> None:
    """Replace a line of config.toml."""
    file = folder / "config.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert old in lines
    file.write_text("\n".join(new if line == old else line for line in lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threads = 1", "threads = 2", r"was run with 1 threads; .* set run\.threads back"),
        ("seed = 0", "seed = 1", r"config\.toml was changed since the run began \(in run\.seed\): set it back"),
        ("rounds = 3", "rounds = 4", r"\(in training\.rounds\)"),
        ("wires = 8", "wires = 9", r"\(in fabric\.wires\)"),
        ('rule = "gradmax_whitened"', 'rule = "random"', r"\(in growth\.rule\)"),
        ("rows = 2", "rows = two", r"config\.toml is no valid TOML"),
        ("rows = 2", "row = 2", r"config\.toml: fabric\.row is unknown; did you mean rows\?"),
    ],
)
def test_a_changed_configuration_is_refused(stopped: Path, old: str, new: str, message: str) -> None:
    change(stopped, old, new)
    before = bytes_of(stopped)
    with pytest.raises(ValueError, match=message):
        resume(stopped, nothing)
    assert bytes_of(stopped) == before


def test_data_may_move(stopped: Path, blobs: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.npz"
    shutil.copy(blobs, moved)
    change(stopped, f'path = "{blobs}"', f'path = "{moved}"')
    assert resume(stopped, nothing).finished


def test_a_folder_in_use_is_refused(stopped: Path) -> None:
    with open_run(stopped).lock(), pytest.raises(ValueError, match="in use by another smalti process"):
        resume(stopped, nothing)


def test_what_a_newer_version_wrote_is_refused(stopped: Path) -> None:
    edit_environment(stopped, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(
        ValueError, match=f"schema {SCHEMA_VERSION + 1}, this smalti knows {SCHEMA_VERSION} at most; update"
    ):
        resume(stopped, nothing)


def test_what_an_older_version_began_is_refused(stopped: Path) -> None:
    edit_environment(stopped, schema_version=SCHEMA_VERSION - 1)
    before = bytes_of(stopped)
    with pytest.raises(ValueError, match=f"begun with tables of schema {SCHEMA_VERSION - 1}.* start a new run"):
        resume(stopped, nothing)
    assert bytes_of(stopped).keys() == before.keys()


def test_an_environment_without_threads_is_refused(stopped: Path) -> None:
    edit_environment(stopped, threads=None)
    with pytest.raises(ValueError, match=r"environment\.json is damaged: .* threads"):
        resume(stopped, nothing)


def edit_environment(folder: Path, **facts: object) -> None:
    file = folder / "environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **facts}), encoding="utf-8")


def test_a_damaged_checkpoint_is_refused(stopped: Path) -> None:
    file = open_run(stopped).checkpoint
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"state\.safetensors is damaged"):
        resume(stopped, nothing)


def test_a_lost_a_strange_and_a_changed_part_are_refused_by_name_and_nothing_is_written(stopped: Path) -> None:
    links, rounds = stopped / "tables/links/part-00000.parquet", stopped / "tables/rounds/part-00000.parquet"
    whole = bytes_of(stopped)

    def refused(message: str) -> None:
        before = bytes_of(stopped)
        with pytest.raises(ValueError, match=message):
            resume(stopped, pytest.fail)
        assert bytes_of(stopped).keys() - {".lock"} == before.keys() - {".lock"}

    for file in (
        rounds,
        links,
        stopped / "tables/neurons/part-00000.parquet",
        stopped / "tables/ports/part-00000.parquet",
    ):
        data = file.read_bytes()
        file.unlink()
        refused(rf"{file.parent.name}/part-00000\.parquet is missing")
        file.write_bytes(data)
    shutil.copy(rounds, rounds.with_name("part-00001.parquet"))
    refused(r"part-00001\.parquet was not written by this run")
    rounds.with_name("part-00001.parquet").unlink()
    table = pd.read_parquet(links)
    table.assign(row=table["row"] + 1).to_parquet(links)
    refused(r"links/part-00000\.parquet was changed since the run wrote it")
    links.write_bytes(whole["tables/links/part-00000.parquet"])
    assert resume(stopped, nothing).finished


def test_other_data_under_the_same_path_is_refused(
    tiny: MakeConfig, blobs: Path, tmp_path: Path, cut_short: CutShort
) -> None:
    data, path = tmp_path / "data.npz", tmp_path / "run"
    shutil.copy(blobs, data)
    cut_short(tiny(stream={"path": str(data)}), path, 2)
    with np.load(blobs) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(data, **arrays | {"y": np.roll(arrays["y"], 1)})
    with pytest.raises(ValueError, match=r"the data .*data\.npz is not what .*run was begun with"):
        resume(path, nothing)
    np.savez_compressed(data, **arrays)  # other bytes, the same data
    assert resume(path, nothing).finished


def test_other_versions_are_said_and_kept(stopped: Path) -> None:
    facts = json.loads((stopped / "environment.json").read_text(encoding="utf-8"))
    edit_environment(stopped, versions={**facts["versions"], "torch": "1.9.0"}, commit="0" * 40)
    with pytest.warns(UserWarning, match=r"goes on with .*torch .* instead of 1\.9\.0.*before and after round 2"):
        resume(stopped, nothing)
    after = json.loads((stopped / "environment.json").read_text(encoding="utf-8"))
    assert after["versions"]["torch"] == "1.9.0"
    assert [(one["round"], one["versions"]) for one in after["resumed"]] == [(2, facts["versions"])]
    resume(stopped, nothing)  # finished: nothing more to say


def test_a_lost_checkpoint_does_not_cost_the_rounds_that_are_written(stopped: Path) -> None:
    file = open_run(stopped).checkpoint
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(ValueError, match=r"state\.safetensors is missing, though 2 rounds were written: restore it"):
        resume(stopped, pytest.fail)
    assert open_run(stopped).rounds_done() == 2
    file.write_bytes(data)
    assert resume(stopped, nothing).finished


def test_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no run folder: it lacks config\.toml and environment\.json"):
        resume(tmp_path, nothing)
