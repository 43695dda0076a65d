"""A newborn by itself: its spikes on the probe, and the gradient of its weights on both sides.

It hears the spikes of the present network and is wanted by the adjoints of the present network, both frozen. That gives
the gradients of the grafted network exactly where the fan-out or the fan-in is zero, and where the newborn is silent on
the probe and hears nobody whom it drives, not even through others; elsewhere what the newborn does to others, and
through them to its own input, is left out. With u its fan-out, w its fan-in, psi the surrogate and lambda = dL/dV
(reset as in ``model.engines.dense``):

    dL/du_q = sum_t delta_q[t+1] S[t],   dL/dw_p = sum_t lambda[t] z_p[t],
    lambda[t] = a lambda[t+1] (1 - S[t] if hard) + psi(V[t] - theta) (sum_q u_q delta_q[t+1] - reset)
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.neuron import Dynamics, step_membrane


def live(fan_in: Tensor, drive: Tensor, dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """Membranes and spikes [T, C, B] of newborns.

    Args:
        fan_in: weights [C, P].
        drive: presynaptic spikes [T, P, B].
        dynamics: of one hidden neuron, [1, 1] tensors.
    """
    current = torch.einsum("cp,tpb->tcb", fan_in, drive)
    membrane, spikes = torch.empty_like(current), torch.empty_like(current)
    v = s = torch.zeros_like(current[0])
    for t in range(len(current)):
        v, s = step_membrane(v, s, current[t], dynamics)
        membrane[t], spikes[t] = v, s
    return membrane, spikes


def fan_out_gradient(spikes: Tensor, delta: Tensor) -> Tensor:
    """Per-sample gradient of the loss with respect to the fan-out, whatever it is.

    Args:
        spikes: of the newborns [T, C, B].
        delta: adjoints of the targets when those spikes arrive [T, Q, B].

    Returns:
        [C, Q, B].
    """
    return torch.einsum("tcb,tqb->cqb", spikes, delta)


def fan_in_gradient(membrane: Tensor, spikes: Tensor, grad_spikes: Tensor, drive: Tensor, dynamics: Dynamics) -> Tensor:
    """Per-sample gradient of the loss with respect to the fan-in.

    Args:
        membrane, spikes: of the newborns [T, C, B].
        grad_spikes: what their targets would like their spikes to be, sum_q u_q delta_q[t+1], [T, C, B].
        drive: presynaptic spikes [T, P, B].
        dynamics: of one hidden neuron, [1, 1] tensors.

    Returns:
        [C, P, B].
    """
    slope = dynamics.surrogate(membrane - dynamics.threshold)
    adjoint, later = torch.empty_like(membrane), torch.zeros_like(membrane[0])
    for t in reversed(range(len(membrane))):
        due = grad_spikes[t]
        if dynamics.reset_gradient:
            due = due - later * (membrane[t] * dynamics.leak if dynamics.hard else dynamics.theta)
        carried = later * dynamics.leak
        later = slope[t] * due + (carried * (1 - spikes[t]) if dynamics.hard else carried)
        adjoint[t] = later
    return torch.einsum("tcb,tpb->cpb", adjoint, drive)
