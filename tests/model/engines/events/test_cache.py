from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="kernels need numba")
from smalti.model.engines.events.cache import drop_stale_kernels

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources and what was compiled from them."""
    (tmp_path / "events_lanes.py").write_text("lanes = 8")
    (tmp_path / "events_kernels.py").write_text("from lanes import *")
    (tmp_path / "__pycache__").mkdir()
    compile_kernels(tmp_path)
    return tmp_path


def compile_kernels(folder: Path) -> None:
    for name in ("events_kernels.forward-1.py311.nbi", "events_kernels.forward-1.py311.1.nbc", "other.pyc"):
        (folder / "__pycache__" / name).write_text("")


def check(folder: Path) -> set[str]:
    """What is left of the compiled."""
    drop_stale_kernels(folder)
    return {path.suffix for path in (folder / "__pycache__").iterdir()} - {".stamp"}


def test_kernels_of_other_sources_are_deleted_and_nothing_else(folder: Path) -> None:
    assert check(folder) == {".pyc"}
    compile_kernels(folder)
    assert check(folder) == {".pyc", ".nbi", ".nbc"}
    (folder / "events_lanes.py").write_text("lanes = 9")  # not the file of the kernel itself
    assert check(folder) == {".pyc"}


def test_kernels_of_a_room_below_are_deleted_too(folder: Path) -> None:
    (folder / "kernels" / "__pycache__").mkdir(parents=True)
    (folder / "kernels" / "lanes.py").write_text("lanes = 8")
    compile_kernels(folder / "kernels")
    check(folder)
    compile_kernels(folder / "kernels")
    check(folder)
    assert {path.suffix for path in (folder / "kernels" / "__pycache__").iterdir()} == {".pyc", ".nbi", ".nbc"}
    (folder / "kernels" / "lanes.py").write_text("lanes = 9")
    check(folder)
    assert {path.suffix for path in (folder / "kernels" / "__pycache__").iterdir()} == {".pyc"}


def test_without_any_cache_there_is_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "events_lanes.py").write_text("")
    assert check(tmp_path) == set()


def test_a_folder_that_cannot_be_written_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    assert check(folder) == {".pyc", ".nbi", ".nbc"}


def test_it_is_done_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from smalti.model.engines.events import cache as kernel_cache

    asked: list[bool] = []
    monkeypatch.setattr(kernel_cache, "drop_stale_kernels", lambda: asked.append(True))
    monkeypatch.setattr(kernel_cache, "register", lambda *_: None)
    kernel_cache.prepare_kernels.cache_clear()
    kernel_cache.prepare_kernels()
    kernel_cache.prepare_kernels()
    assert asked == [True]


NOWHERE = """
import logging
import numba.core.caching
numba.core.caching.CacheImpl._locator_classes = []  # as in an image that nobody can write to
logging.basicConfig(format="%(message)s")
import numpy as np
from smalti.model.engines.events.kernels import optimiser
from smalti.model.engines.events.cache import prepare_kernels
prepare_kernels()
print(optimiser.squared_norm(np.array([3.0, 5.0, 4.0]), np.array([0, 2])))
"""


def test_where_no_folder_can_be_written_kernels_are_compiled_all_the_same_and_it_is_said() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    answer = subprocess.run([sys.executable, "-c", NOWHERE], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert answer.stdout == "25.0\n", answer.stderr
    assert "in every process" in answer.stderr
    assert "NUMBA_CACHE_DIR" in answer.stderr
