from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.continual import Method, Task
from smalti.model.network import Network
from smalti.model.probe import Probe

Put = Callable[..., None]


def test_penalty_and_gradient_on_two_weights(
    make: Callable[..., Method], two: Network, task: Callable[..., Task], probe: Callable[..., Probe], put: Put
) -> None:
    """Fisher (4, 1) at (1, -2), then (9, 0) at (2, 0); asked at (3, 1) with lambda = 10."""
    method, mask = make("ewc", ewc_strength=10.0), two.state.mask
    assert method.penalty(two.state.weight) is None
    method.end_task(task(0, probe=lambda rows: probe([[2.0], [1.0]], [1.0])))
    put(two, 2.0, 0.0)
    method.end_task(task(1, probe=lambda rows: probe([[1.0], [0.0]], [3.0])))
    put(two, 3.0, 1.0)
    cost = method.penalty(two.state.weight)
    assert isinstance(cost, Tensor)
    assert cost.item() == 5 * (4 * 2**2 + 1 * 3**2 + 9 * 1**2)
    (gradient,) = torch.autograd.grad(cost, two.state.weight)
    assert gradient[mask].tolist() == [10 * (4 * 2 + 9 * 1), 10 * (1 * 3)]
    assert not gradient[~mask].any()
    assert method.stored_values == 2 * 2 * 2  # tasks, Fisher and anchor, devices


def test_samples_are_drawn_without_repeats_and_at_most_as_many_as_asked_for(
    make: Callable[..., Method], task: Callable[..., Task], probe: Callable[..., Probe]
) -> None:
    asked: list[list[int]] = []

    def measure(rows: Tensor) -> Probe:
        asked.append(rows.tolist())
        return probe([[0.0], [0.0]], [0.0])

    for samples in (3, 100):
        make("ewc", ewc_samples=samples).end_task(task(0, labels=[0] * 10, probe=measure))
    assert [len(set(rows)) for rows in asked] == [3, 10]
    assert len(asked[0]) == 3
    assert set(asked[1]) == set(range(10))
