"""A newborn by itself: its spikes on the probe, and the gradient of its weights on both sides.

It hears the spikes of the present network and is wanted by the adjoints of the present network, both frozen. That gives
the gradients of the grafted network exactly where the fan-out or the fan-in is zero, and where the newborn is silent on
the probe and hears nobody whom it drives, not even through others; elsewhere what the newborn does to others, and
through them to its own input, is left out. With u its fan-out, w its fan-in, psi the surrogate and lambda = dL/dV
(reset as in ``model.engines.dense``):

    dL/du_q = sum_t delta_q[t+1] S[t],   dL/dw_p = sum_t lambda[t] z_p[t],
    lambda[t] = a lambda[t+1] (1 - S[t] if hard) + psi(V[t] - theta) (sum_q u_q delta_q[t+1] - reset)

A slow synapse and an adapting threshold take part as they do in the engine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.neuron import Dynamics, Neurons, step


def live(fan_in: Tensor, drive: Tensor, dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """Membranes and spikes [T, C, B] of newborns.

    Args:
        fan_in: weights [C, P].
        drive: presynaptic spikes [T, P, B].
        dynamics: of one hidden neuron, [1, 1] tensors.
    """
    current = torch.einsum("cp,tpb->tcb", fan_in, drive)
    membrane, spikes = torch.empty_like(current), torch.empty_like(current)
    now = Neurons.at_rest(current[0])
    for t in range(len(current)):
        now = step(now, current[t], dynamics)
        membrane[t], spikes[t] = now.membrane, now.spikes
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
    potential, adaptation = membrane, dynamics.adaptation
    if adaptation is not None:
        potential = membrane - adaptation.strength * adaptation.trace(spikes)
    slope = dynamics.surrogate(potential - dynamics.threshold)
    adjoint = torch.empty_like(membrane)
    wanted = of_trace = later = torch.zeros_like(membrane[0])
    for t in reversed(range(len(membrane))):
        due = grad_spikes[t]
        if dynamics.reset_gradient:
            due = due - later * (membrane[t] * dynamics.leak if dynamics.hard else dynamics.theta)
        if adaptation is not None:
            due = due + of_trace
        through = slope[t] * due
        carried = later * dynamics.leak
        later = through + (carried * (1 - spikes[t]) if dynamics.hard else carried)
        if adaptation is not None:
            of_trace = of_trace * adaptation.recovery - adaptation.strength * through
        wanted = later if dynamics.synapse is None else later + dynamics.synapse * wanted
        adjoint[t] = wanted
    return torch.einsum("tcb,tpb->cpb", adjoint, drive)
