from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.continual import Method, Task
from smalti.model.network import Network
from smalti.model.probe import Probe


def test_one_fisher_fades_and_one_anchor_moves(
    make: Callable[..., Method],
    two: Network,
    task: Callable[..., Task],
    probe: Callable[..., Probe],
    put: Callable[..., None],
) -> None:
    """Fisher (4, 1), then half of it plus (9, 0), at (2, 0); asked at (3, 1) with lambda = 10."""
    method = make("ewc_online", ewc_strength=10.0, ewc_decay=0.5)
    assert method.penalty(two.state.weight) is None
    method.end_task(task(0, probe=lambda rows: probe([[2.0], [1.0]], [1.0])))
    put(two, 2.0, 0.0)
    method.end_task(task(1, probe=lambda rows: probe([[1.0], [0.0]], [3.0])))
    put(two, 3.0, 1.0)
    cost = method.penalty(two.state.weight)
    assert isinstance(cost, Tensor)
    assert cost.item() == 5 * ((2 + 9) * 1**2 + 0.5 * 1**2)
    (gradient,) = torch.autograd.grad(cost, two.state.weight)
    assert gradient[two.state.mask].tolist() == [10 * 11 * 1, 10 * 0.5 * 1]
    assert method.stored_values == 2 * 2
