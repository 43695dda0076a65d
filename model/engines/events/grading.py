"""What a step of training asks of a batch beside its runs, in numba: slopes, and how often inputs spiked.

Same formulas as in torch, same numbers but for the order of sums that are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.events.circuit import Block
from smalti.model.engines.events.kernels.compiled import kernel
from smalti.model.engines.events.kernels.forward import CHANNELS, Floats
from smalti.model.engines.events.kernels.lanes import item, put
from smalti.model.engines.events.plan import Array, Bools, Ints


def of_mean(slope: Tensor, steps: int) -> Tensor:
    """From the slope of a mean over time [B, O] to that of membranes [T, O, B]."""
    of_membrane = slope.new_empty(steps, slope.shape[1], slope.shape[0])
    of_membrane.numpy()[:] = slope.numpy().T / steps
    return of_membrane


def of_labels(logits: Tensor, target: Tensor) -> tuple[float, float, Tensor]:
    """Mean cross-entropy of logits [B, O] against labels [B], the share of right ones, and its slope [B, O]."""
    log_p = logits.log_softmax(1)
    slope = log_p.exp()
    loss, right = _of_labels(log_p.view(-1).numpy(), target.numpy(), slope.view(-1).numpy())
    return loss / len(target), right / len(target), slope


def of_squares(outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[float, Tensor]:
    """Mean weighted squared error of outputs [B, T, O] at steps of weights [B, T], and its slope [B, T, O]."""
    membrane = outputs.permute(1, 2, 0).contiguous()  # as the engine leaves it: it is not copied then
    slope = torch.empty_like(membrane)
    asked = (part.contiguous().view(-1).numpy() for part in (targets.to(membrane), weights.to(membrane)))
    loss = _of_squares(membrane.numpy(), *asked, slope.numpy())
    return loss / len(outputs), slope.permute(2, 0, 1)


def of_excess(hidden: Tensor, counts: Tensor, steps: int, limit: float, weight: float) -> Tensor | None:
    """Slope [N, B] of the penalty on neurons [N] bool that spike too often, of counts [N, B]; None for zero."""
    slope = torch.empty_like(counts)
    numbers = np.array([limit * steps, steps, limit, 2, weight, counts.shape[1]], dtype=slope.numpy().dtype)
    return slope if _of_excess(hidden.numpy(), counts.numpy().reshape(-1), numbers, slope.numpy().reshape(-1)) else None


def input_spikes(blocks: Sequence[Block], channels: int) -> Tensor:
    """Input spikes of every channel [I] float64 in blocks that have run and kept their tapes."""
    spikes = np.zeros(channels)
    for block in blocks:
        tape = block.tape
        _count_inputs(tape.inputs, tape.strength, tape.inputs_at, spikes)
    return torch.from_numpy(spikes)


@kernel
def _of_labels(log_p: Floats, target: Ints, slope: Floats) -> tuple[float, int]:
    """Sum of the losses, and how many are right; all flat. ``slope`` holds the probabilities and is changed."""
    batch = target.size
    classes, loss, right = log_p.size // batch, 0.0, 0
    count, share = slope.dtype.type(batch), slope.dtype.type(1 / batch)
    for sample in range(batch):
        here, label, best = sample * classes, item(target, sample), 0
        for k in range(classes):
            if item(log_p, here + k) > item(log_p, here + best):
                best = k
            put(slope, here + k, item(slope, here + k) / count)
        put(slope, here + label, item(slope, here + label) - share)
        loss -= float(item(log_p, here + label))
        right += best == label
    return loss, right


@kernel
def _of_squares(outputs: Floats, targets: Floats, weights: Floats, slope: Floats) -> float:
    """Sum of the losses. Outputs and slope are [T, O, B], targets flat [B * T * O], weights flat [B * T]."""
    steps, count, batch = outputs.shape
    loss, one, mean = 0.0, slope.dtype.type(1), slope.dtype.type(1 / batch)
    for sample in range(batch):
        asked = item(weights, sample * steps)
        for t in range(1, steps):
            asked += item(weights, sample * steps + t)
        for t in range(steps):
            weight = item(weights, sample * steps + t)
            for k in range(count):
                here = (t * count + k) * batch + sample
                wrong = item(outputs, here) - item(targets, (sample * steps + t) * count + k)
                put(slope, here, (wrong + wrong) * (weight * (one / asked * mean)))
                loss += float(wrong * wrong * weight / asked)
    return loss


@kernel
def _of_excess(hidden: Bools, counts: Floats, numbers: Floats, slope: Floats) -> bool:
    """Whether there is any. ``numbers``: limit of a count, steps, limit of a rate, 2, weight, samples."""
    batch, some = counts.size // hidden.size, False
    for neuron in range(hidden.size):
        mean = item(numbers, 0) - item(numbers, 0)
        value, here = mean, neuron * batch
        if item(hidden, neuron):
            for sample in range(batch):
                mean += item(counts, here + sample)
            mean /= item(numbers, 5)
            if mean > item(numbers, 0):
                some = True
            above = max(mean / item(numbers, 1) - item(numbers, 2), value)
            value = above * item(numbers, 3) * item(numbers, 4) / item(numbers, 1) / item(numbers, 5)
        for sample in range(batch):
            put(slope, here + sample, value)
    return some


@kernel
def _count_inputs(inputs: Array, strength: Floats, inputs_at: Ints, spikes: Array) -> None:
    """Add up the input events of a tape by channel."""
    for event in range(item(inputs_at, inputs_at.size - 1)):
        channel = item(inputs, event) % CHANNELS
        put(spikes, channel, item(spikes, channel) + float(item(strength, event)))
