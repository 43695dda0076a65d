from __future__ import annotations

import torch
from torch import Tensor

from model.fabric import Fabric, FabricOptions
from model.growth.climb import climb
from model.growth.newborn import fan_out_gradient, live
from model.network import Network
from model.neuron import Dynamics, NetworkOptions


def dynamics(tau_ms: float = 20.0) -> Dynamics:
    """Of a neuron; with a short tau it answers each wire by itself."""
    options = NetworkOptions(precision="float64", surrogate_width=1.5, reset="hard", tau_ms=tau_ms)
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, options).newborn_dynamics()


FORGETFUL = 0.01  # ms


def sum_of_wishes(gradient: Tensor) -> Tensor:
    return gradient.mean(2).sum(1)


def toy() -> tuple[Tensor, Tensor]:
    """Three wires that take turns, four samples; the target likes spikes after the first and the third, not the second.

    [T, 3, B] and [T, 1, B].
    """
    turn = torch.arange(12) % 3
    drive = torch.eye(3, dtype=torch.float64)[turn][:, :, None].repeat(1, 1, 4)
    likes = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)[turn]
    return drive, likes[:, None, None].repeat(1, 1, 4)


def score(fan_in: Tensor, drive: Tensor, delta: Tensor, how: Dynamics) -> Tensor:
    return sum_of_wishes(fan_out_gradient(live(fan_in, drive, how)[1], delta))


def test_it_finds_the_best_answer_of_a_neuron_that_remembers_nothing() -> None:
    """The best of all eight answers to three wires is to fire for the first and third alone."""
    how, (drive, delta) = dynamics(FORGETFUL), toy()
    start = torch.tensor([[0.6, 1.2, 0.7], [1.3, 1.4, 0.2], [0.3, 0.4, 0.5]], dtype=torch.float64)
    found = climb(start, drive, delta, how, sum_of_wishes, steps=60, length=0.05)
    choices = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    best = score(choices, drive, delta, how).max()
    assert float(best) == 4 * (1 + 0.5)
    assert (score(start, drive, delta, how) < best).all()
    assert score(found, drive, delta, how).tolist() == [best, best, best]
    assert (found[:, [0, 2]] >= 1).all()
    assert (found[:, 1] < 1).all()


def test_of_every_candidate_the_best_that_was_met_is_kept() -> None:
    how, (drive, delta) = dynamics(), toy()
    start = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.3
    met: list[Tensor] = []

    def watched(gradient: Tensor) -> Tensor:
        met.append(sum_of_wishes(gradient).detach())
        return sum_of_wishes(gradient)

    found = climb(start, drive, delta, how, watched, steps=6, length=0.7)  # strides far too long
    scores = torch.stack(met)
    assert len(scores) == 7
    assert torch.equal(score(found, drive, delta, how), scores.amax(0))
    assert torch.equal(scores[0], score(start, drive, delta, how))
    at = scores.argmax(0)
    assert (at == 0).any()  # who never did better stays what it was
    assert torch.equal(found[at == 0], start[at == 0])
    assert ((at > 0) & (at < 6)).any()


def test_a_step_goes_uphill_and_is_a_share_of_the_fan_in_long() -> None:
    how, (drive, delta) = dynamics(FORGETFUL), toy()
    start = torch.tensor([[0.7, 1.2, 0.8]], dtype=torch.float64)
    found = climb(start, drive, delta, how, sum_of_wishes, steps=1, length=0.5)
    assert score(found, drive, delta, how) > score(start, drive, delta, how)
    stride = (found - start).norm()
    torch.testing.assert_close(stride, 0.5 * start.norm())
    assert found[0, 1] < start[0, 1]


def test_no_steps_no_gradient_and_nobody_change_nothing() -> None:
    how, (drive, delta) = dynamics(), toy()
    start = torch.tensor([[0.4, 0.5, 0.6]], dtype=torch.float64)
    assert torch.equal(climb(start, drive, delta, how, sum_of_wishes, 0, 0.5), start)
    assert torch.equal(climb(start, drive, 0 * delta, how, sum_of_wishes, 5, 0.5), start)
    assert torch.equal(climb(0 * start, drive, delta, how, sum_of_wishes, 5, 0.5), 0 * start)
    assert climb(start[:0], drive, delta, how, sum_of_wishes, 5, 0.5).shape == (0, 3)


def test_a_weight_of_zero_stays_zero_though_it_would_help() -> None:
    how, (drive, delta) = dynamics(FORGETFUL), toy()
    start = torch.tensor([[0.0, 1.2, 0.8]], dtype=torch.float64)
    found = climb(start, drive, delta, how, sum_of_wishes, steps=8, length=0.2)
    assert found[0, 0] == 0
    assert (found[0, 1:] != start[0, 1:]).all()
