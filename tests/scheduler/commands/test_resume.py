from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import create_run, open_run
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.fingerprint import fingerprint

Smalti = Callable[..., tuple[int, str, str]]
MakeConfig = Callable[..., Config]


def test_a_finished_run_is_said_to_be_finished(cli: Smalti, finished_run: Path) -> None:
    shutil.copytree(finished_run, "done")
    state = open_run("done").checkpoint.stat().st_mtime_ns
    code, out, err = cli("resume", "done")
    assert (code, err) == (0, "")
    assert out.startswith("done was finished already; nothing has changed\n")
    assert "resources" in out
    assert open_run("done").checkpoint.stat().st_mtime_ns == state


def test_a_run_without_rounds_is_begun(cli: Smalti, tiny: MakeConfig) -> None:
    config = tiny(training={"rounds": 1, "steps": 2})
    facts = {"stream": fingerprint(Simulation(config).stream)}
    create_run("begun", config=dump(config), seed=0, threads=1, facts=facts)
    code, out, _ = cli("resume", "begun")
    assert code == 0
    assert "finished already" not in out
    assert len(open_run("begun").read("rounds")) == 2


def test_what_cannot_be_resumed_gets_one_sentence(cli: Smalti, finished_run: Path) -> None:
    shutil.copytree(finished_run, "newer")
    file = Path("newer/environment.json")
    file.write_text(
        json.dumps({**json.loads(file.read_text(encoding="utf-8")), "schema_version": 99}), encoding="utf-8"
    )
    for folder, message in (("nowhere", "is no run folder"), ("newer", "schema 99"), (".", "is no run folder")):
        code, out, err = cli("resume", folder)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1


def test_a_folder_in_use_is_refused(cli: Smalti, finished_run: Path) -> None:
    shutil.copytree(finished_run, "busy")
    with open_run("busy").lock():
        code, _, err = cli("resume", "busy")
    assert code == 2
    assert "busy is in use by another smalti process; wait for it" in err
