"""Training of newborns by themselves, all at once: fan-ins climb a score of the newborn's gradient.

The network is frozen; only the newborn's own spikes move. A step goes along the gradient of the score, through the
surrogate, less the part along the gradient of the newborn's firing rate, and is a fixed share of the fan-in's norm
long. Then the fan-in is calibrated again. Without both, most scores are climbed by firing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from smalti.model.growth.newborns.calibrate import calibrate
from smalti.model.growth.newborns.newborn import fan_in_gradient, fan_out_gradient, live
from smalti.model.growth.newborns.proposal import Proposal, propose
from smalti.model.growth.options import GrowthOptions

Score = Callable[[Tensor], Tensor]  # per-sample fan-out gradients [C, Q, B] -> [C], differentiable
ROUNDING = 1e-5  # of a gradient: if no more is left beside the rate, nothing is
LENGTH = 0.2  # of a step, as a share of the fan-in's norm


def climb(start: Proposal, options: GrowthOptions, score: Score, length: float = LENGTH) -> Proposal:
    """Newborns after ``growth.practice`` steps uphill; of each the best that was met.

    Args:
        start: calibrated newborns; a weight of zero stays zero.
        options: with the number of steps, and the firing rate.
        score: what to make large.
        length: of a step, as a share of the fan-in's norm.
    """
    signal, dynamics, fan_in = start.signal, start.dynamics, start.fan_in
    best, highest = fan_in, torch.full_like(fan_in[:, 0], -torch.inf)
    for number in range(options.practice + 1):
        membrane, spikes = live(fan_in, signal.drive, dynamics)
        gradient = fan_out_gradient(spikes, signal.delta).requires_grad_()
        reached = score(gradient)
        better = reached.detach() > highest
        best = torch.where(better[:, None], fan_in, best)
        highest = torch.where(better, reached.detach(), highest)
        if number == options.practice:
            break
        (slope,) = torch.autograd.grad(reached.sum(), gradient)
        wishes = torch.einsum("cqb,tqb->tcb", slope, signal.delta), torch.ones_like(spikes)
        uphill, faster = (
            fan_in_gradient(membrane, spikes, wish, signal.drive, dynamics).sum(2) * (fan_in != 0) for wish in wishes
        )
        stride = length * fan_in.norm(dim=1, keepdim=True)
        fan_in = fan_in + _direction(uphill, faster) * stride
        fan_in = fan_in * calibrate(fan_in, signal.drive, options.target_rate, dynamics)[0][:, None]
    return replace(propose(signal, best, start.fan_out, dynamics), seen=start.seen)


def _direction(uphill: Tensor, faster: Tensor) -> Tensor:
    """Unit vectors along what is uphill [C, P] and at right angles to what only makes faster; zero where nothing is."""
    along = _unit(faster)
    beside = uphill - (uphill * along).sum(1, keepdim=True) * along
    left: Tensor = beside.norm(dim=1, keepdim=True) > ROUNDING * uphill.norm(dim=1, keepdim=True)
    return _unit(beside) * left


def _unit(vectors: Tensor) -> Tensor:
    length: Tensor = vectors.norm(dim=1, keepdim=True)
    return vectors / length.clamp(min=1e-30)
