from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.newborns.newborn import fan_in_gradient, fan_out_gradient, live
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.neuron import Dynamics, NetworkOptions

Reset = Literal["soft", "hard"]
Surrogate = Literal["triangle", "fast_sigmoid"]


class ThroughReset(NetworkOptions):
    """Gradients pass through the reset."""

    reset_gradient: ClassVar[bool] = True


PLAIN = NetworkOptions().plain_cell
CELLS = {
    "plain": PLAIN,
    "slow": Cell(0, 0.9, synapse=0.7),
    "adaptive": Cell(0, 0.95, strength=0.3, recovery=0.9),
    "both": Cell(0, 0.8, synapse=0.6, strength=0.4, recovery=0.8),
}


def dynamics(options: NetworkOptions, cell: Cell | None = None) -> Dynamics:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, options).newborn_dynamics(cell)


def case(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Fan-ins [4, 5], spikes on five wires [30, 5, 6], what targets would like [30, 4, 6]."""
    generator = torch.Generator().manual_seed(seed)
    fan_in = torch.randn(4, 5, generator=generator, dtype=torch.float64) * 0.5 + 0.2
    drive = (torch.rand(30, 5, 6, generator=generator) < 0.4).double()
    return fan_in, drive, torch.randn(30, 4, 6, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_newborns_live_as_the_equation_says(reset: Reset) -> None:
    options = NetworkOptions(precision="float64", reset=reset, threshold=0.8, tau_ms=9.0)
    fan_in, drive, _ = case()
    membrane, spikes = live(fan_in, drive, dynamics(options))
    for c, b in product(range(4), range(6)):
        v = s = 0.0
        for t in range(30):
            v = v * options.leak * (1 - s) if reset == "hard" else v * options.leak - 0.8 * s
            v += float(fan_in[c] @ drive[t, :, b])
            s = float(v >= 0.8)
            assert float(membrane[t, c, b]) == pytest.approx(v, abs=1e-12)
            assert float(spikes[t, c, b]) == s
    assert 0.1 < float(spikes.mean()) < 0.7


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("kind", CELLS)
def test_newborns_live_as_they_will_on_the_chip(
    site: Callable[..., Any], engine: Literal["dense", "events"], kind: str
) -> None:
    """Spike by spike, among neurons that they do not disturb."""
    place = site(NetworkOptions(precision="float64", engine=engine, reset="hard"), 3)
    network, slot = place.network, place.free_slots()[0]
    signal, how = place.signal(slot), network.newborn_dynamics(CELLS[kind])
    made = GROWTH_RULES["random"].propose(signal, 1, GrowthOptions(), how, np.random.default_rng(0))
    spikes = live(made.fan_in, signal.drive, how)[1][:, 0]
    place.bear(slot, made, 0, CELLS[kind])
    assert torch.equal(place.probe().presynaptic[1:, slot], spikes)
    assert spikes.mean() > 0.1


def test_fan_out_gradient_is_the_sum_over_time_per_sample() -> None:
    spikes = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])  # [T, C, B]
    delta = torch.tensor([[[2.0, 3.0]], [[5.0, 7.0]]])  # [T, Q, B]
    assert fan_out_gradient(spikes, delta).tolist() == [[[7.0, 7.0]]]


@pytest.mark.parametrize(
    ("reset", "reset_gradient", "surrogate"),
    list(product(("soft", "hard"), (False, True), ("triangle", "fast_sigmoid"))),
)
@pytest.mark.parametrize("kind", CELLS)
def test_fan_in_gradient_is_autograds_of_a_plain_loop(
    oracle: Any, reset: Reset, reset_gradient: bool, surrogate: Surrogate, kind: str
) -> None:
    options = (ThroughReset if reset_gradient else NetworkOptions)(
        precision="float64", reset=reset, surrogate=surrogate, surrogate_width=0.9
    )
    fan_in, drive, wanted = case(1)
    cell = CELLS[kind]
    how = dynamics(options, cell)
    found = fan_in_gradient(*live(fan_in, drive, how), wanted, drive, how)
    weight = fan_in[:, :, None].repeat(1, 1, 6).requires_grad_()  # one for each sample
    v = s = current = trace = torch.zeros(4, 6, dtype=torch.float64)
    loss = torch.zeros((), dtype=torch.float64)
    for t in range(30):
        fired = s if reset_gradient else s.detach()
        current = cell.synapse * current + torch.einsum("cpb,pb->cb", weight, drive[t])
        trace = cell.recovery * trace + s
        v = (cell.leak * v * (1 - fired) if reset == "hard" else cell.leak * v - fired) + current
        s = oracle.spike(v - cell.strength * trace - 1, options)
        loss = loss + (wanted[t] * s).sum()
    (expected,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert expected.abs().max() > 0.5
    assert (expected != 0).all(0).any()


def test_fan_in_gradient_by_hand() -> None:
    """A spike of weight .5 at t = 0, a wish of 2 at t = 1: V[1] = .5 a, psi = 1 - |.5 a - 1| / 2, dL/dw = 2 psi a."""
    options = NetworkOptions(precision="float64", surrogate="triangle", surrogate_width=2.0, surrogate_height=1.0)
    drive, wanted = torch.zeros(3, 1, 1, dtype=torch.float64), torch.zeros(3, 1, 1, dtype=torch.float64)
    drive[0], wanted[1] = 1, 2
    how = dynamics(options)
    membrane, spikes = live(torch.tensor([[0.5]]).double(), drive, how)
    slope = 1 - (1 - 0.5 * options.leak) / 2
    found = fan_in_gradient(membrane, spikes, wanted, drive, how)
    assert found.tolist() == [[[pytest.approx(2 * slope * options.leak)]]]
