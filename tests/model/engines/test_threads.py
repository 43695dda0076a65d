from __future__ import annotations

import threading

import pytest
import torch

from smalti.model.engines.threads import in_threads


@pytest.mark.parametrize("threads", [1, 2, 3, 8, None])
def test_everything_is_done_once(threads: int | None) -> None:
    done: list[int] = []
    in_threads(done.append, range(20), threads)
    assert sorted(done) == list(range(20))


def test_no_more_threads_than_asked_for_and_the_caller_is_one_of_them() -> None:
    seen: set[int] = set()
    in_threads(lambda _: seen.add(threading.get_ident()), range(50), 3)
    assert len(seen) <= 3
    assert threading.get_ident() in seen


def test_one_thread_is_the_callers() -> None:
    seen: set[int] = set()
    in_threads(lambda _: seen.add(threading.get_ident()), range(5), 1)
    assert seen == {threading.get_ident()}


def test_by_default_as_many_as_torch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    seen: set[int] = set()
    in_threads(lambda _: seen.add(threading.get_ident()), range(5), None)
    assert seen == {threading.get_ident()}


def test_nothing_to_do_is_nothing() -> None:
    in_threads(lambda _: pytest.fail("called"), [], 4)


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_reaches_the_caller_after_all_have_stopped(bad: int) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == bad:
            raise RuntimeError(f"item {item}")
        done.append(item)

    with pytest.raises(RuntimeError, match=f"item {bad}"):
        in_threads(work, range(6), 2)
    assert set(done) >= {k for k in range(6) if k % 2 != bad}
