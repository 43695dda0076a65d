"""The dense engine: vectorised torch over all tiles, forward and backward over all of time, by hand.

Per step it gathers what drives every crossbar row and multiplies all crossbars at once. Backward runs the adjoint
recursion and makes the weight gradient afterwards. It always multiplies whole crossbars, so that filling in a free
row or column never reorders a sum over old ones. Neurons come first and samples last in every array: rows are then
copied in one piece. It knows no readout, no loss and no growth.

Adjoints, with psi the surrogate and lambda[t] = dL/dV[t] (detached reset):
    lambda[t] = a lambda[t+1] (1 - S[t] if hard) + psi(V[t] - theta) (dL/dS[t] + sum over driven rows of W delta[t+1])
and delta[t] = dL/dI[t] = lambda[t]. Where synapses are slow, and where thresholds adapt (``model.neuron``):
    delta[t] = lambda[t] + k delta[t+1]
    mu[t] = dL/dA[t] = r mu[t+1] - b psi(V[t] - b A[t] - theta) dL/dS[t], and dL/dS[t] gains mu[t+1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smalti.model.neuron import Dynamics


@dataclass(frozen=True)
class Wiring:
    """The links in the form the engine reads; remade when links change."""

    rows: Tensor  # [K * R] int: index of the source of each row; N + I for a free row (always silent)
    fan_out: Tensor  # [links of neurons] int: rows driven, sorted by source
    fan_out_start: Tensor  # [N + 1] int: where the rows of each neuron begin in fan_out
    tiles: int  # K
    neurons: int  # N
    channels: int  # I

    @staticmethod
    def of(source: Tensor, neurons: int, channels: int) -> Wiring:
        """Wiring of a source table [K, R] whose free rows are -1."""
        flat = source.reshape(-1)
        order = torch.argsort(flat, stable=True)
        count = torch.bincount(flat + 1, minlength=neurons + channels + 1)
        start = count[: neurons + 1].cumsum(0)
        rows = torch.where(flat < 0, neurons + channels, flat)
        first, last = int(start[0]), int(start[-1])
        return Wiring(rows, order[first:last], start - first, source.shape[0], neurons, channels)


@dataclass(frozen=True)
class Tape:
    """What the forward pass leaves for the backward pass."""

    presynaptic: Tensor  # [T + 1, N + I + 1, B] what drives rows at each step: S[t-1], then input x[t], then silence
    membrane: Tensor  # [T, N, B]
    trace: Tensor | None = None  # [T, N, B] A of the thresholds; None where none adapts

    @property
    def spikes(self) -> Tensor:
        """Spikes of the neurons, [T, N, B]."""
        return self.presynaptic[1:, : self.membrane.shape[1]]


def forward(weight: Tensor, wiring: Wiring, dynamics: Dynamics, x: Tensor) -> Tape:
    """Run all neurons over all of time.

    Args:
        weight: crossbar devices [K, R, n], zero where no device is in use.
        wiring: links.
        dynamics: neuron parameters.
        x: input spikes [T, I, B], same dtype as the weights.
    """
    steps, channels, batch = x.shape
    neurons = wiring.neurons
    presynaptic = weight.new_zeros(steps + 1, neurons + channels + 1, batch)
    presynaptic[:steps, neurons : neurons + channels] = x
    membrane = weight.new_empty(steps, neurons, batch)
    transposed = weight.transpose(1, 2).contiguous()  # [K, n, R]
    rows = weight.new_empty(wiring.rows.shape[0], batch)
    current = weight.new_empty(wiring.tiles, transposed.shape[1], batch)
    previous = weight.new_zeros(neurons, batch)
    synapse, adaptation = dynamics.synapse, dynamics.adaptation
    arriving = current.view(neurons, batch) if synapse is None else torch.zeros_like(previous)
    trace = None if adaptation is None else torch.zeros_like(membrane)
    for t in range(steps):
        torch.index_select(presynaptic[t], 0, wiring.rows, out=rows)
        torch.bmm(transposed, rows.view(wiring.tiles, -1, batch), out=current)
        if synapse is not None:
            arriving.mul_(synapse).add_(current.view(neurons, batch))
        spikes = presynaptic[t, :neurons]
        torch.mul(previous, dynamics.leak, out=membrane[t])
        if dynamics.hard:
            membrane[t].addcmul_(membrane[t], spikes, value=-1.0)
        else:
            membrane[t].sub_(spikes, alpha=dynamics.theta)
        potential = previous = membrane[t].add_(arriving)
        if adaptation is not None and trace is not None:
            if t > 0:
                torch.mul(trace[t - 1], adaptation.recovery, out=trace[t]).add_(spikes)
            potential = previous - adaptation.strength * trace[t]
        torch.ge(potential, dynamics.threshold, out=presynaptic[t + 1, :neurons])
    return Tape(presynaptic, membrane, trace)


def adjoints(
    weight: Tensor,
    wiring: Wiring,
    dynamics: Dynamics,
    tape: Tape,
    outputs: Tensor,
    grad_membrane: Tensor,
    grad_spikes: Tensor,
) -> Tensor:
    """Gradient of a loss with respect to the input current of every neuron at every step.

    Args:
        weight, wiring, dynamics: as in ``forward``, which left the tape.
        outputs: slots of output units [O].
        grad_membrane: direct gradient with respect to their V [T, O, B].
        grad_spikes: direct gradient with respect to every spike of a neuron [N, B], the same at all steps.

    Returns:
        delta [T, N, B].
    """
    steps, _, batch = tape.membrane.shape
    spikes = tape.spikes
    delta = torch.empty_like(tape.membrane)
    behind = weight.new_empty(wiring.tiles, weight.shape[1], batch)  # what rows would like to receive
    grad_spike = grad_spikes
    later = torch.zeros_like(grad_spikes)
    adaptation, of_trace = dynamics.adaptation, torch.zeros_like(grad_spikes)
    for t in reversed(range(steps)):
        if dynamics.reset_gradient:
            reset = tape.membrane[t] * dynamics.leak if dynamics.hard else dynamics.theta
            grad_spike = grad_spike - later * reset
        carried = later * dynamics.leak
        if dynamics.hard:
            carried.addcmul_(carried, spikes[t], value=-1.0)
        potential = tape.membrane[t]
        if adaptation is not None and tape.trace is not None:
            potential = potential - adaptation.strength * tape.trace[t]
            grad_spike = grad_spike + of_trace
        slope = dynamics.surrogate(potential - dynamics.threshold)
        torch.mul(grad_spike, slope, out=delta[t])
        if adaptation is not None:
            of_trace.mul_(adaptation.recovery).sub_(adaptation.strength * delta[t])
        later = delta[t].add_(carried).index_add_(0, outputs, grad_membrane[t])
        if dynamics.synapse is not None:
            later = later.clone()
            if t + 1 < steps:
                delta[t].addcmul_(delta[t + 1], dynamics.synapse)
        torch.bmm(weight, delta[t].view(wiring.tiles, -1, batch), out=behind)
        grad_spike = grad_spikes + gather_fan_out(behind, wiring)
    return delta


def gather_fan_out(rows: Tensor, wiring: Wiring) -> Tensor:
    """Sum over the rows that each neuron drives, [K, R, B] -> [N, B], in a fixed order."""
    summed: Tensor = torch.embedding_bag(
        rows.view(wiring.rows.shape[0], -1),
        wiring.fan_out,
        wiring.fan_out_start,
        False,
        0,
        False,
        None,
        True,
    )[0]
    return summed


def weight_gradient(wiring: Wiring, tape: Tape, delta: Tensor, shape: torch.Size) -> Tensor:
    """dL/dW [K, R, n] = sum over time and samples of presynaptic x delta."""
    gradient = delta.new_zeros(shape)
    batch = delta.shape[2]
    rows = delta.new_empty(wiring.rows.shape[0], batch)
    for t in range(delta.shape[0]):
        torch.index_select(tape.presynaptic[t], 0, wiring.rows, out=rows)
        target = delta[t].view(wiring.tiles, -1, batch).transpose(1, 2)
        gradient.baddbmm_(rows.view(wiring.tiles, -1, batch), target)
    return gradient


class _Simulate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, wiring: Wiring, dynamics: Dynamics, x: Tensor, outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        tape = forward(weight, wiring, dynamics, x)
        ctx.wiring, ctx.dynamics = wiring, dynamics
        ctx.save_for_backward(weight, outputs, tape.presynaptic, tape.membrane, tape.trace)
        return tape.membrane[:, outputs], tape.spikes.sum(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        grad_outputs, grad_counts = gradients
        weight, outputs, *taped = ctx.saved_tensors
        tape = Tape(*taped)
        delta = adjoints(weight, ctx.wiring, ctx.dynamics, tape, outputs, grad_outputs, grad_counts)
        return weight_gradient(ctx.wiring, tape, delta, weight.shape), None, None, None, None


def simulate(weight: Tensor, wiring: Wiring, dynamics: Dynamics, x: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiable run: output membranes [T, O, B] and spike counts [N, B].

    Args:
        weight, wiring, dynamics, x: as in ``forward``; gradients flow to the weights only.
        outputs: slots of the output units [O].
    """
    membrane, counts = _Simulate.apply(weight, wiring, dynamics, x, outputs)  # type: ignore[no-untyped-call]
    return membrane, counts
