from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import smalti
from smalti.scheduler.cli import main
from smalti.scheduler.commands.parsing.overview import ENTRIES, overview

ROOT = Path(__file__).resolve().parents[4]
TORCH = """
import sys
from smalti.scheduler.cli import main
try:
    main({!r})
finally:
    print("torch" in sys.modules)
"""


def leave(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code


@pytest.mark.parametrize("name", ENTRIES)
def test_each_line_is_the_first_of_the_commands_docstring(name: str) -> None:
    entry = ENTRIES[name]
    command = getattr(importlib.import_module(f"smalti.scheduler.commands.{entry.module}"), entry.name)
    assert (inspect.getdoc(command) or "").splitlines()[0] == entry.line
    assert callable(command.execute)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_overview_names_every_command_and_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    told = overview().partition("commands:")[2].partition("first steps")[0]
    for name, entry in ENTRIES.items():
        assert f"\n  {name} " in told
        assert entry.line in " ".join(told.split())
    assert max(map(len, told.splitlines())) <= min(columns, 120)


def test_without_a_command_the_overview_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave() == 0
    told = capsys.readouterr().out
    assert leave("--help") == leave("-h") == 0
    assert capsys.readouterr().out == 2 * told


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("--version") == 0
    assert capsys.readouterr().out == f"smalti {smalti.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "there is no command rum; did you mean run?"),
        (["--verbose"], "there is no option --verbose"),
        (["--imprt", "mylab", "run"], "there is no option --imprt; did you mean --import?"),
    ],
)
def test_what_there_is_not_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(*arguments) == 2
    assert message in capsys.readouterr().err


def test_an_import_without_a_module_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--import"]) == 2
    assert "--import stands without a module" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["data"], *([name, "--help"] for name in ENTRIES)],
    ids=" ".join,
)
def test_what_only_tells_something_does_without_torch(arguments: list[str], tmp_path: Path) -> None:
    told = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", TORCH.format(arguments)]
    answer = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "False"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    told = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "smalti", "--version"]
    answer = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, check=True)
    assert answer.stdout == f"smalti {smalti.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_are_told_how_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not leave("--completion", shell)
    told = capsys.readouterr().out
    for piece in (*ENTRIES, "--growth.max_neurons", "--no_report"):
        assert piece in told


@pytest.mark.parametrize("shells", [[], ["tcsh"], ["bash", "zsh"]])
def test_other_shells_are_refused(shells: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", *shells]) == 2
    assert "--completion needs the name of a shell: bash, zsh" in capsys.readouterr().err
