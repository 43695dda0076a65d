from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import startup
from benchmarks.startup import Startup, main, once


def test_an_interpreter_is_timed_and_asked_for_torch() -> None:
    busy = "import sys, time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: sum(range(100_000))"
    user, seconds, torch = once(busy)
    assert 0.25 < user < 2
    assert seconds > 0.25
    assert not torch
    with pytest.raises(ValueError, match=r"it failed: (.|\n)*ZeroDivisionError"):
        once("1 / 0")


def test_what_is_measured_says_truly_whether_it_has_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subjects = {name: startup.SUBJECTS[name] for name in ("import smalti", "smalti --help", "smalti run --help-all")}
    monkeypatch.setattr(startup, "SUBJECTS", subjects)
    main(Startup(repeats=1, json=tmp_path / "found.json"))
    found = {row["subject"]: row for row in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))}
    assert not found["import smalti"]["torch"]
    assert not found["smalti --help"]["torch"]
    assert found["smalti run --help-all"]["torch"]
    assert found["import smalti"]["user"] < found["smalti run --help-all"]["user"]
    assert "smalti run --help-all" in capsys.readouterr().out


def test_repeats_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="--repeats 0 must be at least 1"):
        Startup(repeats=0)
