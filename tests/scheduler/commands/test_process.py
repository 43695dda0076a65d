"""The command line as a process: exit codes, streams, what it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SLOW_IMPORTS = ("mesa", "pandas", "sklearn", "scipy.optimize", "pyarrow", "matplotlib")


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smalti.scheduler.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_help_waits_for_nothing_that_it_does_not_need() -> None:
    code = f"""
import sys
from smalti.scheduler.cli import main
try:
    main(["run", "--help-all"])
except SystemExit as stopped:
    assert not stopped.code
print("imported:", *(set({SLOW_IMPORTS}) & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("imported:\n")
    for piece in ("--fabric.rows", "--growth.rule", "--run.quick", "--out", "--growth.max_neurons"):
        assert piece in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"), [(("resume", "nowhere"), "is no run folder"), (("frobnicate",), "frobnicate")]
)
def test_errors_go_to_stderr_with_an_exit_code(arguments: tuple[str, ...], message: str) -> None:
    answer = cli(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_reader_that_leaves_early_is_no_error(finished_run: Path) -> None:
    command = f"{sys.executable} -m smalti.scheduler.cli show {finished_run} --table ports | head -1"
    answer = subprocess.run(command, cwd=ROOT, shell=True, capture_output=True, text=True, check=True)
    assert answer.stdout.split()[0] == "round"
    assert answer.stderr == ""
