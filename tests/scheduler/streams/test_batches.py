from __future__ import annotations

import functools
import operator
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from smalti.scheduler.streams import Experience, Samples
from smalti.scheduler.streams.batches import TEST, VALIDATION, TaskBatches
from smalti.scheduler.streams.spikes.rendered import Rendered

STEPS, BATCH, TRAIN, CHANNELS = 6, 4, 10, 20


def samples(count: int, first: int, probability: float) -> Samples:
    """Sample k always spikes on channel k and never on the channels of others; the rest is by chance."""
    x = np.full((count, 1, CHANNELS), probability, dtype=np.float32)
    x[:, 0, :count] = np.eye(count)
    y = (np.arange(count) % 2 + 2).astype(np.int64)
    return Samples(x, y, np.arange(first, first + count))


def experience(task: int = 0, probability: float = 0.5) -> Experience:
    parts = (samples(TRAIN, 0, probability), samples(3, 10, probability), samples(5, 13, probability))
    return Experience(task, "2|3", (2, 3), *parts)


def batches(seed: int = 0, task: int = 0, batch: int = BATCH) -> TaskBatches:
    return TaskBatches(experience(task), STEPS, batch, seed)


def who(x: torch.Tensor, count: int = TRAIN) -> list[int]:
    """The samples that a batch of spikes shows, from the channels that always spike."""
    sure = x[:, :, :count].float().mean(1)
    assert ((sure == 0) | (sure == 1)).all()
    return sure.argmax(1).tolist()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    in_order, at_once = batches(), batches()
    shown = [in_order.training(step) for step in range(7)]
    for step in (6, 0, 3, 3):
        x, y = at_once.training(step)
        assert torch.equal(x, shown[step][0])
        assert torch.equal(y.labels, shown[step][1].labels)
    assert not torch.equal(batches(seed=1).training(0)[0], shown[0][0])


@pytest.mark.parametrize(("most", "times"), [(10**6, 1), (10, 3)])
def test_trials_that_are_rendered_are_spelled_out_once_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, most: int, times: int
) -> None:
    monkeypatch.setattr("smalti.scheduler.streams.batches.MOST", most)
    whole, rendered = experience(), Counter[int]()
    x = np.repeat(np.asarray(whole.train.x), STEPS, axis=1)

    def render(numbers: np.ndarray) -> np.ndarray:
        rendered.update(numbers.tolist())
        return x[numbers]

    lazy = replace(whole.train, x=Rendered(render, np.arange(TRAIN), STEPS, CHANNELS))
    made, expected = TaskBatches(replace(whole, train=lazy), STEPS, BATCH, 0), batches()
    for step in range(3 * made.batches_per_epoch):
        assert torch.equal(made.training(step)[0], expected.training(step)[0])
    assert set(rendered.values()) == {times}


def test_spikes_and_labels_belong_together() -> None:
    for step in range(6):
        x, y = batches().training(step)
        assert x.shape == (BATCH, STEPS, CHANNELS)
        assert x.dtype == torch.uint8
        assert y.labels.tolist() == [number % 2 + 2 for number in who(x)]


def test_once_is_the_first_epoch_without_repeats() -> None:
    f = batches()
    shown = list(f.once())
    first = [f.training(step) for step in range(f.batches_per_epoch)]
    assert sum(len(labels) for _, labels in shown) == TRAIN
    for (x, labels), (whole, all_labels) in zip(shown, first, strict=True):
        assert torch.equal(x, whole[: len(x)])
        assert torch.equal(labels.labels, all_labels.labels[: len(x)])


def test_rows_are_those_of_the_batch() -> None:
    for step in (0, 5, 2, 11):
        assert batches().rows(step).tolist() == who(batches().training(step)[0])


def test_an_epoch_shows_every_sample_and_fills_up_its_last_batch() -> None:
    shown = [who(batches().training(step)[0]) for step in range(3)]
    assert Counter(functools.reduce(operator.iadd, shown, []))[shown[0][0]] == 2  # 12 places for 10 samples
    assert set(functools.reduce(operator.iadd, shown, [])) == set(range(TRAIN))
    assert shown[2][2:] == shown[0][:2]


def test_epochs_differ_in_order_and_in_the_spikes_of_each_sample() -> None:
    trained = batches()
    first = [trained.training(step)[0] for step in range(3)]
    second = [trained.training(step)[0] for step in range(3, 6)]
    assert [who(x) for x in first] != [who(x) for x in second]
    spikes = [{k: x[row] for x in epoch for row, k in enumerate(who(x))} for epoch in (first, second)]
    assert all(not torch.equal(spikes[0][k], spikes[1][k]) for k in range(TRAIN))


def test_tasks_do_not_share_spikes() -> None:
    assert not torch.equal(batches(task=0).training(0)[0], batches(task=1).training(0)[0])
    assert not torch.equal(batches(task=0).evaluation(TEST)[0], batches(task=1).evaluation(TEST)[0])


def test_small_data_make_small_batches() -> None:
    small = batches(batch=64)
    assert (small.batch, small.batches_per_epoch) == (TRAIN, 1)
    assert sorted(who(small.training(5)[0])) == list(range(TRAIN))


def test_a_probe_is_fresh_every_round_and_the_same_whenever_it_is_asked_for() -> None:
    probed = batches()
    rounds = [probed.probe(7, number) for number in range(4)]
    for (x, _), (z, _) in combinations(rounds, 2):
        assert not torch.equal(x, z)
    assert len({tuple(who(x)) for x, _ in rounds}) == 4
    again, labels = batches().probe(7, 2)
    assert torch.equal(again, rounds[2][0])
    assert labels.labels.tolist() == [number % 2 + 2 for number in who(again)]


def test_a_probe_draws_training_samples_without_repeats_and_spikes_of_its_own() -> None:
    x, _ = batches().probe(100, 0)
    assert sorted(who(x)) == list(range(TRAIN))
    trained = {k: x[row] for x in (batches().training(s)[0] for s in range(3)) for row, k in enumerate(who(x))}
    assert all(not torch.equal(x[row], trained[k]) for row, k in enumerate(who(x)))


@pytest.mark.parametrize(("part", "count"), [(VALIDATION, 3), (TEST, 5)])
def test_an_evaluation_part_is_whole_in_order_and_always_the_same(part: int, count: int) -> None:
    asked = batches()
    x, y = asked.evaluation(part)
    assert who(x, count) == list(range(count))
    assert y.labels.tolist() == [k % 2 + 2 for k in range(count)]
    asked.training(9)
    assert torch.equal(asked.evaluation(part)[0], x)
    assert not torch.equal(batches(seed=1).evaluation(part)[0], x)


def test_validation_and_test_have_spikes_of_their_own() -> None:
    part = samples(5, 0, 0.5)
    twins = TaskBatches(Experience(0, "2|3", (2, 3), part, part, part), STEPS, BATCH, 0)
    assert not torch.equal(twins.evaluation(VALIDATION)[0], twins.evaluation(TEST)[0])


def test_every_sample_is_unseen_once() -> None:
    """Ten samples in batches of four: the third is padded, and later epochs bring nothing new."""
    assert [batches().unseen(step) for step in range(5)] == [4, 4, 2, 0, 0]
    shown = [n for step in range(5) for n in who(batches().training(step)[0][: batches().unseen(step)])]
    assert sorted(shown) == list(range(TRAIN))
