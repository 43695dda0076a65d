"""The plug-in of CONTRIBUTING.md, used as it says there: own rule, stream and gate, by the command line alone."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
# what the console script does: the current folder is not on its path
SCRIPT = "import sys; sys.path.remove(''); from smalti.scheduler.cli import main; sys.exit(main())"
STOPPED = """
from pathlib import Path
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.runner import start
def stop(simulation):
    if simulation.round == 2:
        raise KeyboardInterrupt
try:
    start(load(Config, "first/config.toml"), Path("stopped"), stop)
except KeyboardInterrupt:
    pass
"""


def blocks(kind: str) -> str:
    """The block of this kind in the section on plug-ins."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## A plug-in", 1)[1].split("\n## ", 1)[0]
    (found,) = re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    return str(found)


def say(*words: str, at: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, whose only way to the plug-in is the current folder."""
    told = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", SCRIPT, *words], cwd=at, env=told, capture_output=True, text=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plug-in and what its commands have left; none of them failed."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "mylab.py").write_text(blocks("python"), encoding="utf-8")
    (folder / "lab.toml").write_text(blocks("toml"), encoding="utf-8")
    for line in blocks("sh").splitlines():
        program, *words = shlex.split(line)
        assert program == "smalti"
        answer = say(*words, at=folder)
        assert answer.returncode == 0, f"{line}\n{answer.stderr}"
    return folder


def test_a_run_uses_the_parts_and_remembers_the_module(lab: Path) -> None:
    config = tomllib.loads((lab / "first" / "config.toml").read_text(encoding="utf-8"))
    assert config["run"]["imports"] == ["mylab"]
    assert (config["stream"]["name"], config["gating"]["network"]) == ("bars", "fired")
    neurons = pd.read_parquet(lab / "first" / "tables" / "neurons")
    assert "ternary" in set(neurons["rule"])
    assert len(pd.read_parquet(lab / "first" / "tables" / "rounds")) == 4 * 3  # tasks of two bars, quick


def test_a_stopped_run_goes_on_to_the_same_tables(lab: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", STOPPED], cwd=lab, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert answer.returncode == 0
    assert len(pd.read_parquet(lab / "stopped" / "tables" / "rounds")) == 2
    assert say("resume", "stopped", "--report", "False", at=lab).returncode == 0
    for name in ("rounds", "neurons", "links"):
        whole, again = (pd.read_parquet(lab / run / "tables" / name) for run in ("first", "stopped"))
        timeless = [column for column in whole.columns if not column.startswith("seconds")]
        pd.testing.assert_frame_equal(whole[timeless], again[timeless])


def test_two_workers_have_the_module_too(lab: Path) -> None:
    table = pd.read_parquet(lab / "lab" / "trials.parquet")
    assert set(table["status"]) == {"done"}
    assert len(table) == 4
    used = pd.concat(
        pd.read_parquet(lab / "lab" / "trials" / name / "tables" / "neurons") for name in table["trial"].astype(str)
    )
    assert {"ternary", "random"} <= set(used["rule"])


def test_help_and_errors_know_the_names_that_were_added(lab: Path) -> None:
    told = say("--import", "mylab", "run", "--help-all", at=lab).stdout
    assert re.search(r"growth\.rule:[^.]*ternary", " ".join(told.split()))
    assert re.search(r"stream\.name:[^.]*bars", " ".join(told.split()))
    assert "bars" in say("--import=mylab", "data", at=lab).stdout
    wrong = say("--import", "mylab", "run", "--stream.name", "barz", at=lab)
    assert wrong.returncode == 2
    assert "did you mean bars?" in " ".join(wrong.stderr.split())


def test_the_module_can_be_named_in_the_options_of_a_run(lab: Path) -> None:
    words = ["--run.imports", "mylab", "--stream.name", "bars", "--gating.network", "fired", "--run.quick", "True"]
    answer = say("run", *words, "--training.rounds", "1", "--report", "False", "--out", "named", at=lab)
    assert answer.returncode == 0, answer.stderr
    assert tomllib.loads((lab / "named" / "config.toml").read_text(encoding="utf-8"))["run"]["imports"] == ["mylab"]


def test_an_installed_package_needs_no_naming(lab: Path, tmp_path: Path) -> None:
    facts = tmp_path / "mylab-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1.0\n", encoding="utf-8")
    entries = "[smalti.plugins]\nmylab = mylab\nbroken = nowhere_to_be_found\n"
    (facts / "entry_points.txt").write_text(entries, encoding="utf-8")
    (tmp_path / "mylab.py").write_text(blocks("python"), encoding="utf-8")
    told = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-c", SCRIPT, "data"]
    answer = subprocess.run(command, cwd=lab.parent, env=told, capture_output=True, text=True)
    assert answer.returncode == 0
    assert "bars" in answer.stdout
    assert "the plug-in broken" in " ".join(answer.stderr.split())


def test_a_module_that_is_missing_is_named_with_the_cure(lab: Path, tmp_path: Path) -> None:
    answer = say("resume", str(lab / "first"), at=tmp_path)
    said = " ".join(answer.stderr.split())
    assert answer.returncode == 2
    assert "there is no module 'mylab'" in said
    assert "mylab.py" in said
    assert "PYTHONPATH" in said
