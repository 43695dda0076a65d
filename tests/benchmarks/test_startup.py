from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import startup
from benchmarks.startup import Startup, main, measure, once


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
    main(Startup(repeats=1, subjects=tuple(subjects), json=tmp_path / "found.json"))
    found = {row["subject"]: row for row in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))}
    assert not found["import smalti"]["torch"]
    assert not found["smalti --help"]["torch"]
    assert found["smalti run --help-all"]["torch"]
    assert found["import smalti"]["user"] < found["smalti run --help-all"]["user"]
    assert "smalti run --help-all" in capsys.readouterr().out


def test_repeats_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="--repeats 0 must be at least 1"):
        Startup(repeats=0)


def test_subjects_and_checkouts_are_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--subjects 'smalti ruin' is unknown; take some of 'import smalti', "):
        Startup(subjects=("smalti ruin",))
    with pytest.raises(ValueError, match=r"--against .* is no checkout of smalti"):
        Startup(against=tmp_path)


def test_another_checkout_is_measured_in_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "smalti").mkdir()
    slow = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: sum(range(100_000))\n"
    (tmp_path / "smalti" / "__init__.py").write_text(slow)
    own, other = measure("import smalti", Startup(repeats=1, against=tmp_path))
    assert (own.checkout, other.checkout) == ("this", str(tmp_path))
    assert other.user > own.user + 0.3
    main(Startup(repeats=1, subjects=("import smalti",), against=tmp_path))
    assert "times the user CPU in" in capsys.readouterr().out
