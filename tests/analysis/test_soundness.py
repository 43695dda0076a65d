from __future__ import annotations

import copy
import json
import pickle
import shutil
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.outcomes import headline, outcomes
from smalti.analysis.runs import load_run


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A finished run that may be damaged."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rows = 2", "rows = 0", r"config\.toml is damaged: fabric\.rows = 0 cannot be"),
        ("rows = 2", "rows = 9223372036854775808", r"config\.toml is damaged: fabric\.rows = 92"),
        ("dead_tiles = []", "dead_tiles = [1]", r"config\.toml is damaged: fabric\.dead_tiles = \[1\] cannot be"),
        ('setting = "class"', "setting = 3", r"config\.toml is damaged: stream\.setting = 3 cannot be"),
        ('setting = "class"', "", r"config\.toml is damaged: it lacks stream\.setting"),
        ("order = []", 'order = "x"', r"config\.toml is damaged: stream\.order = 'x' cannot be"),
        ("[fabric]", "fabric = 3\n[fibre]", r"config\.toml is damaged: fabric = 3 must be a section"),
        ("[fabric]", "a = " + "[" * 900 + "]" * 900 + "\n[fabric]", "nests lists or sections"),
    ],
)
def test_a_damaged_configuration_is_named(run: Path, old: str, new: str, message: str) -> None:
    file = run / "config.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        headline(load_run(run))


@pytest.mark.parametrize(
    ("name", "value"),
    [("schema_version", None), ("schema_version", True), ("experiences", "x"), ("experiences", -1), ("versions", [])],
)
def test_damaged_facts_are_named(run: Path, name: str, value: object) -> None:
    file = run / "environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(ValueError, match=rf"environment\.json is damaged: {name} = "):
        load_run(run)


def test_facts_that_are_nested_without_end_are_named(run: Path) -> None:
    (run / "environment.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"environment\.json is damaged"):
        load_run(run)


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("rounds", "operations", None, "it lacks the column operations"),
        ("evaluations", "accuracy", None, "it lacks the column accuracy"),
        ("evaluations", "samples", "x", "its column samples holds .*, not int64"),
        ("evaluations", "on", 0.5, "its column on holds float64, not int32"),
        ("neurons", "kind", 3, "its column kind holds int64, not string"),
        ("rounds", "seconds_train", float("nan"), "its column seconds_train holds what is no time"),
        ("rounds", "seconds_other", float("inf"), "its column seconds_other holds what is no time"),
        ("rounds", "seconds_other", -1.0, "its column seconds_other holds what is no time"),
    ],
)
def test_a_table_without_a_column_or_of_other_values_is_named(
    run: Path, table: str, column: str, value: object, message: str
) -> None:
    for part in (run / "tables" / table).glob("*.parquet"):
        rows = pd.read_parquet(part)
        (rows.drop(columns=column) if value is None else rows.assign(**{column: value})).to_parquet(part)
    with pytest.raises(ValueError, match=f"tables/{table} is damaged: {message}"):
        outcomes(load_run(run))


def test_a_configuration_can_be_copied_and_sent_to_a_worker(run: Path) -> None:
    config = load_run(run).config
    for same in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert same == config
        with pytest.raises(ValueError, match=r"it lacks fabric\.colour"):
            same["fabric"]["colour"]
