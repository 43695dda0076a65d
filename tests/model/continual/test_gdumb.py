from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch

from smalti.model.continual import Method, Task
from smalti.model.network import Network


def test_every_task_starts_from_the_first_weights_on_a_balanced_buffer(
    make: Callable[..., Method], two: Network, task: Callable[..., Task], put: Callable[..., None]
) -> None:
    method, state = make("gdumb", capacity=12), two.state
    moments = method.moments
    for number in range(3):
        method.begin_task(task(number, labels=[2 * number, 2 * number + 1] * 10))
        assert state.weight.detach()[state.mask].tolist() == [1.0, -2.0]
        assert not any(m[state.mask].any() for m in (moments.first, moments.second, moments.count))
        assert not moments.norm.any()
        for moment in (moments.first, moments.second, moments.count, moments.norm):
            moment.fill_(3)
        put(two, 5.0, 6.0)
        method.end_task(task(number))
        labels = Counter(method.recall(12, np.random.default_rng(0))[:, 2].tolist())
        assert labels == {label: 12 // (2 * number + 2) for label in range(2 * number + 2)}
    assert method.alone


def test_first_weights_of_newborn_devices_are_noted_and_frozen_devices_stay(
    make: Callable[..., Method], two: Network, task: Callable[..., Task], put: Callable[..., None]
) -> None:
    method, state = make("gdumb"), two.state
    method.begin_task(task(0))
    method.moments.count.fill_(4)
    put(two, 5.0, 6.0)
    second = state.mask.clone()
    second[tuple(torch.nonzero(state.mask)[0])] = False
    method.forget(second)  # laid anew, with weight 6
    put(two, 7.0, 8.0)
    method.begin_task(task(1))
    assert state.weight.detach()[state.mask].tolist() == [1.0, 6.0]
    method.moments.count.fill_(4)
    put(two, 7.0, 8.0)
    state.frozen.copy_(second)
    method.begin_task(task(2))
    assert state.weight.detach()[state.mask].tolist() == [1.0, 8.0]
