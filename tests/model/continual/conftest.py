"""A chip of two devices, and tasks made by hand, for the tests of ``model.continual``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.continual import METHODS, ContinualOptions, Method, Task
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.probe import DenseProbe, Probe


@pytest.fixture
def two() -> Network:
    """One tile; neuron 0 hears itself (row 0) and channel 0: two devices, with the weights 1 and -2."""
    fabric = Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=2, wires=2))
    network = Network(fabric, 1, NetworkOptions(engine="dense", precision="float64"))
    state = network.state
    network.links.add_local(0)
    state.alive[0] = True
    state.mask[:, :, 0] = state.source >= 0
    assert int(state.mask.sum()) == 2
    set_weights(network, 1.0, -2.0)
    return network


def set_weights(network: Network, *values: float) -> None:
    with torch.no_grad():
        network.state.weight[network.state.mask] = torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def put() -> Callable[..., None]:
    """``put(network, 1.0, 2.0)``: the weights of its two devices."""
    return set_weights


@pytest.fixture
def make(two: Network) -> Callable[..., Method]:
    """``make("ewc", ewc_strength=3.0)``: a method on that chip."""

    def build(name: str, **options: object) -> Method:
        return METHODS[name](ContinualOptions(method=name, **options), two, Moments.fresh(two.state.weight))  # type: ignore[arg-type]

    return build


def hand_made(drive: list[list[float]], adjoint: list[float]) -> Probe:
    """One step of neuron 0, samples [B] with spikes on its two rows [2, B] and these adjoints [B]."""
    presynaptic = torch.zeros(2, 4, len(adjoint), dtype=torch.float64)
    presynaptic[0, 0], presynaptic[0, 2] = torch.tensor(drive[0]), torch.tensor(drive[1])
    delta = torch.zeros(1, 2, len(adjoint), dtype=torch.float64)
    delta[0, 0] = torch.tensor(adjoint)
    return DenseProbe(presynaptic, delta, torch.zeros(2, len(adjoint)), torch.zeros(len(adjoint)))


@pytest.fixture
def probe() -> Callable[[list[list[float]], list[float]], Probe]:
    """See ``hand_made``."""
    return hand_made


@pytest.fixture
def task() -> Callable[..., Task]:
    """``task(0, labels=[0, 1], ...)``: a task whose parts a method does not ask for are blank."""

    def build(
        number: int,
        labels: list[int] | None = None,
        values: int = 1,
        old: Tensor | None = None,
        probe: Callable[[Tensor], Probe] | None = None,
        answers: Callable[[], Tensor] | None = None,
        seed: int = 0,
    ) -> Task:
        nothing = torch.zeros(0, 2, dtype=torch.bool)
        return Task(
            number,
            torch.tensor(labels or [0]),
            values,
            nothing if old is None else old,
            probe or (lambda rows: hand_made([[0.0], [0.0]], [0.0])),
            answers or (lambda: torch.empty(0)),
            np.random.default_rng(seed),
        )

    return build
