"""What a newborn is worth: predicted decrease of the mean loss, in nats per sample or in the loss's own unit.

By its input (``transfer_decrease``), which is what candidates bid. Before it spikes, a newborn of fan-in w could send
its targets the current y[t] = w zbar[t]. With M and C of ``model.growth.signal`` and F = E sum_t delta delta^T of the
targets, the best step of its fan-out lowers the loss, to second order and with the Fisher information taken apart into
what the targets want and what it sends (as in K-FAC, Martens & Grosse 2015, arXiv 1503.05671; summed over time by its
largest value), by

    (M w)^T F^-1 (M w) / (2 E sum_t y[t]^2) = (M w)^T F^-1 (M w) / (2 T w C w)

half the squared multiple correlation of y with the adjoints: at most half a nat. Under another loss that share is worth
what ``Criterion.worth`` says. It needs no spikes of the newborn and ranks candidates better than whatever else was
tried (``benchmarks/bids.py``).

By its spikes (``predicted_decrease``). A newborn k with fan-out 0 changes nothing; the gradient of sample b with
respect to its weight onto target q is g_qb = sum_t delta_q[t+1] S_k[t]. A step of length eta against a direction d
changes the mean loss, to second order with the Fisher matrix as curvature, by -eta d.E[g] + eta^2 / 2 E[w (d.g)^2],
which is best at (d.E[g])^2 / (2 E[w (d.g)^2]). w turns the square of a sample's gradient into its Fisher information:
(1 - r) / r with r = 1 - exp(-loss) the probability given to wrong answers, exact for two classes; never below 1, so
that confidently wrong samples stay damped (other losses: ``Criterion.information``). The direction is taken from one
half of the probe and the step judged on the other half, so that a gradient which is only noise is worth nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.criterion import NATS, Criterion

RIDGE = 1e-3  # on the diagonal of F, as a share of its mean


def predicted_decrease(gradient: Tensor, loss: Tensor, seen: bool = False, criterion: Criterion = NATS) -> Tensor:
    """By how much the mean loss falls at the best step along the gradient, in the loss's unit per sample.

    Args:
        gradient: per-sample gradients [..., Q, B], B at least 2.
        loss: of each sample [B].
        seen: the first of every two samples has been used to make the gradients large: judge by the others alone.
        criterion: which loss that is.

    Returns:
        [...], 0 or more; about half the mean loss where one direction helps all samples alike.
    """
    weight = criterion.information(loss)
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


def transfer_decrease(fan_in: Tensor, moment: Tensor, covariance: Tensor, target_fisher: Tensor, steps: int) -> Tensor:
    """Nats per sample by which the mean loss falls at the best step of the fan-out, as if currents were sent.

    Args:
        fan_in: [C, P], of any length.
        moment: M of the targets [Q, P].
        covariance: C [P, P].
        target_fisher: F of the targets [Q, Q].
        steps: T.

    Returns:
        [C], 0 to 1/2; 0 for who hears nothing.
    """
    if not len(moment):
        return torch.zeros_like(fan_in[:, 0])
    correlation = (fan_in @ moment.T).double()
    power = steps * torch.einsum("cp,pr,cr->c", fan_in, covariance, fan_in).double()
    level = RIDGE * float(target_fisher.diagonal().mean()) + 1e-30
    fisher = target_fisher.double() + level * torch.eye(len(moment), dtype=torch.float64, device=moment.device)
    gain = (correlation * torch.linalg.solve(fisher, correlation.T).T).sum(1)
    decrease: Tensor = (gain / (2 * power.clamp(min=1e-30))).clamp(0, 0.5).to(fan_in)
    return decrease
