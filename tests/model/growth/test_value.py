from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import propose
from smalti.model.growth.value import RIDGE, predicted_decrease, transfer_decrease
from smalti.model.neuron import NetworkOptions

LN2 = float(np.log(2))


def losses(batch: int, value: float = LN2) -> Tensor:
    return torch.full((batch,), value, dtype=torch.float64)


def test_decrease_of_small_numbers_by_hand() -> None:
    """Two classes at chance weigh each sample by one.

    Gradients 1, 3 | 1, 1 (even | odd samples: 1, 1 and 3, 1). From the even half: direction 1, d.g = 3 and 1, slope 2,
    curvature 5, gain 4 / 10; from the odd half: direction 2, d.g = 2 and 2, slope 2, curvature 4, gain 4 / 8.
    """
    gradient = torch.tensor([[[1.0, 3.0, 1.0, 1.0]]], dtype=torch.float64)
    assert predicted_decrease(gradient, losses(4)).tolist() == pytest.approx([0.45])


def test_what_has_been_practised_on_does_not_judge() -> None:
    """The same numbers, the even samples seen: the direction comes from them, the gain of 4 / 10 from the odd ones."""
    gradient = torch.tensor([[[1.0, 3.0, 1.0, 1.0]]], dtype=torch.float64)
    assert predicted_decrease(gradient, losses(4), seen=True).tolist() == pytest.approx([0.4])
    memorised = torch.tensor([[[5.0, 0.0, 5.0, 0.0]]], dtype=torch.float64)
    assert predicted_decrease(memorised, losses(4), seen=True).tolist() == [0]


def test_samples_already_learned_weigh_by_their_fisher_information() -> None:
    """Of one direction that helps all alike: (1 - r) / r with r = 1 - exp(-loss) divides the gain; never below 1."""
    gradient = torch.full((1, 1, 8), -0.25, dtype=torch.float64)
    assert predicted_decrease(gradient, losses(8, 2.0)).item() == pytest.approx(0.5)
    assert predicted_decrease(gradient, losses(8, 0.1)).item() == pytest.approx(np.expm1(0.1) / 2)
    assert predicted_decrease(gradient, losses(8, 0.0)).item() == pytest.approx(0, abs=1e-6)


def test_it_is_the_decrease_of_the_best_step_of_the_quadratic_model() -> None:
    """-eta d.E[g] + eta^2 / 2 E[(d.g)^2] minimised over a grid of eta, both halves."""
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(3, 12, generator=generator, dtype=torch.float64) + 0.4
    steps, gains = torch.linspace(0, 3, 300001, dtype=torch.float64), []
    for here, there in ((gradient[:, ::2], gradient[:, 1::2]), (gradient[:, 1::2], gradient[:, ::2])):
        along = here.mean(1) @ there
        gains.append(float((steps * along.mean() - steps**2 / 2 * along.square().mean()).max()))
    assert predicted_decrease(gradient[None], losses(12)).item() == pytest.approx(sum(gains) / 2, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_scale_of_the_gradients_does_not_matter(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    gradient = (torch.randn(5, 4, 64, generator=generator) + 0.3).to(dtype)
    expected = predicted_decrease(gradient, losses(64).to(dtype))
    assert (expected > 0.02).all()
    for power in (-60, -30, 30):
        scaled = predicted_decrease(gradient * 2.0**power, losses(64).to(dtype))
        torch.testing.assert_close(scaled, expected)


def test_it_lies_between_none_and_one_half_and_noise_is_worth_next_to_nothing() -> None:
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(200, 6, 256, generator=generator, dtype=torch.float64)
    of_noise = predicted_decrease(noise, losses(256))
    of_signal = predicted_decrease(noise + 0.3, losses(256))
    for value in (of_noise, of_signal):
        assert value.min() >= 0
        assert value.max() <= 0.5
    assert of_noise.mean() < 0.01
    assert of_signal.min() > 0.05


def test_a_direction_that_one_half_likes_and_the_other_not_is_worth_nothing() -> None:
    gradient = torch.tensor([[[1.0, -1.0] * 4]], dtype=torch.float64)
    assert predicted_decrease(gradient, losses(8)).tolist() == [0]
    assert predicted_decrease(torch.zeros(2, 3, 8), losses(8).float()).tolist() == [0, 0]


def test_no_targets_are_worth_nothing() -> None:
    assert predicted_decrease(torch.zeros(2, 0, 8), losses(8).float()).tolist() == [0, 0]
    assert predicted_decrease(torch.zeros(0, 3, 8), losses(8).float()).tolist() == []


def test_prediction_holds_for_logistic_regression() -> None:
    """Where the loss is convex and known, half or more of the predicted decrease comes true at the best step length."""
    generator = torch.Generator().manual_seed(3)
    feature = torch.randn(512, generator=generator, dtype=torch.float64)
    label = (feature + torch.randn(512, generator=generator, dtype=torch.float64) > 0).double()

    def loss(weight: float) -> Tensor:
        return torch.nn.functional.softplus(weight * feature) - label * weight * feature

    gradient = ((0.5 - label) * feature)[None, None]
    predicted = predicted_decrease(gradient, loss(0.0)).item()
    reached = LN2 - min(float(loss(weight).mean()) for weight in np.linspace(0, 4, 200))
    assert 0.5 * reached < predicted < 1.5 * reached


def test_a_bid_is_half_the_squared_multiple_correlation(site: Callable[..., Any]) -> None:
    """Of the filtered input with the adjoints of the targets wired, one step later; any length of w will do."""
    place = site(NetworkOptions(precision="float64"), 1)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    fan_in = torch.randn(5, len(signal.sources), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wired = torch.arange(len(signal.targets)) % 3 > 0
    current = torch.einsum("cp,tpb->ctb", fan_in, signal.trace).flatten(1).T  # [T * B, C]
    adjoint = signal.delta[:, wired].transpose(1, 2).flatten(0, 1)
    ridge = (RIDGE * adjoint.square().sum() / wired.sum()).sqrt() * torch.eye(int(wired.sum()))
    bent, nothing = torch.cat([adjoint, ridge]), torch.zeros(len(ridge), 5)
    weights = torch.linalg.lstsq(bent, torch.cat([current, nothing]), driver="gelsd").solution
    left = (torch.cat([current, nothing]) - bent @ weights).square().sum(0)
    share = 1 - left / current.square().sum(0)
    found = propose(signal, fan_in, torch.zeros(5, len(wired)).double(), how).decrease(wired)
    torch.testing.assert_close(found, share / 2)
    again = propose(signal, fan_in * 7, torch.zeros(5, len(wired)).double(), how).decrease(wired)
    torch.testing.assert_close(again, found)
    every = torch.ones_like(wired)
    assert (propose(signal, fan_in, torch.zeros(5, len(wired)).double(), how).decrease(every) > found).all()


def test_a_bid_by_hand() -> None:
    """w = 3, M = 2, C = 1, F = 2, T = 5: (3 x 2)^2 / 2 / (2 x 5 x 9), and half a nat is the most there is."""

    def bid(moment: float, covariance: float, wanted: float) -> float:
        matrices = (torch.full((1, 1), value, dtype=torch.float64) for value in (3.0, moment, covariance, wanted))
        return transfer_decrease(*matrices, steps=5).item()

    assert bid(2.0, 1.0, 2.0) == pytest.approx(0.2, rel=1.1 * RIDGE)
    assert bid(2.0, 1.0, 0.5) == 0.5
    assert bid(0.0, 1.0, 2.0) == 0
    assert bid(0.0, 0.0, 0.0) == 0  # all is silent
    nobody = torch.zeros(0, 1, dtype=torch.float64)
    assert transfer_decrease(torch.ones(2, 1), nobody, torch.ones(1, 1), nobody[:, :0], 5).tolist() == [0, 0]


def test_an_unwanted_target_is_not_in_the_way() -> None:
    """The adjoints of two targets are alike but for one that never wants anything."""
    w, c = torch.ones(1, 1).double(), torch.ones(1, 1).double()
    two = transfer_decrease(
        w, torch.tensor([[1.0], [0.0]]).double(), c, torch.diag(torch.tensor([4.0, 0.0])).double(), 5
    )
    assert two.item() == pytest.approx(1 / 4 / 10, rel=1.1 * RIDGE)
