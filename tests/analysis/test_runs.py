from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.runs import load_run, load_runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    rounds = run / "tables" / "rounds"
    rounds.mkdir(parents=True)
    (run / "tables" / "bids").mkdir()  # opened, nothing written
    (run / "config.toml").write_text("[fabric]\nrows = 3\n", encoding="utf-8")
    (run / "environment.json").write_text('{"seed": 7}', encoding="utf-8")
    for part in (0, 1, 10):
        pd.DataFrame({"round": [part], "loss": [part / 2]}).to_parquet(rounds / f"part-{part:05d}.parquet")
    return run


def test_opens_config_environment_and_tables(folder: Path) -> None:
    run = load_run(str(folder))
    assert run.config == {"fabric": {"rows": 3}}
    assert run.environment == {"seed": 7}
    assert run.tables == ("rounds",)
    assert run.table("rounds")["round"].tolist() == [0, 1, 10]


def test_reads_what_was_written_since(folder: Path) -> None:
    run = load_run(folder)
    pd.DataFrame({"round": [11], "loss": [0.0]}).to_parquet(folder / "tables" / "rounds" / "part-00011.parquet")
    assert run.table("rounds")["round"].tolist() == [0, 1, 10, 11]


@pytest.mark.parametrize("name", ["bids", "nothing"])
def test_names_the_tables_there_are(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"no table '{name}'; it has \['rounds'\]"):
        load_run(folder).table(name)


def test_refuses_folders_that_are_no_run(folder: Path) -> None:
    with pytest.raises(ValueError, match="is no folder"):
        load_run(folder / "absent")
    with pytest.raises(ValueError, match=r"lacks config\.toml and environment\.json"):
        load_run(folder / "tables")
    (folder / "environment.json").unlink()
    with pytest.raises(ValueError, match=r"lacks environment\.json"):
        load_run(folder)


@pytest.mark.parametrize(
    ("name", "text"), [("config.toml", "rows ="), ("environment.json", "{"), ("environment.json", "[]")]
)
def test_names_a_damaged_file(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        load_run(folder)


def test_a_run_without_tables_is_a_run(folder: Path, tmp_path: Path) -> None:
    (folder / "tables").rename(tmp_path / "elsewhere")
    assert load_run(folder).tables == ()


def test_tables_stay_in_memory_where_that_is_asked_for(finished_run: Path) -> None:
    fresh, kept = load_run(finished_run), load_run(finished_run, keep=True)
    assert kept.table("rounds") is kept.table("rounds")
    assert fresh.table("rounds") is not fresh.table("rounds")
    pd.testing.assert_frame_equal(kept.table("rounds"), fresh.table("rounds"))


def make_run(path: Path, config: str, loss: list[float], version: int = 3, **extra: object) -> None:
    (path / "tables" / "rounds").mkdir(parents=True)
    (path / "config.toml").write_text(config, encoding="utf-8")
    (path / "environment.json").write_text(f'{{"schema_version": {version}}}', encoding="utf-8")
    table = pd.DataFrame({"round": range(len(loss)), "loss": loss, **extra})
    table.to_parquet(path / "tables" / "rounds" / "part-00000.parquet")


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    place = tmp_path / "sweep" / "trials"
    make_run(place / "a", '[run]\nseed = 0\n[growth]\nrule = "tiny"\n[fabric]\nrows = 2\ndead_tiles = []\n', [1.0, 0.5])
    make_run(
        place / "b", '[run]\nseed = 1\n[growth]\nrule = "tiny"\n[fabric]\nrows = 2\ndead_tiles = [[0, 1]]\n', [3.0]
    )
    make_run(place / "old", '[run]\nseed = 1\n[growth]\nrule = "raw"\n', [2.0], version=2, born=[4])
    (place / ".half").mkdir()
    (place / "notes.txt").write_text("", encoding="utf-8")
    return place


def test_many_runs_are_one_long_table(trials: Path) -> None:
    runs = load_runs(trials)
    assert runs.varied == ("run.seed", "growth.rule", "fabric.dead_tiles")
    table = runs.table("rounds")
    assert table.columns.tolist() == ["run", *runs.varied, "round", "loss", "born"]
    assert table["run"].tolist() == ["a", "a", "b", "old"]
    assert table["growth.rule"].tolist() == ["tiny", "tiny", "tiny", "raw"]
    assert table["fabric.dead_tiles"].tolist() == [(), (), ((0, 1),), None]
    assert table["loss"].tolist() == [1.0, 0.5, 3.0, 2.0]
    assert table.groupby(["growth.rule", "run.seed"])["loss"].mean().to_dict() == {
        ("raw", 1): 2.0,
        ("tiny", 0): 0.75,
        ("tiny", 1): 3.0,
    }
    assert runs.settings()["run.seed"].tolist() == [0, 1, 1]


@pytest.mark.parametrize("given", ["whole", "trials", "each", "text"])
def test_runs_are_found_in_their_folder_and_that_of_a_sweep(trials: Path, given: str) -> None:
    paths = {
        "whole": trials.parent,
        "trials": trials,
        "each": [trials / "b", trials / "a", trials / "old"],
        "text": str(trials),
    }
    assert sorted(name for name, _ in load_runs(paths[given])) == ["a", "b", "old"]


def test_runs_of_one_name_are_told_apart_by_their_folders(trials: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "other" / "a", "[run]\nseed = 5\n", [0.0])
    runs = load_runs([trials / "a", tmp_path / "other"])
    assert list(runs.runs) == ["sweep/trials/a", "other/a"]
    assert runs.varied == ("run.seed",)


def test_equal_runs_differ_in_nothing(finished_run: Path) -> None:
    runs = load_runs([finished_run])
    assert runs.varied == ()
    neurons = runs.table("neurons")
    pd.testing.assert_frame_equal(neurons.drop(columns="run"), load_run(finished_run).table("neurons"))


def test_refuses_what_holds_no_runs(trials: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty is no run folder \(it lacks .*\) and contains none"):
        load_runs(tmp_path / "empty")
    with pytest.raises(ValueError, match="is no folder"):
        load_runs([trials, tmp_path / "absent"])
    with pytest.raises(ValueError, match="no folder is given"):
        load_runs([])
    with pytest.raises(ValueError, match=r"trials/a is given twice"):
        load_runs([trials, trials / "a"])
    with pytest.raises(ValueError, match=r"none of the 3 runs has a table 'bids'; they have \['rounds'\]"):
        load_runs(trials).table("bids")


def test_names_a_damaged_part_of_a_table(trials: Path) -> None:
    part = trials / "b" / "tables" / "rounds" / "part-00001.parquet"
    part.write_bytes((part.parent / "part-00000.parquet").read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"b/tables/rounds/part-00001\.parquet is damaged"):
        load_runs(trials).table("rounds")


def test_refuses_a_newer_schema(trials: Path) -> None:
    (trials / "b" / "environment.json").write_text('{"schema_version": 99}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"b was written with schema 99, this smalti knows \d+ at most; update it"):
        load_runs(trials)
    (trials / "b" / "environment.json").write_text('{"schema_version": "x"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"environment\.json is damaged: schema_version = 'x'"):
        load_run(trials / "b")


def test_a_notebook_shows_texts_of_a_foreign_run_as_text(foreign_run: Path) -> None:
    shown = load_run(foreign_run)._repr_html_()
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert "<img" not in shown
