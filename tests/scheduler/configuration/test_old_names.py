"""``old_run`` was written before fields were renamed; of its folder only the checkpoint is left out."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smalti.analysis.anew.activity import spike_counts
from smalti.analysis.runs import load_run
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.scheduler.cli import main, parse
from smalti.scheduler.commands.run import Run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten, from_mapping, load
from smalti.scheduler.configuration.old_names import REMOVED, RENAMED, renewed, renewed_arguments
from smalti.scheduler.runner import resume

OLD = Path(__file__).parent / "old_run"
OUTDATED = "configuration is that of an older version"
NAMES = flatten(Config())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def nested(name: str, value: object) -> dict[str, Any]:
    data = value
    for part in reversed(name.split(".")):
        data = {part: data}
    assert isinstance(data, dict)
    return data


def test_an_old_configuration_is_read_under_todays_names() -> None:
    with pytest.warns(UserWarning, match=OUTDATED) as told:
        config = load(Config, OLD / "config.toml")
    assert len(told) == 1
    assert all(name in str(told[0].message) for name in (*RENAMED, *REMOVED))
    growth = config.growth
    assert (growth.rewiring.steps, growth.newborns, growth.preselection) == (("swap",), NewbornOptions(rate=2.0), 3)
    assert (growth.birth_record, growth.birth_record_at, growth.reserve) == ("", "recorded", 1)
    assert config.fabric.neurons_per_tile == 8


def test_tables_and_configuration_of_an_old_run_are_read() -> None:
    with pytest.warns(UserWarning, match=OUTDATED):
        run = load_run(OLD)
    assert run.config["growth"]["rewiring"]["steps"] == ["swap"]
    rounds, neurons = run.table("rounds"), run.table("neurons")
    assert rounds["round"].tolist() == [0, 1, 2, 3]
    assert rounds["born"].sum() == len(neurons)
    assert set(run.table("evaluations")["setting"]) == {"task", "class", "experts", "gate"}


@pytest.mark.filterwarnings("default")
def test_an_old_run_is_shown_and_reported(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(old)]) == 0
    shown = capsys.readouterr()
    assert "neurons" in shown.out
    assert OUTDATED in shown.err
    pytest.importorskip("jinja2")
    assert main(["report", str(old), "--out", str(old / "new.html")]) == 0
    assert "growth.rewiring.steps" in (old / "new.html").read_text(encoding="utf-8")


def test_an_old_run_is_not_gone_on_with_nor_are_its_neurons_asked(old: Path) -> None:
    with pytest.warns(UserWarning, match=OUTDATED), pytest.raises(ValueError, match=r"schema 3, .* start a new run"):
        resume(old, lambda simulation: None)
    with pytest.warns(UserWarning, match=OUTDATED):
        run = load_run(old)
    with pytest.raises(ValueError, match=r"schema 3, .* only by the version that began it"):
        spike_counts(run)


def test_no_name_of_today_is_in_the_table_and_every_new_one_is() -> None:
    sections = {name[:end] for name in NAMES for end in range(len(name)) if name[end] == "."}
    assert not {*RENAMED, *REMOVED} & {*NAMES, *sections}
    assert set(RENAMED.values()) <= {*NAMES, *sections}
    assert all(old.rpartition(".")[0] == new.rpartition(".")[0] for old, new in RENAMED.items())


@pytest.mark.parametrize("name", REMOVED)
def test_a_field_that_is_gone_is_ignored_at_its_last_default_and_else_refused(name: str) -> None:
    with pytest.warns(UserWarning, match=rf"to be left out: {name} \(it is always {REMOVED[name]}\)"):
        assert from_mapping(Config, nested(name, REMOVED[name])) == Config()
    other = 7.5 if REMOVED[name] is not False else True
    with pytest.raises(ValueError, match=rf"{name} = {other} cannot be had any more: it is always {REMOVED[name]} now"):
        from_mapping(Config, nested(name, other))
    with pytest.warns(UserWarning, match=rf"to be left out: {name} \("):
        assert renewed_arguments([f"--{name}", str(REMOVED[name]), "--seed", "3"]) == ["--seed", "3"]
    with pytest.raises(ValueError, match=f"{name} = {other} cannot be had any more"):
        renewed_arguments([f"--{name}={other}"])


def test_two_names_of_one_field_are_refused() -> None:
    data = {"growth": {"shortlist": 3, "preselection": 4}}
    with pytest.raises(ValueError, match=r"growth\.shortlist is now called growth\.preselection, and both are given"):
        from_mapping(Config, data)


def test_what_is_given_stays_as_it_is() -> None:
    data = {"growth": {"upkeep": {"steps": ["swap"]}}}
    with pytest.warns(UserWarning, match=OUTDATED):
        renewed(data)
    assert data == {"growth": {"upkeep": {"steps": ["swap"]}}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert renewed({"growth": 3, "fabric": {"rows": 2}}) == {"growth": 3, "fabric": {"rows": 2}}


def test_the_command_line_knows_old_names() -> None:
    arguments = ["--growth.upkeep.steps", "swap", "rewire", "--growth.new-taps", "1", "--growth.upbringing.warm-up=3"]
    with pytest.warns(UserWarning, match=r"is now called --growth\.(rewiring|newborns)") as told:
        command = parse(["run", *arguments])
    assert len(told) == 2
    assert isinstance(command, Run)
    growth = replace(Config().growth, new_taps=1, newborns=NewbornOptions(warm_up=3))
    assert command.settings.growth == replace(growth, rewiring=replace(growth.rewiring, steps=("swap", "rewire")))
