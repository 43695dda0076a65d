from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from smalti.scheduler.cli import parse
from smalti.scheduler.commands.printing.progress import following
from smalti.scheduler.commands.run import Run
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import dump, load
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.configuration.presets import kept
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import STREAMS, StreamOptions
from smalti.scheduler.streams.presets import PRESETS

PRESET = {"training.rounds": 4, "growth.rule": "random", "stream.setting": "joint", "fabric.dead_tiles": [[0, 1]]}


@pytest.fixture(autouse=True)
def _mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAMS, "mine", STREAMS["digits"])
    monkeypatch.setitem(PRESETS, "mine", PRESET)


def facts(config: Config) -> tuple[object, ...]:
    return config.stream.name, config.training.rounds, config.growth.rule, config.stream.setting


def command(*words: str) -> Config:
    asked = parse(["run", *words])
    assert isinstance(asked, Run)
    return asked.settings


def file(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_says_what_nobody_says(tmp_path: Path) -> None:
    whole = file(tmp_path, '[stream]\nname = "mine"\n')
    ways = [
        configure("mine"),
        configure({"stream.name": "mine"}),
        configure(None, {"name": "mine"}),
        configure(whole),
        load(Config, whole),
        command("--stream.name", "mine"),
        command("--stream.name=mine"),
        command(str(whole)),
    ]
    for config in ways:
        assert facts(config) == ("mine", 4, "random", "joint")
        assert config.fabric.dead_tiles == ((0, 1),)
        assert kept(config).keys() == PRESET.keys()


def test_whatever_is_said_comes_before_it(tmp_path: Path) -> None:
    some = file(tmp_path, '[stream]\nname = "mine"\n[training]\nrounds = 10\n')
    assert facts(configure("mine", {"rounds": 10})) == ("mine", 10, "random", "joint")
    assert facts(configure({"stream": StreamOptions(name="mine")})) == ("mine", 4, "random", "class")
    assert facts(configure(some, {"rule": "gradmax"})) == ("mine", 10, "gradmax", "joint")
    assert facts(command(str(some))) == ("mine", 10, "random", "joint")
    assert facts(command("--training.rounds", "10", "--stream.name", "mine")) == ("mine", 10, "random", "joint")
    assert kept(configure(some)).keys() == PRESET.keys() - {"training.rounds"}


def test_the_stream_of_the_command_line_has_the_preset_not_that_of_the_file(tmp_path: Path) -> None:
    whole = file(tmp_path, '[stream]\nname = "mine"\n')
    usual = Config()
    assert command(str(whole), "--stream.name", "digits") == usual
    other = file(tmp_path, '[stream]\nname = "digits"\n')
    assert facts(command(str(other), "--stream.name", "mine")) == ("mine", 4, "random", "joint")


def test_a_configuration_is_complete() -> None:
    config = Config(stream=StreamOptions(name="mine"))
    assert configure(config) == config
    assert facts(configure(config)) == ("mine", 10, "gradmax_whitened", "class")
    assert kept(Config()) == {}


def test_a_run_writes_it_down_and_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure("mine", {"quick": True, "rounds": 2, "stream.limit": 6})
    seen = io.StringIO()
    with following(Console(file=seen, width=200), tmp_path / "run") as watch:
        start(config, tmp_path / "run", watch, begun=watch)
    said = "preset of mine: growth.rule = random, stream.setting = joint, fabric.dead_tiles = ((0, 1),)"
    assert said in seen.getvalue().splitlines()
    written = load(Config, tmp_path / "run" / "config.toml")
    assert facts(written) == ("mine", 2, "random", "joint")
    assert dump(written) == (tmp_path / "run" / "config.toml").read_text(encoding="utf-8")
    monkeypatch.setitem(PRESETS, "mine", {"training.rounds": 7, "growth.rule": "gradmax"})
    again = resume(tmp_path / "run", lambda simulation: None)
    assert again.finished
    assert facts(again.config) == ("mine", 2, "random", "joint")


def test_quick_shortens_what_the_preset_says_once() -> None:
    config = configure("mine", {"quick": True})
    assert config.resolved().training.rounds == 3
    assert config.resolved().resolved() == config.resolved()
    assert Simulation(replace(config, run=RunOptions(quick=True))).config == config.resolved()


def test_a_field_that_is_unknown_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "mine", {"training.round": 4})
    with pytest.raises(ValueError, match=r"training\.round is unknown; did you mean rounds\?"):
        configure("mine")


def test_presets_that_there_are_can_be() -> None:
    for name in PRESETS:
        assert kept(configure(name)).keys() == PRESETS[name].keys()


@pytest.mark.parametrize("text", ["kinds = {}", "[network.kinds]"])
def test_an_empty_mapping_takes_nothing_from_it_and_stays_empty(tmp_path: Path, text: str) -> None:
    """Neurons of no kind on a stream whose preset has two, in the file of the run as well."""
    whole = file(tmp_path, f'[stream]\nname = "cognitive"\n[network]\n{text}\n')
    config = configure(whole)
    assert config.network.kinds == {}
    assert config.training.rounds == PRESETS["cognitive"]["training.rounds"]
    (again := tmp_path / "again.toml").write_text(dump(config), encoding="utf-8")
    assert load(Config, again) == config
    assert configure("cognitive", {"network": {"kinds": {"one": {"tau_ms": 9.0}}}}).network.kinds.keys() >= {
        "one",
        "fast",
    }
