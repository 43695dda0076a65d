"""What a newborn is worth: predicted decrease of the mean loss, in nats per sample.

A newborn k with fan-out 0 changes nothing; the gradient of sample b with respect to its weight onto target q is
g_qb = sum_t delta_q[t+1] S_k[t]. A step of length eta against a direction d changes the mean loss, to second order with
the Fisher matrix as curvature, by -eta d.E[g] + eta^2 / 2 E[w (d.g)^2], which is best at (d.E[g])^2 / (2 E[w (d.g)^2]).
w turns the square of a sample's gradient into its Fisher information: (1 - r) / r with r = 1 - exp(-loss) the
probability given to wrong answers, exact for two classes; never below 1, so that confidently wrong samples stay damped.
The direction is taken from one half of the probe and the step judged on the other half, so that a gradient
which is only noise is worth nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor


def predicted_decrease(gradient: Tensor, loss: Tensor, seen: bool = False) -> Tensor:
    """Nats per sample by which the mean loss falls at the best step along the gradient.

    Args:
        gradient: per-sample gradients [..., Q, B], B at least 2.
        loss: cross-entropy of each sample [B], nats.
        seen: the first of every two samples has been used to make the gradients large: judge by the others alone.

    Returns:
        [...], 0 or more; about half the mean loss where one direction helps all samples alike.
    """
    weight = (1 / torch.expm1(loss).clamp(min=1e-6)).clamp(min=1)
    largest = gradient.abs().amax((-2, -1), keepdim=True) if gradient.numel() else gradient
    gradient = gradient / largest.clamp(min=torch.finfo(gradient.dtype).tiny)  # the answer does not depend on scale
    halves = (gradient[..., ::2], weight[::2]), (gradient[..., 1::2], weight[1::2])
    gains = []
    for (here, _), (there, information) in (halves, halves[::-1]):
        direction = here.mean(-1, keepdim=True)
        along = (direction * there).sum(-2)  # [..., B/2]: d.g of each sample of the other half
        slope = along.mean(-1).clamp(min=0)
        curvature = (information * along.square()).mean(-1)
        gains.append(slope.square() / (2 * curvature).clamp(min=1e-30))
    return gains[0] if seen else (gains[0] + gains[1]) / 2
