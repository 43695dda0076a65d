"""How wrong outputs are where something is asked of them at single time steps, and what curvature that loss has.

A sample has targets y [T, O] and weights w [T]: w = 0 where nothing is asked. With z the output membranes, its loss is

    squared_error:  sum_t w[t] |z[t] - y[t]|^2 / sum_t w[t]
    cross_entropy:  -sum_t w[t] sum_o y_o[t] log softmax(z[t])_o / sum_t w[t]       in nats

A label for a whole sample is the special case of one read-out over all steps (``Network.read``) under cross_entropy.

Growth needs two more things. ``information`` turns the square of a sample's gradient along a direction into its Fisher
information there: (1 - r) / r with r = 1 - exp(-loss) under cross_entropy (exact for two classes), 1 / (2 loss) for
a square, whose gradient is 2 sqrt(loss) and whose curvature is 2. ``worth`` is the value of half the squared multiple
correlation with the adjoints (``model.growth.value``): a nat under cross_entropy; twice the mean loss under a square,
for the share of the adjoints that is explained is the share of the loss that goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST = 1e-6  # loss of a sample, where it divides


@dataclass(frozen=True)
class Criterion:
    """An entry of ``CRITERIA``."""

    unit: str  # of the loss, and so of values and prices
    per_step: Callable[[Tensor, Tensor], Tensor]  # outputs and targets [..., O] -> loss [...]
    slope_per_step: Callable[[Tensor, Tensor], Tensor]  # and its gradient with respect to the outputs [..., O]
    information: Callable[[Tensor], Tensor]  # loss of each sample [B] -> [B], at least 0
    worth: Callable[[Tensor], Tensor]  # loss of each sample [B] -> a scalar
    expected: Callable[[Tensor], Tensor]  # outputs [..., O] -> the target that they expect
    outputs: Callable[[Tensor], Tensor]  # and back: the outputs that expect a target
    squared: bool = False  # whether it is a squared error, whose best linear read-out has a closed form

    def losses(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Loss of every sample [B].

        Args:
            outputs: of the output units [B, T, O].
            targets: what they should be [B, T, O].
            weights: of the steps [B, T], not all 0 for a sample.
        """
        wrong = self.per_step(outputs, targets.to(outputs))
        weights = weights.to(outputs)
        return (wrong * weights).sum(1) / weights.sum(1)

    def slopes(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Gradient [B, T, O] of the mean of ``losses`` with respect to the outputs; arguments as there."""
        weights = weights.to(outputs)
        shares = weights * (1 / len(outputs) / weights.sum(1, keepdim=True))
        return self.slope_per_step(outputs, targets.to(outputs)).mul_(shares[..., None])


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().sum(-1)


def _slope_of_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).mul_(2)


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return -(targets * outputs.log_softmax(-1)).sum(-1)


def _slope_of_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.softmax(-1) * targets.sum(-1, keepdim=True)).sub_(targets)


NATS = Criterion(
    unit="nats",
    per_step=_cross_entropy,
    slope_per_step=_slope_of_cross_entropy,
    information=lambda loss: (1 / torch.expm1(loss).clamp(min=SMALLEST)).clamp(min=1),
    worth=lambda loss: torch.ones((), dtype=loss.dtype, device=loss.device),
    expected=lambda outputs: outputs.softmax(-1),
    outputs=torch.log,
)

CRITERIA: dict[str, Criterion] = {
    "cross_entropy": NATS,
    "squared_error": Criterion(
        unit="squared error",
        per_step=_squared_error,
        slope_per_step=_slope_of_squared_error,
        information=lambda loss: 1 / (2 * loss.clamp(min=SMALLEST)),
        worth=lambda loss: 2 * loss.mean(),
        expected=lambda outputs: outputs,
        outputs=lambda expected: expected,
        squared=True,
    ),
}
