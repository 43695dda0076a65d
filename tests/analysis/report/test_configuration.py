from __future__ import annotations

import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smalti.analysis.report.configuration import changes, command, defaults, shown, steps
from smalti.analysis.runs import load_run
from smalti.scheduler import cli
from smalti.scheduler.commands.run import Run
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import dump, flatten


def kept(config: Config) -> dict[str, Any]:
    """As a run folder keeps it."""
    return tomllib.loads(dump(config.resolved()))


def changed(**sections: dict[str, Any]) -> Config:
    base = Config()
    return replace(base, **{name: replace(getattr(base, name), **new) for name, new in sections.items()})


def test_fields_are_named_as_on_the_command_line() -> None:
    assert set(defaults()) == set(flatten(Config()))


def test_the_default_differs_in_nothing() -> None:
    assert changes(kept(Config())) == []
    assert command(kept(Config())) == "smalti run"


def test_differences_come_with_the_default() -> None:
    config = kept(changed(growth={"rule": "random"}, run={"seed": 3}))
    assert changes(config) == [("growth.rule", "random", "gradmax_whitened"), ("run.seed", 3, 0)]


def test_fields_of_other_versions_are_differences_too() -> None:
    config = kept(Config())
    config["growth"]["hormone"] = 2
    del config["fabric"]["rows"]
    assert changes(config) == [("growth.hormone", 2, None)]


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        changed(growth={"rule": "random"}, run={"seed": 3}),
        changed(fabric={"dead_tiles": ((1, 0), (1, 1))}, gating={"trunk": True, "protect": False}),
        changed(stream={"order": (0, 1, 0), "name": "arrays", "path": "it's here/x y.npz"}),
        replace(Config(), run=RunOptions(quick=True)),
    ],
)
def test_the_command_repeats_the_configuration(config: Config) -> None:
    said = command(kept(config))
    assert said is not None
    words = shlex.split(said)
    assert words[:2] == ["smalti", "run"]
    again = cli.parse(words[1:])
    assert isinstance(again, Run)
    assert again.settings.resolved() == config.resolved()


def test_what_the_command_line_cannot_say_is_left_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = {**defaults(), "stream.order": [0, 1]}
    monkeypatch.setattr("smalti.analysis.report.configuration.defaults", lambda: usual)
    assert command(kept(Config())) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "true"),
        (0.5, "0.5"),
        ("", "none"),
        ([], "none"),
        ([0, 1], "0, 1"),
        ([[1, 0], [1, 1]], "(1, 0), (1, 1)"),
        (((1, 0),), "(1, 0)"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_steps_name_commit_and_folder(finished_run: Path) -> None:
    run = load_run(finished_run)
    told = steps(replace(run, environment={"commit": "abc123"}))
    assert told[:2] == ["git checkout abc123", 'pip install -c constraints.txt -e ".[events]"']
    assert told[2].startswith("smalti run --")
    assert told[3] == f"smalti run {finished_run}/config.toml --out {finished_run}-again"
    assert steps(replace(run, environment={}))[0] == 'pip install "smalti[events]"'  # installed, without a checkout
