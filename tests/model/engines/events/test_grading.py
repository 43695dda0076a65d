"""Slopes by kernels against those of torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.criterion import CRITERIA
from smalti.model.entering import spikes_of_channels
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.scheduler.learning.training import TrainingOptions, slope_of_excess
from smalti.scheduler.streams.scores import LAST, NEAR, THRESHOLD, direction

pytest.importorskip("numba", reason="numba is not installed")

DTYPES = (torch.float32, torch.float64)


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_labels_are_graded_as_by_torch(dtype: torch.dtype, batch: int) -> None:
    from smalti.model.engines.events.grading import of_labels

    logits = drawn(3, batch, dtype=dtype).T.clone(memory_format=torch.preserve_format)
    logits[0, 1] = -torch.inf  # not told apart
    target = torch.arange(batch) % 2 * 2
    known = logits.clone().requires_grad_()
    cross_entropy(known, target).backward()
    loss, right, slope = of_labels(logits, target)
    assert loss == pytest.approx(float(cross_entropy(logits, target)), rel=1e-6)
    assert right == pytest.approx(float((logits.argmax(1) == target).double().mean()))
    torch.testing.assert_close(slope, known.grad)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_are_graded_as_by_the_criterion(dtype: torch.dtype) -> None:
    from smalti.model.engines.events.grading import of_squares

    outputs = drawn(9, 2, 5, dtype=dtype).permute(2, 0, 1)
    targets, weights = drawn(5, 9, 2, seed=1), drawn(5, 9, seed=2).abs().round() + torch.eye(5, 9)
    criterion = CRITERIA["squared_error"]
    loss, slope = of_squares(outputs, targets, weights)
    assert loss == pytest.approx(float(criterion.losses(outputs, targets, weights).mean()), rel=1e-6)
    assert torch.equal(slope, criterion.slopes(outputs, targets, weights))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("limit", [0.25, 0.9])
def test_the_penalty_on_high_rates_has_the_same_bits(dtype: torch.dtype, limit: float) -> None:
    counts = drawn(12, 7, dtype=dtype).abs().mul(4).round()
    hidden = torch.arange(12) % 3 > 0
    options = TrainingOptions(rate_limit=limit, rate_weight=0.7)
    known, found = (slope_of_excess(hidden, counts, 10, options, fused) for fused in (False, True))
    assert (known is None) == (limit == 0.9)
    if known is not None:
        assert found is not None
        assert found.any()
        assert torch.equal(found, known)
    else:
        assert found is None


def test_the_slope_of_a_mean_has_the_same_bits() -> None:
    from smalti.model.engines.events.grading import of_mean

    slope = drawn(6, 3)
    assert torch.equal(of_mean(slope, 25), (slope.T / 25).expand(25, 3, 6))


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_input_spikes_are_counted_by_channel(kind: Any) -> None:
    """In a batch of several blocks; numbers of spikes need not be 0 or 1."""
    network = Network(Fabric(FabricOptions(rows=1, cols=1)), 11, NetworkOptions(engine="events"))
    x = drawn(70, 5, 11).abs().mul(1.5).floor().to(kind)
    network.state.output[:2] = network.state.alive[:2] = True
    found = network.record(x, torch.arange(2)).input_spikes
    assert found.dtype == torch.float64
    assert torch.equal(found, spikes_of_channels(x))


def trials(count: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, targets and weights of trials of two or three phases with pauses between some of them."""
    chance = torch.Generator().manual_seed(3)
    targets, weights = torch.zeros(count, steps, 3), torch.zeros(count, steps)
    for k in range(count):
        first, second = sorted((torch.randperm(steps - 3, generator=chance)[:2] + 1).tolist())
        weights[k, : first if k % 3 else 0] = 1
        weights[k, first + k % 2 : second] = 1
        weights[k, second + (k + 1) % 2 : steps - k % 4] = 5
        angle = float(torch.rand(1, generator=chance) * 7)
        targets[k, :second, 0] = 1
        targets[k, second:] = torch.tensor(
            [0.0 if k % 5 else 1.0, *torch.tensor([angle, angle - 1.571]).cos().tolist()]
        )
    outputs = targets + torch.randn(targets.shape, generator=chance)
    return outputs, targets, weights


def test_the_score_of_directions_is_that_of_the_stream() -> None:
    from smalti.model.engines.events.kernels import trials as kernels

    outputs, targets, weights = trials(200, 30)
    known = direction(outputs, targets, weights)
    assert 0.2 < known < 0.9
    assert kernels.direction(outputs, targets, weights, THRESHOLD, NEAR, LAST) == pytest.approx(known)
    for k in range(len(outputs)):  # each trial alone
        one = outputs[k : k + 1], targets[k : k + 1], weights[k : k + 1]
        assert kernels.direction(*one, THRESHOLD, NEAR, LAST) == direction(*one)
