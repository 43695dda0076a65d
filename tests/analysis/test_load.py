from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.load import load_run


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
