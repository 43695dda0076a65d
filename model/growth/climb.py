"""Training of candidates by themselves, all at once: fan-ins climb a score of the newborn's gradient.

The network is frozen; only the newborn's own spikes move. A step goes along the gradient of the score, through the
surrogate, and is a fixed share of the fan-in's norm long.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from model.growth.newborn import fan_in_gradient, fan_out_gradient, live
from model.neuron import Dynamics

Score = Callable[[Tensor], Tensor]  # per-sample fan-out gradients [C, Q, B] -> [C], differentiable


def climb(
    fan_in: Tensor, drive: Tensor, delta: Tensor, dynamics: Dynamics, score: Score, steps: int, length: float
) -> Tensor:
    """Fan-ins after some steps uphill [C, P]; of every candidate the best that was met.

    Args:
        fan_in: where to begin [C, P]; a weight of zero stays zero.
        drive: presynaptic spikes [T, P, B].
        delta: adjoints of the targets when the newborns' spikes arrive [T, Q, B].
        dynamics: of one hidden neuron, [1, 1] tensors.
        score: what to make large.
        steps: how many.
        length: of a step, as a share of the fan-in's norm.
    """
    best, highest = fan_in, torch.full_like(fan_in[:, 0], -torch.inf)
    for number in range(steps + 1):
        membrane, spikes = live(fan_in, drive, dynamics)
        gradient = fan_out_gradient(spikes, delta).requires_grad_()
        reached = score(gradient)
        better = reached.detach() > highest
        best = torch.where(better[:, None], fan_in, best)
        highest = torch.where(better, reached.detach(), highest)
        if number == steps:
            break
        (slope,) = torch.autograd.grad(reached.sum(), gradient)
        wanted = torch.einsum("cqb,tqb->tcb", slope, delta)
        uphill = fan_in_gradient(membrane, spikes, wanted, drive, dynamics).sum(2) * (fan_in != 0)
        size = uphill.norm(dim=1, keepdim=True)
        stride = length * fan_in.norm(dim=1, keepdim=True)
        fan_in = fan_in + torch.where(size > 0, uphill / size.clamp(min=1e-30), 0.0) * stride
    return best
