from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.continual import ContinualOptions
from smalti.model.continual.elastic import Elastic
from smalti.model.network import Network
from smalti.model.optimiser import Moments


def test_protected_devices_are_pulled_to_where_they_were(two: Network, put: Callable[..., None]) -> None:
    elastic = Elastic(ContinualOptions(), two, Moments.fresh(two.state.weight))
    mask = two.state.mask
    assert elastic.penalty(two.state.weight) is None
    first = mask.clone()
    first[tuple(torch.nonzero(mask)[1])] = False
    elastic.hold(first, 4.0)
    put(two, 2.0, 7.0)
    assert cost(elastic, two) == (2 * 1**2, [4.0, 0.0])
    elastic.hold(mask, 4.0)  # the first one is held where it has been, the second where it is
    put(two, 4.0, 8.0)
    assert cost(elastic, two) == (2 * (3**2 + 1**2), [12.0, 4.0])
    assert elastic.stored_values == 2 * 2
    elastic.hold(mask & ~first, 4.0)  # its labels return: it is free
    put(two, 5.0, 7.0)
    assert cost(elastic, two) == (0.0, [0.0, 0.0])
    elastic.hold(mask, 4.0)  # and held anew
    put(two, 6.0, 7.0)
    assert cost(elastic, two) == (2.0, [4.0, 0.0])


def cost(elastic: Elastic, network: Network) -> tuple[float, list[float]]:
    """Penalty in nats, and its gradient for both devices."""
    penalty = elastic.penalty(network.state.weight)
    assert isinstance(penalty, Tensor)
    (gradient,) = torch.autograd.grad(penalty, network.state.weight)
    return penalty.item(), gradient[network.state.mask].tolist()
