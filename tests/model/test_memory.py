from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from smalti.model import memory


def test_what_there_is_lies_below_what_the_machine_has() -> None:
    page, pages = (memory.os.sysconf(name) for name in ("SC_PAGE_SIZE", "SC_PHYS_PAGES"))
    assert 0 < memory.available_bytes() < 2 * page * pages  # swap may add something


def test_what_fits_passes_and_what_does_not_says_all_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2_000_000_000)
    memory.require(2_000_000_000, "it", "its size")
    message = "it would take at least 3 GB of memory, and this machine has 2 GB left; lower its size"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        memory.require(3_000_000_000, "it", "its size")
    with pytest.raises(ValueError, match="and cuda:1 has 2 GB left"):
        memory.require(10**30, "it", "its size", torch.device("cuda:1"))


def test_limits_of_a_container_and_of_the_shell_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUPS", (str(tmp_path / "absent"), str(limit)))
    limit.write_text("max\n")
    whole = memory.available_bytes()
    assert whole > 1_000_000
    limit.write_text("1000000\n")
    assert memory.available_bytes() == 1_000_000
    monkeypatch.setattr(memory.resource, "getrlimit", lambda which: (500_000, -1))
    assert memory.available_bytes() == 0  # this process has more already
    monkeypatch.setattr(memory, "PAGES", "/absent")
    assert memory.available_bytes() == 500_000


def test_where_the_system_does_not_say_what_is_free_all_of_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEMINFO", "/absent")
    page, pages = (memory.os.sysconf(name) for name in ("SC_PAGE_SIZE", "SC_PHYS_PAGES"))
    assert memory.available_bytes() <= page * pages


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**9, "2 GB"), (10**24, "1e+06 EB")],
)
def test_sizes_in_words(size: int, text: str) -> None:
    assert memory.spelled(size) == text
