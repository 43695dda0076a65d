from __future__ import annotations

from pathlib import Path

import pytest

from smalti.scheduler.streams.checked import limits


def test_a_small_file_may_become_128_mib_and_a_larger_one_a_hundred_times_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert limits.allowance(file) == 2**27
    file.write_bytes(bytes(2 * 2**20))
    assert limits.allowance(file) == 200 * 2**20
    monkeypatch.setattr(limits, "memory", lambda: 2**26)
    assert limits.allowance(file) == 2**25  # half of what there is


def test_too_much_is_refused_with_both_sizes() -> None:
    limits.check_size("mine: x", 10, 10)
    with pytest.raises(ValueError, match=r"^mine: x would take 3\.6 TiB, and 128\.0 MiB are allowed .*give fewer"):
        limits.check_size("mine: x", 4 * 10**12, 2**27)


@pytest.mark.parametrize(
    ("size", "spelled"),
    [
        (12, "12 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**50, "1.0 PiB"),
        (2**60, "1024.0 PiB"),
        (10**400, "more than a million PiB"),
    ],
)
def test_sizes_are_spelled(size: int, spelled: str) -> None:
    assert limits.spell_bytes(size).replace(",", "") == spelled


@pytest.mark.parametrize(
    "error", [RuntimeError("encrypted"), ZeroDivisionError(), RecursionError("deep"), MemoryError()]
)
def test_any_error_of_a_library_names_the_file(error: Exception) -> None:
    with (
        pytest.raises(ValueError, match=r"^f\.npz: x cannot be read \(\w+\); write it anew$"),
        limits.reading("f.npz: x", "write it anew"),
    ):
        raise error


def test_text_of_a_file_is_shown_without_what_a_terminal_obeys() -> None:
    assert limits.shown("plain") == "plain"
    assert limits.shown("\x1b[31m") == r"\x1b[31m"
    assert limits.shown("x" * 100) == "x" * 60 + "..."
