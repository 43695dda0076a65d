from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smalti.model.continual import Method, Task
from smalti.model.network import Network

CURVATURE, GOAL = torch.tensor([2.0, 0.5]).double(), torch.tensor([0.5, 1.0]).double()


def descend(method: Method, network: Network, steps: int, rate: float, sign: float = 1.0) -> None:
    """Gradient descent on 1/2 sum h (w - goal)^2, the loss of a linear model; ``sign`` -1 tells the wrong gradient."""
    mask = network.state.mask
    for _ in range(steps):
        gradient = torch.zeros_like(network.state.weight)
        gradient[mask] = CURVATURE * (network.state.weight.detach()[mask] - GOAL)
        method.before_step(network.state.weight)
        with torch.no_grad():
            network.state.weight.sub_(rate * gradient)
        method.after_step(network.state.weight, sign * gradient)


def test_importance_of_a_quadratic_is_half_its_curvature(
    make: Callable[..., Method], two: Network, task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zenke et al. 2017: the path sums to the fall of the loss, h / 2 moved^2, and so the importance to h / 2."""
    monkeypatch.setattr("smalti.model.continual.si.DAMPING", 1e-12)
    method = make("si")
    start = two.state.weight.detach()[two.state.mask]
    method.begin_task(task(0))
    descend(method, two, steps=40000, rate=1e-3)
    fallen = CURVATURE / 2 * (start - GOAL).square()
    torch.testing.assert_close(method.devices["path"][two.state.mask], fallen, rtol=2e-3, atol=0)
    method.end_task(task(0))
    torch.testing.assert_close(method.devices["importance"][two.state.mask], CURVATURE / 2, rtol=2e-3, atol=0)


def test_penalty_after_two_tasks_by_hand(
    make: Callable[..., Method],
    two: Network,
    task: Callable[..., Task],
    put: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two steps of rate 1/2 from (1, -2), with paths and moves worked out.

    The moves are (-0.5, 0.75) with the gradients (1, -1.5), then (0, 0.5625) with (0, -1.125). So the paths are
    (0.5, 1.125 + 0.6328125) and the moves (-0.5, 1.3125) in all.
    """
    monkeypatch.setattr("smalti.model.continual.si.DAMPING", 0.25)
    method, mask = make("si", si_strength=3.0), two.state.mask
    method.begin_task(task(0))
    descend(method, two, steps=2, rate=0.5)
    method.end_task(task(0))
    importance = torch.tensor([0.5 / (0.25 + 0.25), 1.7578125 / (1.3125**2 + 0.25)]).double()
    torch.testing.assert_close(method.devices["importance"][mask], importance)
    method.begin_task(task(1))
    put(two, 0.5, -2.0)  # not a step: it belongs to no path
    descend(method, two, steps=1, rate=0.5)  # (0, 0.75) with (0, -1.5)
    method.end_task(task(1))
    importance += torch.tensor([0.0, 1.125 / (0.75**2 + 0.25)]).double()
    torch.testing.assert_close(method.devices["importance"][mask], importance)
    anchor = two.state.weight.detach()[mask]
    put(two, 2.0, 2.0)
    cost = method.penalty(two.state.weight)
    assert isinstance(cost, Tensor)
    away = torch.tensor([2.0, 2.0]) - anchor
    assert cost.item() == pytest.approx(float(3 * (importance * away.square()).sum()))
    (gradient,) = torch.autograd.grad(cost, two.state.weight)
    torch.testing.assert_close(gradient[mask], 6 * importance * away)


def test_a_path_uphill_has_no_importance(make: Callable[..., Method], two: Network, task: Callable[..., Task]) -> None:
    method = make("si")
    method.begin_task(task(0))
    descend(method, two, steps=5, rate=0.1, sign=-1.0)
    method.end_task(task(0))
    assert not method.devices["importance"].any()
