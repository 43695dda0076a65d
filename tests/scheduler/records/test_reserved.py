from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread

import pytest

from smalti.scheduler.records.reserved import reserved


def test_names_are_counted_up_and_kept(tmp_path: Path) -> None:
    with reserved(tmp_path / "runs", "digits") as first, reserved(tmp_path / "runs", "digits") as second:
        assert (first.name, second.name) == ("digits-001", "digits-002")
    assert first.is_dir()
    (tmp_path / "runs" / "digits-003").write_text("a file")
    with reserved(tmp_path / "runs", "digits") as fourth:
        assert fourth.name == "digits-004"


def test_after_an_error_nothing_empty_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), reserved(tmp_path / "runs", "digits"):
        raise KeyboardInterrupt
    assert not (tmp_path / "runs").exists()


def test_after_an_error_what_was_written_stays(tmp_path: Path) -> None:
    def fail_late() -> None:
        with reserved(tmp_path / "runs", "digits") as path:
            (path / "config.toml").write_text("")
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        fail_late()
    assert (tmp_path / "runs" / "digits-001" / "config.toml").exists()


def test_many_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    together, taken = Barrier(8), list[Path]()

    def take() -> None:
        together.wait()
        with reserved(tmp_path / "runs", "digits") as path:
            taken.append(path)

    threads = [Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in taken) == [f"digits-{number:03d}" for number in range(1, 9)]
