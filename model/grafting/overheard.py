"""Spikes on the wires of a chain that is born from its inputs on, where nobody wants anything of anybody yet.

A newborn of such a chain does nothing to who was there before it. So a batch shows of each neuron what it will ever
show, and the event-driven engine runs those that are new alone: the spikes of others enter like inputs, before these,
as they arrive on the chip, so that every sum has the order that it has there. The dense engine runs everybody anew,
and so do both on devices with errors: there a weight of zero is not quite zero, and a tile may be programmed again.
"""

from __future__ import annotations

import importlib

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.events.plan import Chip
from smalti.model.network import Network
from smalti.model.probe import Kernel, Probe

NOTHING = torch.empty(0, dtype=torch.int64)


class Overheard:
    """What a batch does in a chain, as a ``Probe``: spikes alone, for there is no loss.

    Args:
        network: where the chain is born.
        x: input spikes [B, T, I].
    """

    def __init__(self, network: Network, x: Tensor) -> None:
        self.network, self.x = network, x.view(torch.uint8) if x.dtype == torch.bool else x
        self._neurons, self._inputs = network.fabric.neurons, x.permute(1, 2, 0).to(network.options.dtype)
        self._forget()

    def _forget(self) -> None:
        self._place = torch.full((self._neurons,), -1)  # [N] which of ``_arrivals`` is a slot's, -1 for none
        self._arrivals = self._inputs[:, :0]  # [T, known, B] spikes of neurons, a step later

    def follow(self, running: Tensor) -> Overheard:
        """Find out what those that run [N] bool do, as far as it is not known."""
        fires = self.network.fires(running).cpu()
        known = self._place >= 0
        fresh = fires & ~known
        heard = self.network.upstream.heard_by(fresh.to(running.device)).cpu()
        anew = self.network.engine != "events" or not self.network.memristors.exact
        if known.any() and (anew or (heard & fresh).any()):
            self._forget()  # who hears both would add them up in another order
            fresh, known = fires, torch.zeros_like(known)
        if fresh.any():
            slots, others = torch.nonzero(fresh).flatten(), torch.nonzero(heard & known).flatten()
            events = self.network.engine == "events"
            arrivals = self._in_events(slots, others) if events else self._in_dense(running, slots)
            self._place[slots] = torch.arange(len(slots)) + self._arrivals.shape[1]
            self._arrivals = torch.cat([self._arrivals, arrivals], 1)
        return self

    def _in_events(self, slots: Tensor, others: Tensor) -> Tensor:
        """Spikes of neurons [S] as they arrive [T, S, B], those of the others whom they hear [M] being known.

        Their tiles are a chip of their own, which the others enter as its first channels.
        """
        network, width, more = self.network, self.network.fabric.slots, len(others)
        tiles, place = torch.unique(slots // width, return_inverse=True)
        own, size = place * width + slots % width, len(tiles) * width
        enters = torch.full((self._neurons,), -1)
        enters[others], enters[slots] = size + torch.arange(more), own
        rows = network.state.source[tiles]
        source = torch.where(rows < self._neurons, enters[rows.clamp(0, self._neurons - 1)], rows - self._neurons)
        source = torch.where(rows < self._neurons, source, source + size + more).masked_fill(rows < 0, -1)
        mask, weight = network.state.mask[tiles].numpy(), network.reading().detach()[tiles]
        fires = np.zeros(size, dtype=np.bool_)
        fires[own.numpy()] = True
        chip = Chip(source.numpy(), mask, np.zeros_like(mask), fires, NOTHING.numpy(), more + self.x.shape[2])
        here = (tiles[:, None] * width + torch.arange(width)).flatten()
        engine, probe = (importlib.import_module(f"smalti.model.engines.events.{name}") for name in ("engine", "probe"))
        entering = self._arrivals[:, self._place[others]].permute(2, 0, 1).to(self.x.dtype)
        x = engine.as_events(torch.cat([entering, self.x], 2), weight.dtype)
        circuit = network.circuit_of(chip, slots=here)
        past, none, losses = engine.run_forward(circuit, weight, x, keep=True), x[:0, :0], self.loss
        counts = torch.zeros(size, 0)
        seen = probe.EventProbe(circuit, past, x, counts, losses, none, None, NOTHING.numpy(), (), (), losses)
        arrivals: Tensor = seen.drive(own)
        return arrivals

    def _in_dense(self, running: Tensor, slots: Tensor) -> Tensor:
        """As ``_in_events``, everybody being run."""
        presynaptic = self.network.tape(self.x, running).presynaptic
        return presynaptic[:-1, slots.to(presynaptic.device)].cpu()

    @property
    def counts(self) -> Tensor:
        """See ``Probe``."""
        return self.drive(torch.arange(self._neurons)).sum(0)

    @property
    def loss(self) -> Tensor:
        """See ``Probe``: none."""
        return self._inputs.new_zeros(len(self.x))

    @property
    def gradient(self) -> Tensor:
        """See ``Probe``: nobody wants anything."""
        return torch.zeros_like(self.network.state.weight)

    def drive(self, sources: Tensor) -> Tensor:
        """See ``Probe``."""
        steps, _, batch = self._inputs.shape
        drive = self._inputs.new_zeros(steps, len(sources), batch)
        channel = sources - self._neurons
        place = torch.where(channel < 0, self._place[sources.clamp(max=self._neurons - 1)], -1)
        drive[:, place >= 0] = self._arrivals[:, place[place >= 0]]
        drive[:, channel >= 0] = self._inputs[:, channel[channel >= 0]]
        return drive

    def adjoints(self, targets: Tensor) -> Tensor:
        """See ``Probe``: nobody wants anything."""
        return self._inputs.new_zeros(self._inputs.shape[0], len(targets), self._inputs.shape[2])

    def moments(self, kernel: Kernel, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Probe``."""
        trace = kernel.trace(self.drive(sources))
        steps, _, batch = trace.shape
        return trace.new_zeros(len(targets), len(sources)), torch.einsum("tpb,trb->pr", trace, trace) / (batch * steps)

    def asked(self, targets: Tensor) -> Probe:
        """See ``Probe``."""
        return self
