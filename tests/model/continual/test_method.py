from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from smalti.model.continual import METHODS, Method, Task
from smalti.model.network import Network

Make = Callable[..., Method]
MakeTask = Callable[..., Task]


def test_plain_training_keeps_nothing_and_adds_nothing(make: Make, two: Network, task: MakeTask) -> None:
    method = make("none")
    method.begin_task(task(0))
    method.end_task(task(0))
    assert len(method.recall(8, np.random.default_rng(0))) == 0
    assert method.loss(torch.zeros(2, 2), torch.tensor([0, 1])) is None
    assert method.penalty(two.state.weight) is None
    assert (method.state_dict(), method.stored_values) == ({}, 0)


@pytest.mark.parametrize("name", METHODS)
def test_state_comes_back(name: str, make: Make, two: Network, task: MakeTask) -> None:
    """After a task and in the middle of the next."""
    method, old = make(name), torch.tensor([[True, True]])
    for number in range(2):
        given = task(number, labels=[0, 1, 0], old=old, answers=lambda: torch.arange(6.0).view(3, 2))
        method.begin_task(given)
        method.before_step(two.state.weight)
        with torch.no_grad():
            two.state.weight[two.state.mask] += 0.5
        method.after_step(two.state.weight, torch.ones_like(two.state.weight))
        if number == 0:
            method.end_task(given)
    again = make(name)
    again.load_state_dict({key: value.clone() for key, value in method.state_dict().items()})
    assert again.state_dict().keys() == method.state_dict().keys()
    assert all(torch.equal(again.state_dict()[key], value) for key, value in method.state_dict().items())
    assert again.stored_values == method.stored_values
    assert (method.stored_values > 0) == (name != "none")
    assert torch.equal(again.recall(2, np.random.default_rng(3)), method.recall(2, np.random.default_rng(3)))
    for penalty in (method.penalty, again.penalty):
        assert penalty(two.state.weight) == method.penalty(two.state.weight)


@pytest.mark.parametrize("name", ["ewc", "ewc_online", "si"])
def test_what_is_laid_anew_has_no_importance(name: str, make: Make, two: Network, task: MakeTask, probe: Make) -> None:
    """The second device is forgotten; the first one pulls as before."""
    method = make(name)
    given = task(0, probe=lambda rows: probe([[1.0], [1.0]], [2.0]))
    method.begin_task(given)
    method.before_step(two.state.weight)
    with torch.no_grad():
        two.state.weight[two.state.mask] += 0.5
    method.after_step(two.state.weight, -torch.ones_like(two.state.weight))
    method.end_task(given)
    (there,) = torch.nonzero(two.state.mask)[1:]
    second = torch.zeros_like(two.state.mask)
    second[tuple(there)] = True
    weight = (two.state.weight + two.state.mask).detach().requires_grad_()
    before = torch.autograd.grad(method.penalty(weight), weight)[0][two.state.mask]  # type: ignore[arg-type]
    method.forget(second)
    after = torch.autograd.grad(method.penalty(weight), weight)[0][two.state.mask]  # type: ignore[arg-type]
    assert (before > 0).all()
    assert after.tolist() == [before[0].item(), 0.0]
