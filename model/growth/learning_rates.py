"""How what has grown is trained: learning rates by age and by stage, and old weights that make room for new inputs.

A stage is one growth event of an expert: 0 is what was laid at its opening (seed and outputs), and every auction of
newborns that follows has the next number. A device belongs to the stage of the later-born of its row's source and its
column's neuron, which is the newborn that it was grafted with. Its age is the number of steps that it has taken since.
Knows no agents and no experts, only masks of neurons.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.options import ranges
from smalti.model.options.values import settle
from smalti.model.state import ChipState


@dataclass(frozen=True, kw_only=True)
class NewbornOptions:
    """How newborns are raised; devices of a seed expert are nobody's newborns.

    Attributes:
        rate: learning rate of newborn devices while they are young, as a multiple of the usual one.
        warm_up: steps of its life over which a newborn device's learning rate rises linearly; 0 does without.
        youth: steps of its life after which the multiple of a newborn device ends; 0 never ends it.
        rate_adaptation: scale the learning rate of every growth stage by the norm of its weights over that of the
            seed's (arXiv 2306.12700).
        variance_transfer: shrink the old inputs of neurons that get new ones (arXiv 2306.12700); growth then changes
            what the network computes.
    """

    rate: float = 1.0
    warm_up: int = 0
    youth: int = 0
    rate_adaptation: bool = False
    variance_transfer: bool = False

    def __post_init__(self) -> None:
        settle(self, "growth.newborns")
        ranges.positive("growth.newborns", self, "rate", most=1e6)
        ranges.not_negative("growth.newborns", self, "warm_up", "youth", most=ranges.EVER)


def begin_stage(state: ChipState, before: Tensor, expert: Tensor, options: NewbornOptions) -> None:
    """After a growth event: give its devices the expert's next stage and let old devices make room for them.

    Args:
        state: its ``stage`` is set; its weights change with ``variance_transfer`` only.
        before: devices in use before the event [K, R, n] bool.
        expert: neurons of the expert that grew [N] bool.
        options: options of the newborns.
    """
    latest = int((state.stage * _columns(expert, state)).max())
    state.stage.masked_fill_(state.mask & ~before, latest + 1)
    if options.variance_transfer:
        transfer_variance(state, before)


def transfer_variance(state: ChipState, before: Tensor) -> None:
    """Rescale the old fan-in of neurons that have got new inputs: x sqrt(m / (m + k)) for k inputs beside m old ones.

    After Yuan, Savarese and Maire 2023 (arXiv 2306.12700). Where inputs are independent and new weights are drawn as
    widely as old ones then are, the variance of the input current stays. Newborns with zero fan-out add none yet: the
    current shrinks to m / (m + k) of its variance until they have learned, so the function changes: the mean loss on
    the probe goes from 0.17 to 0.19 nats in a growth event on split digits (``python benchmarks/newborns.py --streams
    split``). Frozen devices count among the inputs and never move; a neuron that dies gives nothing back.

    Args:
        state: its ``weight`` [K, R, n] is changed.
        before: devices in use before the growth event [K, R, n] bool.
    """
    inputs, new = before.sum(1, keepdim=True), (state.mask & ~before).sum(1, keepdim=True)
    shrink = (inputs / (inputs + new).clamp(min=1)).sqrt().to(state.weight)
    with torch.no_grad():
        state.weight.mul_(torch.where(before & ~state.frozen & (new > 0), shrink, 1))


def rate_factors(
    state: ChipState, age: Tensor, learns: Tensor, running: Tensor, options: NewbornOptions
) -> Tensor | None:
    """Learning rates [K, R, n] of all devices as multiples of the usual one; None where all are 1.

    A newborn device (stage above 0) of age a has the factor ``rate`` while a < ``youth``, times
    min(1, (a + 1) / ``warm_up``); with ``rate_adaptation`` that is multiplied by the factor of its stage.

    Args:
        state: the chip.
        age: steps that each device has taken [K, R, n] float.
        learns: devices that may move [K, R, n] bool.
        running: neurons in training [N] bool.
        options: options of the newborns.
    """
    if options.rate == 1 and not options.warm_up and not options.rate_adaptation:
        return None
    newborn = state.stage > 0
    factors = torch.ones_like(age)
    if options.rate_adaptation:
        group = learns & _columns(running, state)
        factors = torch.where(group, stage_factors(state, group)[state.stage.long()].to(age), factors)
    if options.rate != 1:
        young = newborn & (age < options.youth) if options.youth else newborn
        factors = torch.where(young, factors * options.rate, factors)
    if options.warm_up:
        ramp = ((age + 1) / options.warm_up).clamp(max=1)
        factors = torch.where(newborn, factors * ramp, factors)
    return factors


def stage_factors(state: ChipState, group: Tensor) -> Tensor:
    """Learning rate of every stage as a multiple of stage 0's: ||W_stage||_F / ||W_0||_F.

    Yuan, Savarese and Maire 2023 (arXiv 2306.12700), there for each layer; the crossbars of an expert are one recurrent
    layer here. The norm is that of the whole stage, as published, not the mean over its devices: a stage of few devices
    learns slowly. A stage whose norm is 0 keeps the usual rate, and so do all while that of stage 0 is.

    Args:
        state: the chip.
        group: devices to take part [K, R, n] bool: those that learn and lead to neurons in training. Frozen devices
            never count.

    Returns:
        Factors [stages] float64.
    """
    squares = torch.where(group, state.weight.detach(), 0).double().square()
    # On the CPU, for other devices add up in any order.
    norms = torch.bincount(state.stage.flatten().cpu(), squares.flatten().cpu()).sqrt()
    usable = (norms > 0) & (norms[0] > 0)
    return torch.where(usable, norms / torch.where(usable, norms[0], 1), 1).to(state.weight.device)


def _columns(neurons: Tensor, state: ChipState) -> Tensor:
    """A mask of neurons [N] as one of the columns of their tiles [K, 1, n]."""
    tiles, _, slots = state.stage.shape
    return neurons.view(tiles, 1, slots)
