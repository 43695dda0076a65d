from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.newborns.climb import climb
from smalti.model.growth.newborns.proposal import Proposal, propose
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.network import Network
from smalti.model.neuron import Dynamics, NetworkOptions

OPTIONS = NetworkOptions(precision="float64", surrogate_width=1.5, reset="hard")
Begin = Callable[..., Proposal]


def dynamics(tau_ms: float) -> Dynamics:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, replace(OPTIONS, tau_ms=tau_ms)).newborn_dynamics()


def toy() -> tuple[Tensor, Tensor]:
    """Three wires that take turns, four samples; the target likes spikes at the first, hates them at the second.

    [T, 3, B] and [T, 1, B]; a spike of step t meets the adjoint of t + 1.
    """
    turn = torch.arange(13) % 3
    drive = torch.eye(3, dtype=torch.float64)[turn][:, :, None].repeat(1, 1, 4)
    likes = torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64)[turn]
    return drive, likes.roll(1)[:, None, None].repeat(1, 1, 4)


@pytest.fixture
def begin(by_hand: Callable[..., TileSignal]) -> Begin:
    """Factory of newborns of these fan-ins in the toy; by default each answers every wire by itself."""

    def make(fan_in: list[list[float]] | Tensor, tau_ms: float = 0.01, wires: int = 3, likes: float = 1) -> Proposal:
        drive, adjoint = toy()
        signal = by_hand(drive[:, :wires], likes * adjoint)
        given = torch.as_tensor(fan_in, dtype=torch.float64)
        return propose(signal, given, given.new_zeros(len(given), 1), dynamics(tau_ms))

    return make


def sum_of_wishes(gradient: Tensor) -> Tensor:
    return gradient.mean(2).sum(1)


def practice(steps: int, rate: float = 1 / 3) -> GrowthOptions:
    return GrowthOptions(practice=steps, target_rate=rate)


def test_it_finds_the_best_answer_of_a_neuron_that_remembers_nothing(begin: Begin) -> None:
    """None of the eight answers to three wires is better than to fire at the first and not at the second."""
    start = begin([[0.6, 1.2, 0.7], [1.3, 1.4, 0.2], [0.3, 0.4, 1.5]])
    every = begin(torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3))
    best = sum_of_wishes(every.gradient).max()
    assert float(best) == 4
    assert (sum_of_wishes(start.gradient) < best).all()
    found = climb(start, practice(12), sum_of_wishes, 0.2)
    assert sum_of_wishes(found.gradient).tolist() == [best, best, best]
    assert (found.fan_in[:, 0] >= 1).all()
    assert (found.fan_in[:, 1] < 1).all()


def test_of_each_the_best_that_was_met_is_kept(begin: Begin) -> None:
    drawn = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.3
    start, met = begin(drawn, tau_ms=20.0), []

    def watched(gradient: Tensor) -> Tensor:
        met.append(sum_of_wishes(gradient).detach())
        return sum_of_wishes(gradient)

    found = climb(start, practice(6), watched, 0.7)  # strides far too long
    scores = torch.stack(met)
    assert len(scores) == 7
    assert torch.equal(sum_of_wishes(found.gradient), scores.amax(0))
    assert torch.equal(scores[0], sum_of_wishes(start.gradient))
    at = scores.argmax(0)
    assert (at == 0).any()  # who never did better stays what it was
    assert torch.equal(found.fan_in[at == 0], start.fan_in[at == 0])
    assert ((at > 0) & (at < 6)).any()


def test_a_step_goes_uphill_is_a_share_of_the_fan_in_long_and_ends_at_the_rate_wanted(
    begin: Begin, oracle: Any
) -> None:
    """It is at right angles to autograd's gradient of the number of spikes through a plain loop; then it is scaled."""
    start = begin([[1.8, 1.9, 0.4], [0.95, 1.2, 0.9]])
    found = climb(start, practice(1), sum_of_wishes, 0.3)
    assert (sum_of_wishes(found.gradient) > sum_of_wishes(start.gradient)).all()
    assert found.rate.tolist() == pytest.approx([5 / 13] * 2)  # the first wire speaks in 5 of 13 steps
    weight = start.fan_in.clone().requires_grad_()
    v = s = count = torch.zeros(2, 4, dtype=torch.float64)
    for heard in start.signal.drive:
        v = v * float(start.dynamics.leak) * (1 - s.detach()) + weight @ heard
        s = oracle.spike(v - 1, OPTIONS)
        count = count + s
    (faster,) = torch.autograd.grad(count.sum(), weight)
    for before, after, normal in zip(start.fan_in, found.fan_in, faster, strict=True):
        scale = (before @ normal) / (after @ normal)  # the step has no part along the normal
        stride = scale * after - before
        assert float(stride.norm()) == pytest.approx(0.3 * float(before.norm()))
        assert stride[1] < 0 < stride[0]


def test_a_neuron_of_one_wire_has_nowhere_to_go_but_faster(begin: Begin) -> None:
    start = begin([[1.2], [1.7]], tau_ms=20.0, wires=1)
    assert torch.equal(climb(start, practice(5), sum_of_wishes, 0.5).fan_in, start.fan_in)


def test_no_steps_no_gradient_and_nobody_change_nothing(begin: Begin) -> None:
    start = begin([[0.4, 1.5, 0.6]])
    assert torch.equal(climb(start, practice(0), sum_of_wishes, 0.5).fan_in, start.fan_in)
    unloved = begin([[0.4, 1.5, 0.6]], likes=0)
    assert torch.equal(climb(unloved, practice(5), sum_of_wishes, 0.5).fan_in, start.fan_in)
    silent = begin([[0.0, 0.0, 0.0]])
    assert not climb(silent, practice(5), sum_of_wishes, 0.5).fan_in.any()
    nobody = begin(torch.zeros(0, 3))
    assert climb(nobody, practice(5), sum_of_wishes, 0.5).fan_in.shape == (0, 3)


def test_a_weight_of_zero_stays_zero_though_it_would_help(begin: Begin) -> None:
    start = begin([[0.0, 1.2, 0.8]])
    found = climb(start, practice(8), sum_of_wishes, 0.2)
    assert found.fan_in[0, 0] == 0
    assert (found.fan_in[0, 1:] != start.fan_in[0, 1:]).all()
    assert torch.equal(found.wired, found.fan_in != 0)


def test_what_else_is_known_of_them_is_kept(begin: Begin) -> None:
    start = replace(begin([[0.6, 1.2, 0.7]]), seen=True, fan_out=torch.full((1, 1), 0.5, dtype=torch.float64))
    found = climb(start, practice(2), sum_of_wishes, 0.2)
    assert found.seen
    assert torch.equal(found.fan_out, start.fan_out)
