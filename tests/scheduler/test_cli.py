from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.cli import main
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load

QUICK = ["--run.quick", "True", "--training.steps", "3", "--training.rounds", "2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "run"
    assert main(["run", "--seed", "3", "--growth.rule", "random", "--out", str(path), *QUICK]) == 0
    return path


def test_options_of_the_command_line_reach_the_run(run: Path) -> None:
    config = load(Config, run / "config.toml")
    assert (config.run.seed, config.growth.rule, config.training.steps) == (3, "random", 3)


def test_show_prints_configuration_chip_and_results(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(run)]) == 0
    shown = capsys.readouterr().out
    for piece in ("growth.rule", "the chip, north above", "class-incremental", "neurons", "smalti show", "●", "■"):
        assert piece in shown


def test_show_prints_a_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(run), "--table", "rounds"]) == 0
    assert "hop_spikes_per_sample" in capsys.readouterr().out
    assert main(["show", str(run), "--table", "nonsense"]) == 2


def test_show_draws_the_chip(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `plot`")
    assert main(["show", str(run), "--picture", str(tmp_path / "chip.svg")]) == 0
    assert "</svg>" in (tmp_path / "chip.svg").read_text()
    assert main(["show", str(run), "--picture", str(tmp_path / "chip.xyz")]) == 2


def test_init_writes_the_defaults_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my.toml"
    assert main(["init", str(file)]) == 0
    assert load(Config, file) == Config()
    assert "# rows of neuron tiles" in file.read_text()
    assert main(["init", str(file)]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_configuration_file_is_the_default_of_all_options(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[fabric]\nrows = 2\n[growth]\nbirths = 3\n")
    out = tmp_path / "run"
    assert main(["run", str(file), "--growth.births", "2", "--out", str(out), *QUICK]) == 0
    config = load(Config, out / "config.toml")
    assert (config.fabric.rows, config.growth.births) == (2, 2)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[fabric]\nrowz = 3\n", "rows"),
        ("[fabrik]\nrows = 3\n", "fabric"),
        ("[fabric]\nrows = 'three'\n", "rows"),
        ("[fabric]\nrows = 0\n", "fabric.rows = 0 must be at least 1"),
        ("[fabric\nrows = 3\n", "line 1"),
        ("[fabric]\ncols = 2\n[stream]\npool = -1\n", "64 channels"),
        ("[fabric]\nrows = 30\n", "time steps are too few"),
        ("[fabric]\nneurons_per_tile = 2\n", "raise fabric.neurons_per_tile"),
        ("[fabric]\ndead_tiles = [[0,0],[0,1],[0,2],[0,3]]\n", "no live tile is left in the north row"),
        ("[growth]\nrule = 'nonsense'\n", "gradmax_whitened"),
        ("[gating]\nnetwork = 'nonsense'\n", "gaussian"),
        ("[stream]\nname = 'nonsense'\n", "digits"),
        ("[stream]\nname = 'fsdd'\n", "stream.path"),
        ("[stream]\nname = 'fsdd'\npath = 'nowhere.zip'\n", "nowhere.zip"),
    ],
)
def test_bad_configurations_get_one_sentence_and_leave_nothing(
    toml: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "bad.toml", tmp_path / "out"
    file.write_text(toml)
    assert main(["run", str(file), "--out", str(out)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error:")
    assert len(said.splitlines()) == 1
    assert message in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.full((30, 4), np.nan), "y": np.arange(30) % 2}, "NaN"),
        ({"x": np.zeros((30, 4)), "y": np.arange(30) % 2 - 1}, "y contains -1"),
        ({"x": np.full((30, 4), 7.0), "y": np.arange(30) % 2}, "0..1"),
        ({"x": np.zeros((30, 4))}, "y"),
    ],
)
def test_bad_arrays(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    command = ["run", "--stream.name", "arrays", "--stream.path", str(tmp_path / "bad.npz")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "bad.npz" in said
    assert not (tmp_path / "out").exists()


def test_a_taken_folder_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--out", str(run), *QUICK]) == 2
    assert "is taken" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "resume"])
def test_what_is_no_run_folder_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path)]) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_a_newer_schema_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "newer"
    copy.mkdir()
    (copy / "config.toml").write_text((run / "config.toml").read_text())
    facts = json.loads((run / "environment.json").read_text())
    (copy / "environment.json").write_text(json.dumps({**facts, "schema_version": 99}))
    assert main(["resume", str(copy)]) == 2
    assert "schema 99" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["run", "--fabric.rows", "0"], ["run", "--fabric.rowz", "3"], ["frobnicate"]])
def test_bad_arguments_exit_with_an_error(arguments: list[str]) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as left:
        code = left.code
    assert code == 2
