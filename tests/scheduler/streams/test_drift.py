from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from smalti.scheduler.streams import Experience, Samples, Stream
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.streams.drift import DriftingBatches, mixed

STEPS, ROUNDS, LENGTH, BATCH = 6, 2, 5, 4  # time steps; an experience is 10 minibatches
COUNTS = (10, 13, 7)  # training samples of the tasks


def experience(task: int) -> Experience:
    """Sample k of a task spikes on channel k alone; its class is the task."""
    count = COUNTS[task]
    x = np.zeros((count, 1, max(COUNTS)), dtype=np.float32)
    x[:, 0, :count] = np.eye(count)
    part = Samples(x, np.full(count, task, dtype=np.int64), np.arange(count))
    return Experience(task, str(task), (task,), part, part, part)


def drifting(order: tuple[int, ...], drift: float = 0.0) -> DriftingBatches:
    tasks = [experience(task) for task in range(len(COUNTS))]
    stream = Stream("made", "class", tuple(tasks[t] for t in order), max(COUNTS), STEPS, 3, ("0", "1", "2"), ())
    return DriftingBatches(stream, ROUNDS * LENGTH, BATCH, drift, seed=3)


def every(order: tuple[int, ...], drift: float = 0.0) -> list[list[tuple[int, int, bool]]]:
    """(task, sample, fresh) of every minibatch."""
    made = drifting(order, drift)
    shown = [made.minibatch(number, step) for number in range(len(order)) for step in range(ROUNDS * LENGTH)]
    who = [batch.x.float().mean(1).argmax(1).tolist() for batch in shown]
    return [list(zip(b.labels.tolist(), w, b.fresh.tolist(), strict=True)) for b, w in zip(shown, who, strict=True)]


def test_sudden_changes_give_the_batches_of_the_task() -> None:
    made, batches = drifting((0, 1)), TaskBatches(experience(1), STEPS, BATCH, 3)
    for step in (0, 4, 9):
        x, wanted = batches.training(step)
        batch = made.minibatch(1, step)
        assert torch.equal(batch.x, x)
        assert torch.equal(batch.labels, wanted.labels)


def test_a_task_that_returns_goes_on_where_it_stopped() -> None:
    made, batches = drifting((0, 1, 0)), TaskBatches(experience(0), STEPS, BATCH, 3, begun=ROUNDS * LENGTH)
    for step in (0, 9):
        assert torch.equal(made.minibatch(2, step).x, batches.training(step)[0])
        assert batches.unseen(step) == 0


def test_mixing_by_hand() -> None:
    assert mixed(10, 0.0, 8).tolist() == [0] * 10
    assert mixed(10, 0.3, 8).tolist() == [0] * 7 + [2, 4, 6]
    assert mixed(4, 1.0, 10).tolist() == [2, 4, 6, 8]


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 0, 2, 1), (0, 0)])
@pytest.mark.parametrize("drift", [0.0, 0.3, 1.0])
def test_every_sample_is_fresh_once_and_full_batches_come_to_the_end(order: tuple[int, ...], drift: float) -> None:
    shown = every(order, drift)
    assert all(len(batch) == BATCH for batch in shown)
    seen: set[tuple[int, int]] = set()
    for batch in shown:
        for task, sample, fresh in batch:
            assert fresh == ((task, sample) not in seen)
            seen.add((task, sample))
    assert Counter(task for task, _ in seen) == {task: COUNTS[task] for task in set(order)}


def test_the_next_task_comes_in_more_and_more_and_never_early() -> None:
    shown = every((0, 1, 2), 0.4)
    share = [[task for task, _, _ in batch].count(1) for batch in shown]
    assert share == [0] * 6 + [1, 2, 2, 3] + [4] * 6 + [3, 2, 2, 1] + [0] * 10


@pytest.mark.parametrize(("drift", "begin"), [(0.0, [10, 20]), (0.3, [7, 17])])
def test_the_truth_about_beginnings(drift: float, begin: list[int]) -> None:
    made = drifting((0, 1, 2), drift)
    flags = [made.minibatch(n, step).begins for n in range(3) for step in range(10)]
    assert np.flatnonzero(flags).tolist() == begin
