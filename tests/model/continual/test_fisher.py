from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.model.continual.fisher import diagonal
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions

pytest.importorskip("numba", reason="numba is not installed")


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_mean_square_of_single_samples_gradients(
    busy: Callable[..., tuple[Network, Tensor]], spikes: Callable[..., Tensor], oracle: Any, engine: Any, seed: int
) -> None:
    """The oracle runs sample by sample through torch's autograd."""
    network, outputs = busy(NetworkOptions(engine=engine, precision="float64"), seed=seed)
    x, labels = spikes(seed, batch=5), torch.tensor([0, 2, 1, 1, 0])
    assert oracle.nudge(network, x) is not None
    wanted = torch.zeros_like(network.state.weight)
    for number in range(len(x)):
        activity = oracle.run(network, network.state.weight, x[[number]], outputs)
        loss = cross_entropy(network.read(activity), labels[[number]])
        wanted += torch.autograd.grad(loss, network.state.weight)[0].square() / len(x)
    probe = network.probe(x, outputs, lambda logits: cross_entropy(logits, labels, reduction="none"))
    found = diagonal(network, probe)
    torch.testing.assert_close(found, wanted.detach() * network.state.mask, rtol=1e-9, atol=1e-14)
    assert (found > 0).sum() > 20
    assert not found[~network.state.mask].any()


def test_by_hand(two: Network, probe: Callable[..., Any]) -> None:
    """Gradients of two samples: (1 * 2, 1 * 2) and (0, 3 * -1)."""
    found = diagonal(two, probe([[1.0, 0.0], [1.0, 3.0]], [2.0, -1.0]))
    assert found[two.state.mask].tolist() == [(4 + 0) / 2, (4 + 9) / 2]
