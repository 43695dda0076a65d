"""Scripts say in one line what a user can mend."""

from __future__ import annotations

import pytest

from benchmarks import few_shot
from benchmarks.script import script


def test_what_a_user_can_mend_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["few_shot.py", "/nowhere.zip"])
    with pytest.raises(SystemExit) as end:
        script(few_shot.main)
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith("error: stream.path = '/nowhere.zip': there is no such file")
    assert said.count("\n") == 1


def test_other_errors_are_not_hidden() -> None:
    def broken() -> None:
        raise KeyError("a fault of the script")

    with pytest.raises(KeyError):
        script(broken)
