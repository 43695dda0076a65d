from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.config import Config, RunOptions
from scheduler.config_io import dump, flatten, from_mapping, load


def test_quick_shrinks_what_takes_long_and_nothing_else() -> None:
    quick = Config(run=RunOptions(quick=True)).resolved()
    changed = {name for name, value in flatten(quick).items() if value != flatten(Config())[name]}
    expected = {"training.rounds", "training.steps", "training.warm_up", "growth.probe", "stream.limit", "run.quick"}
    assert changed == expected
    assert (quick.training.rounds, quick.training.steps, quick.stream.limit, quick.growth.probe) == (3, 10, 30, 64)
    assert quick.resolved() == quick


def test_quick_leaves_what_is_smaller_already() -> None:
    small = {"training": {"rounds": 2, "steps": 3, "warm_up": 0}, "stream": {"limit": 5}, "growth": {"probe": 8}}
    config = from_mapping(Config, {**small, "run": {"quick": True}})
    assert config.resolved() == config


def test_without_quick_nothing_changes() -> None:
    assert Config().resolved() == Config()


@pytest.mark.parametrize(("field", "value"), [("seed", -1), ("threads", 0)])
def test_impossible_options_of_the_run_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"run\.{field} = {value} must"):
        replace(RunOptions(), **{field: value})


def test_a_file_with_all_defaults_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(dump(Config()), encoding="utf-8")
    assert load(Config, path) == Config()


def test_every_field_is_described_in_the_file() -> None:
    lines = dump(Config()).splitlines()
    fields = [number for number, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(fields) == len(flatten(Config()))
    assert all(lines[number - 1].startswith("# ") for number in fields)
