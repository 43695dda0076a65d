"""What a growth rule answers: newborns with a predicted value; and what rules have in common on the way there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.calibrate import calibrate_currents
from smalti.model.growth.newborns.newborn import fan_in_gradient, fan_out_gradient, live
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.value import predicted_decrease, transfer_decrease
from smalti.model.neuron import Dynamics

TOGETHER = 64  # newborns that are calibrated at once: their spikes at all scales are to stay in the cache


@dataclass(frozen=True)
class Proposal:
    """Newborns that a tile could send into the auction, best first."""

    signal: TileSignal
    fan_in: Tensor  # [C, P] weights onto signal.sources
    wired: Tensor  # [C, P] bool: taps that are wanted, whatever their weight
    fan_out: Tensor  # [C, Q] weights onto signal.targets
    gradient: Tensor  # [C, Q, B] per-sample gradient of the loss with respect to the fan-out
    rate: Tensor  # [C] spikes per step on the probe
    dynamics: Dynamics
    paired: bool = False  # two neurons each, of the same fan-in and of opposite fan-outs
    seen: bool = False  # the first of every two samples has shaped the fan-in, so that only the others may judge it

    @cached_property
    def taps(self) -> list[tuple[int, ...]]:
        """Of every newborn, the sources that it needs a new link of [C]."""
        if not self.signal.new.any():
            return [()] * len(self.fan_in)
        wanted = self.wired & self.signal.new
        return [tuple(self.signal.sources[row].tolist()) for row in wanted]

    def decrease(self, targets: Tensor) -> Tensor:
        """What the newborns bid: predicted decrease of the loss [C] with only these targets wired ([Q] bool).

        Those that have been judged on samples of their own bid what they have shown, all others what their fan-in could
        tell or, where that is zero, its gradient M' u.
        """
        if self.seen:
            return self.best_step(targets)
        signal = self.signal
        moment, target_fisher = signal.moment[targets], signal.target_fisher[targets][:, targets]
        asleep = ~(self.fan_in != 0).any(1, keepdim=True)
        direction = torch.where(asleep, self.fan_out[:, targets] @ moment, self.fan_in)
        share = transfer_decrease(direction, moment, signal.covariance, target_fisher, len(signal.drive))
        return share * signal.traces.criterion.worth(signal.loss).to(share)

    def best_step(self, targets: Tensor) -> Tensor:
        """Predicted decrease of the loss [C] at the best step along the gradient of all weights with these targets."""
        gradient = self.gradient[:, targets]
        driving = self.fan_out * targets
        if driving.any():
            membrane, spikes = live(self.fan_in, self.signal.drive, self.dynamics)
            grad_spikes = torch.einsum("cq,tqb->tcb", driving, self.signal.delta)
            of_taps = fan_in_gradient(membrane, spikes, grad_spikes, self.signal.drive, self.dynamics)
            both = [gradient, of_taps * self.wired[:, :, None]]
            gradient = torch.cat([*both, gradient, -both[1]] if self.paired else both, 1)
        return predicted_decrease(gradient, self.signal.loss, self.seen, self.signal.traces.criterion)

    def best(self, count: int, score: Tensor) -> Proposal:
        """The ``count`` newborns with the largest scores [C], best first."""
        order = score.argsort(descending=True, stable=True)[:count]
        parts = {name: getattr(self, name)[order] for name in ("fan_in", "wired", "fan_out", "gradient", "rate")}
        return replace(self, **parts)


Propose = Callable[[TileSignal, int, GrowthOptions, Dynamics, np.random.Generator], Proposal]


def propose(
    signal: TileSignal, fan_in: Tensor, fan_out: Tensor, dynamics: Dynamics, wired: Tensor | None = None
) -> Proposal:
    """Newborns as they are given: fan-in [C, P], fan-out [C, Q], taps wanted [C, P] (those that are not zero).

    Raises:
        FloatingPointError: where the adjoints are not finite, naming the tile.
    """
    spikes = live(fan_in, signal.drive, dynamics)[1]
    taps = fan_in != 0 if wired is None else wired
    gradient = fan_out_gradient(spikes, signal.delta)
    signal.check_finite(gradient)
    return Proposal(signal, fan_in, taps, fan_out, gradient, spikes.mean((0, 2)), dynamics)


def finish(
    signal: TileSignal,
    directions: Tensor,
    options: GrowthOptions,
    dynamics: Dynamics,
    blind: bool = False,
    seen: bool = False,
) -> Proposal:
    """Zero-fan-out newborns from fan-in directions [C, P], as ``finish_all`` makes them.

    Args:
        signal, directions, dynamics, blind, seen: as in ``Draft``.
        options: with the firing rate.
    """
    return finish_all([Draft(signal, directions, dynamics, blind, seen)], options)[0]


@dataclass(frozen=True)
class Draft:
    """Newborns of a tile of which all is known but the scale and the sign of their fan-in."""

    signal: TileSignal
    directions: Tensor  # [C, P] fan-ins before they are scaled
    dynamics: Dynamics  # of one hidden neuron
    blind: bool = False  # look at no gradient: keep +w wherever it can be made to fire
    seen: bool = False  # the first of every two samples has shaped the directions: it alone chooses the sign

    @cached_property
    def both(self) -> Tensor:
        """Fan-ins of either sign, without weak new taps [2 C, P]."""
        directions = drop_weak_taps(self.signal, self.directions)
        return torch.cat([directions, -directions])

    def finished(self, scale: Tensor, spikes: Tensor, rate: Tensor) -> Proposal:
        """The newborns at these scales [2 C] of either sign, by their spikes [T, 2 C, B] and rates [2 C] there."""
        signal, both, count = self.signal, self.both, len(self.directions)
        if len(signal.targets):
            gradient = fan_out_gradient(spikes.contiguous(), signal.delta)
            signal.check_finite(gradient)
        else:
            gradient = spikes.new_zeros(2 * count, 0, signal.samples)
        strength = torch.where(rate > 0, 0.0 if self.blind else self._strength(gradient), -1.0)
        plus = strength[:count] >= strength[count:]
        chosen = torch.arange(count, device=plus.device) + torch.where(plus, 0, count)
        chosen = chosen[strength[chosen] >= 0]
        fan_in = both[chosen] * scale[chosen, None]
        fan_out = fan_in.new_zeros(len(chosen), len(signal.targets))
        parts = fan_in, fan_in != 0, fan_out, gradient[chosen], rate[chosen]
        return Proposal(signal, *parts, self.dynamics, seen=self.seen)

    def _strength(self, gradient: Tensor) -> Tensor:
        """Norm of the mean gradient [C, Q, B] of each newborn [C]."""
        norm: Tensor = (gradient[..., ::2] if self.seen else gradient).mean(2).norm(dim=1)
        return norm


def finish_all(drafts: Sequence[Draft], options: GrowthOptions) -> list[Proposal]:
    """Zero-fan-out newborns of many tiles: drop weak new taps, calibrate all at once, choose the sign.

    Of +w and -w the one with the larger true gradient norm || E sum_t delta S || is kept; directions that cannot be
    made to fire are left out.

    Raises:
        FloatingPointError: where the adjoints are not finite, naming the tile.
    """
    finished: dict[int, Proposal] = {}
    for alike in _alike(drafts):
        currents = [torch.einsum("cp,tpb->tcb", drafts[k].both, drafts[k].signal.drive) for k in alike]
        ends = np.cumsum([current.shape[1] for current in currents]).tolist()
        scale, spikes = calibrate_currents(torch.cat(currents, 1), options.target_rate, drafts[alike[0]].dynamics)
        rate = spikes.mean((0, 2))
        for k, begin, end in zip(alike, [0, *ends], ends, strict=False):
            finished[k] = drafts[k].finished(scale[begin:end], spikes[:, begin:end], rate[begin:end])
    return [finished[k] for k in range(len(drafts))]


def _alike(drafts: Sequence[Draft]) -> list[list[int]]:
    """Places of drafts whose newborns have the same constants, at most ``TOGETHER`` newborns at a time."""
    groups: dict[tuple[float, ...], list[list[int]]] = {}
    room: dict[tuple[float, ...], int] = {}  # of the last group
    for k, draft in enumerate(drafts):
        key, count = draft.dynamics.constants, len(draft.both)
        if key not in groups or count > room[key]:
            groups.setdefault(key, []).append([])
            room[key] = TOGETHER
        groups[key][-1].append(k)
        room[key] -= count
    return [group for each in groups.values() for group in each]


def drop_weak_taps(signal: TileSignal, directions: Tensor) -> Tensor:
    """Cut new taps that would carry less than their fair share of the fan-in's variance."""
    if not signal.new.any():
        return directions
    power = directions.square() * signal.covariance.diagonal()
    share = power / power.sum(1, keepdim=True).clamp(min=1e-30)
    weak = signal.new & (share < 1 / directions.shape[1])
    return directions.masked_fill(weak, 0)


def every_target(signal: TileSignal) -> Tensor:
    """All targets of a signal [Q] bool."""
    return torch.ones(len(signal.targets), dtype=torch.bool, device=signal.targets.device)
