from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smalti.model.continual import Task, buffer


def test_it_tells_samples_by_task_row_and_class(task: Callable[..., Task]) -> None:
    notes = buffer.store(buffer.empty(), task(3, labels=[7, 8, 7], values=5), "reservoir", 10)
    notes = buffer.store(notes, task(4, labels=[9], values=5), "reservoir", 10)
    assert sorted(notes["entries"].tolist()) == [[3, 0, 7], [3, 1, 8], [3, 2, 7], [4, 0, 9]]
    assert notes["facts"].tolist() == [4, 5]
    assert buffer.stored_values(notes) == 4 * (5 + 1)


def test_a_minibatch_holds_no_sample_twice_and_all_in_turn(task: Callable[..., Task]) -> None:
    notes = buffer.store(buffer.empty(), task(0, labels=[0] * 9), "balanced", 6)
    drawn = [buffer.draw(notes, 4, np.random.default_rng(seed))[:, 1].tolist() for seed in range(30)]
    assert all(len(set(rows)) == 4 for rows in drawn)
    assert {row for rows in drawn for row in rows} == set(notes["entries"][:, 1].tolist())
    assert len(buffer.draw(notes, 40, np.random.default_rng(0))) == 6
    assert len(buffer.draw(buffer.empty(), 4, np.random.default_rng(0))) == 0
