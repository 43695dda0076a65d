"""What a growth rule answers: calibrated newborns with a predicted value.

A rule is a function ``(signal, count, options, dynamics, generator) -> Proposal``. This module finishes what
zero-fan-out rules have in common: calibration of the fan-in, choice of the sign, value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.growth.calibrate import calibrate
from model.growth.options import GrowthOptions
from model.growth.signal import TileSignal
from model.growth.value import fan_out_gradient, predicted_decrease
from model.neuron import Dynamics


@dataclass(frozen=True)
class Proposal:
    """Newborns that a tile could send into the auction, best first."""

    signal: TileSignal
    fan_in: Tensor  # [C, P] weights onto signal.sources; zero where a tap is not wanted
    fan_out: Tensor  # [C, Q] weights onto signal.targets
    gradient: Tensor  # [C, Q, B] per-sample gradient of the loss with respect to the fan-out
    rate: Tensor  # [C] spikes per step on the probe

    def decrease(self, targets: Tensor) -> Tensor:
        """Predicted decrease [C] with only these of the signal's targets wired ([Q] bool)."""
        return predicted_decrease(self.gradient[:, targets], self.signal.loss)


GrowthRule = Callable[[TileSignal, int, GrowthOptions, Dynamics, np.random.Generator], Proposal]


def finish(signal: TileSignal, directions: Tensor, options: GrowthOptions, dynamics: Dynamics) -> Proposal:
    """Zero-fan-out newborns from fan-in directions [C, P]: drop weak new taps, calibrate, choose the sign.

    Of +w and -w the one with the larger true gradient norm || E sum_t delta S || is kept; directions that cannot be
    made to fire are left out.
    """
    directions = _drop_weak_taps(signal, directions)
    count = directions.shape[0]
    both = torch.cat([directions, -directions])
    scale, spikes = calibrate(both, signal.drive, options.target_rate, dynamics)
    gradient = fan_out_gradient(spikes, signal.delta)
    rate = spikes.mean((0, 2))
    strength = torch.where(rate > 0, gradient.mean(2).norm(dim=1), -1.0)
    plus = strength[:count] >= strength[count:]
    chosen = torch.arange(count, device=plus.device) + torch.where(plus, 0, count)
    chosen = chosen[strength[chosen] >= 0]
    fan_in = both[chosen] * scale[chosen, None]
    fan_out = fan_in.new_zeros(len(chosen), len(signal.targets))
    return Proposal(signal, fan_in, fan_out, gradient[chosen], rate[chosen])


def _drop_weak_taps(signal: TileSignal, directions: Tensor) -> Tensor:
    """Cut new taps that would carry less than their fair share of the fan-in's variance."""
    power = directions.square() * signal.covariance.diagonal()
    share = power / power.sum(1, keepdim=True).clamp(min=1e-30)
    weak = signal.new & (share < 1 / directions.shape[1])
    return directions.masked_fill(weak, 0)
