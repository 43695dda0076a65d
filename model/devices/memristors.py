"""The memristors of a chip: what was programmed when, and the weights that engines read.

The network keeps target weights (``state.weight``), which training, growth and rewiring change. A pair whose target is
no longer what it was programmed to is programmed again; all others keep their conductances, and drift. Only pairs in
use are drawn, as vectors. Training is straight-through: the gradients of what was read move the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields
from typing import Any, Protocol

import torch
from torch import Tensor

from smalti.model.devices import TECHNOLOGIES, DevicesOptions
from smalti.model.devices.aging import compensation, drifted
from smalti.model.devices.cells import ALL, Cells, Where, largest, put, taken
from smalti.model.devices.draws import Chance, Draws, unseeded
from smalti.model.devices.pair import Pair
from smalti.model.devices.programming import Programmer
from smalti.model.devices.scales import Scales
from smalti.model.devices.straight_through import straight_through
from smalti.model.devices.stuck import share_stuck, stuck
from smalti.model.devices.wear import Wear
from smalti.model.state import ChipState


class Holder(Protocol):
    """Whoever holds the chip, such as a network."""

    state: ChipState


class Memristors:
    """The devices of a network's crossbars.

    Args:
        options: which, and how they are used.
        holder: of the chip, whose weights are the targets.
        chance: random numbers of writes and reads.
        seed: of the run, for what a chip has before it is used.

    Raises:
        ValueError: the technology is not what the options ask for, or its file cannot be read.
    """

    def __init__(self, options: DevicesOptions, holder: Holder, chance: Chance = unseeded, seed: int = 0) -> None:
        self.options, self.seed = options, seed
        self.technology = TECHNOLOGIES[options.kind](options)
        self.pair = Pair.of(options, self.technology)
        self.exact = self.technology.exact and not (options.levels or options.stuck_on or options.stuck_off)
        self.wear = Wear(holder.state.mask)
        self.seconds = 0.0  # since the run began
        self._programmer = Programmer(self.technology, self.pair, options)
        self._holder, weight = holder, holder.state.weight.detach()
        self.draws = Draws(chance, weight)
        self._scales = Scales(options, weight)
        # What engines read [K, R, n]: one buffer of the memristors' own. ``read`` and ``training`` hand it out as it is
        # and fill it anew when they are asked again, so whoever keeps a reading copies it, and nobody else writes here.
        self._seen = torch.zeros_like(weight[:0] if self.exact else weight)
        self._version: tuple[int, ...] | None = None
        self._learning: Where = ALL  # pairs that are not frozen
        self._largest_frozen = weight.new_zeros(())
        self._behind = False  # engines have read a copy since the chip was programmed
        self._take(Cells.blank(torch.zeros(0, dtype=torch.int64, device=weight.device), weight.dtype))

    @property
    def _state(self) -> ChipState:
        return self._holder.state

    @property
    def noisy(self) -> bool:
        """Whether two reads differ, though nothing was written between them and no time has passed."""
        return self._noise is not None

    def begin(self, round_: int) -> None:
        """A round begins: time has passed since the last."""
        self.draws.begin(round_)
        self.wear.begin()
        self.at(round_ * self.options.round_seconds)

    def at(self, seconds: float) -> None:
        """Set the time, in seconds since the run began."""
        self.seconds = seconds
        if not self.exact:
            self._age()

    def read(self) -> Tensor:
        """What engines read [K, R, n] of the chip as it is programmed; gradients pass to the targets.

        Without a gradient it is good until the next reading: see ``_seen``.
        """
        if self.exact:
            return self._state.weight
        self._follow()
        self._read(self._now)
        if torch.is_grad_enabled() and self._state.weight.requires_grad:
            return straight_through(self._state.weight, self._seen)
        return self._seen

    def training(self) -> Tensor:
        """What a minibatch of training reads [K, R, n]: the chip, or a copy of what learns (``devices.learning``).

        It is good until the next reading: see ``_seen``.
        """
        how = self.options.learning
        if self.exact:
            return self._state.weight.detach()
        if how == "chip" or self._version != self._versions():
            self._follow()
        if how == "chip":
            return self._read(self._now)
        weight, scale = self._targets(taken(self._cells.place, self._learning)), self._scale_of(self._learning)
        if how == "noise":
            target = self.pair.conductances(weight, scale)
            most = torch.maximum(largest(weight), self._largest_frozen) / scale * self.pair.span
            weight = self.pair.weights(self._programmer.once(target, most, self.draws.pairs), scale)
        elif how == "levels":
            weight = self.pair.weights(self.pair.conductances(weight, scale), scale)
        now = self._now.clone()
        put(now, self._learning, weight)
        self._behind = True
        return self._read(now, noisy=how == "noise")

    def learned(self, devices: Tensor) -> None:
        """A step has moved the targets of the devices that learn [K, R, n] bool."""
        if self.exact:
            self.wear.step(devices)
        elif self.options.learning == "chip":
            self._program(self._learning, devices)

    @contextmanager
    def rewriting(self, laid: bool = False) -> Iterator[None]:
        """Around what changes targets beside learning: devices in use before and after are written if theirs did.

        Ideal devices cannot tell by themselves; all others are programmed when the chip is asked, or at once where
        those that are ``laid`` are to be counted here too.
        """
        if not self.exact:
            yield
            if laid:
                self._follow()
            return
        mask, weight = self._state.mask.clone(), self._state.weight.detach().clone()
        yield
        changed = self._state.mask & (weight != self._state.weight)
        self.wear.step(changed | (self._state.mask & ~mask) if laid else changed & mask)

    def refresh(self, devices: Tensor) -> None:
        """Program devices in use [K, R, n] bool once more, to the targets that they have."""
        if self.exact:
            self.wear.step(devices)
            return
        self._follow()
        self._program(torch.nonzero(devices.view(-1)[self._cells.place]).flatten())

    def settle(self, laid: Tensor) -> None:
        """A round ends: program what has changed beside learning.

        Args:
            laid: devices that came into use in it [K, R, n] bool, which ideal devices cannot tell.
        """
        if self.exact:
            self.wear.step(laid)
        else:
            self._follow()

    def redraw(self, chance: Chance) -> None:
        """Become another chip: programmed to the same targets at the same times, with other random numbers."""
        if self.exact:
            return
        self._follow()
        self.draws.anew(chance)
        since = self._cells.since.clone()
        self._program(ALL)
        self._cells.since.copy_(since)
        self._age()

    def remember(self) -> Callable[[], None]:
        """What gives back all that is programmed now, and the writes so far; targets are given back by who calls it."""
        if self.exact:
            return self.wear.remember()
        self._follow()
        restore_wear, programmed = self.wear.remember(), deepcopy(self.state_dict())

        def restore() -> None:
            self.load_state_dict(programmed)
            restore_wear()

        return restore

    def tested(self, tile: int) -> Tensor | None:
        """Share of pairs in each slot of a tile [n], over rows in use, that a self-test finds stuck; None: no test."""
        options, state = self.options, self._state
        if not options.self_test or not (options.stuck_on or options.stuck_off):
            return None
        rows = torch.nonzero(state.source[tile] >= 0).flatten()
        return share_stuck(self.seed, tile, rows, state.mask.shape, options.stuck_on, options.stuck_off)

    def state_dict(self) -> dict[str, Any]:
        """Wear, and what was programmed."""
        state: dict[str, Any] = {"wear": self.wear.state_dict()}
        return state if self.exact else {**state, "scale": self._scales.of_tiles, "cells": self._cells.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.wear.load_state_dict(state["wear"])
        if self.exact:
            return
        self._scales.of_tiles.copy_(state["scale"])
        cells = {field.name: state["cells"][field.name].detach().clone() for field in fields(Cells)}
        self._take(Cells(**{name: values.to(self._seen.device) for name, values in cells.items()}))
        self._version = None

    def _follow(self) -> None:
        """Program whatever has another target than it was programmed to."""
        versions = self._versions()
        if self._version == versions and not self._behind:
            return
        place = torch.nonzero(self._state.mask.view(-1)).flatten()
        self._seen.zero_()
        self._take(self._cells.moved_to(place))
        learning = torch.nonzero(~self._state.frozen.view(-1)[place]).flatten()
        self._learning = ALL if len(learning) == len(place) else learning
        self._age()
        changed = torch.nonzero(self._targets(place) != self._cells.weight).flatten()
        if len(changed):
            self._program(changed)
        self._behind, self._version = False, versions
        self._largest_frozen = largest(self._cells.weight[self._state.frozen.view(-1)[place]])

    def _versions(self) -> tuple[int, ...]:
        """Torch counts changes in place; steps of the optimiser pass it by, and are told (``learned``)."""
        state = self._state
        return state.weight._version, state.mask._version, state.frozen._version

    def _take(self, cells: Cells) -> None:
        self._cells, options = cells, self.options
        self._now = torch.zeros_like(cells.weight)  # [D] weights as they are read, but for read noise
        self._noise: Tensor | None = None  # [D] its standard deviation
        self._faults: Tensor | None = None  # [2, D]
        if options.stuck_on or options.stuck_off:
            self._faults = stuck(self.seed, cells.place, options.stuck_on, options.stuck_off)
        if not self.exact and self.technology.reading(cells.target, cells.since) is not None and options.reading:
            self._noise = torch.zeros_like(cells.weight)
        self._learning = ALL
        self._dated: Where | None = None  # pairs whose dates are known to be of now
        self._scale = self._scales.of(cells.place)  # [D] weight that the whole range stands for, or one for all

    def _targets(self, place: Tensor) -> Tensor:
        """Targets of pairs [D], which are clipped to what their range can hold."""
        flat = self._state.weight.data.view(-1)
        weight = flat.index_select(0, place)
        clipped = self.pair.clipped(weight, self.options.largest_weight)
        if not torch.equal(clipped, weight):
            flat.scatter_(0, place, clipped)
        return clipped

    def _program(self, where: Where, devices: Tensor | None = None) -> None:
        """Program pairs to their targets.

        Args:
            where: which; in learning those that are on the right level already are left alone.
            devices: the same as a mask [K, R, n], in learning.
        """
        cells, options = self._cells, self.options
        weight = self._targets(taken(cells.place, where))
        if self._scales.hold(taken(cells.place, where), weight):
            where, devices = self._with_rescaled(where), None
            weight = self._targets(taken(cells.place, where))
        put(cells.weight, where, weight)
        scale = self._scale_of(where)
        target = self.pair.conductances(weight, scale)
        if options.levels and devices is not None:
            changed = torch.nonzero((target != taken(cells.target, where)).any(0)).flatten()
            where = changed if isinstance(where, slice) else where[changed]
            scale, target, devices = self._scale_of(where), target[:, changed], None
        faults = None if self._faults is None else taken(self._faults, where)
        most = largest(cells.weight) / scale * self.pair.span
        programmed, attempts = self._programmer.verified(target, most, faults, self.draws.pairs)
        put(cells.target, where, target)
        put(cells.programmed, where, programmed)
        if where is not self._dated:
            cells.draw[:, where], cells.since[where], self._dated = torch.nan, self.seconds, where
        if devices is None or options.acceptance:
            self.wear.add(taken(cells.place, where), attempts)
        else:
            self.wear.step(devices)
        self._show(where, programmed, self.pair.weights(programmed, scale), scale)

    def _with_rescaled(self, where: Where) -> Tensor:
        """These pairs, and those whose scale is no longer the one that they were programmed with."""
        cells = self._cells
        self._scale = self._scales.of(cells.place)
        stale = (self.pair.conductances(cells.weight.nan_to_num(), self._scale) != cells.target).any(0)
        stale[where] = True
        return torch.nonzero(stale).flatten()

    def _scale_of(self, where: Where) -> Tensor:
        return taken(self._scale, where) if self._scale.dim() else self._scale

    def _age(self) -> None:
        """Let conductances be what they are at this time."""
        cells, options, scale = self._cells, self.options, self._scale
        self._dated = None
        age = self.seconds - cells.since
        aged = torch.nonzero(age > 0).flatten()
        conductances = cells.programmed
        if options.drift and len(aged):
            conductances = drifted(self.technology, cells, age, aged, self.draws.pairs)
            conductances = self._programmer.held(conductances, self._faults)
        now = self.pair.weights(conductances, scale)
        if options.compensation and len(aged):
            now[aged] *= compensation(now[aged], self.pair.weights(cells.programmed, scale)[aged])
        self._show(ALL, conductances, now, scale)

    def _show(self, where: Where, conductances: Tensor, now: Tensor, scale: Tensor) -> None:
        """Let engines read these weights of pairs, with the read noise of these conductances."""
        cells, options = self._cells, self.options
        put(self._now, where, now)
        self._seen.view(-1).scatter_(0, taken(cells.place, where), now)
        if self._noise is not None:
            sigma = self.technology.reading(conductances, self.seconds - taken(cells.since, where))
            assert sigma is not None
            of_weight = sigma.square().sum(0).sqrt_() * scale * (options.reading / self.pair.span)
            put(self._noise, where, of_weight)

    def _read(self, now: Tensor, noisy: bool = True) -> Tensor:
        """Let engines read weights of all pairs [D], with a draw of the read noise."""
        if self._noise is not None and noisy:
            now = now + self._noise * self.draws.normal(len(now))
        elif now is self._now:
            return self._seen
        self._seen.view(-1).scatter_(0, self._cells.place, now)
        return self._seen
