"""What one batch does and wants: spikes and adjoints, from which growth signals and bids are computed.

Every engine has its own: ``DenseProbe`` holds all of it, ``model.engines.events.probe`` holds events;
``model.grafting.overheard`` has spikes alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Probe(Protocol):
    """Spikes and adjoints of one batch, of the loss per sample."""

    @property
    def counts(self) -> Tensor:
        """Spikes of every neuron [N, B]."""

    @property
    def loss(self) -> Tensor:
        """Loss of every sample [B]."""

    @property
    def gradient(self) -> Tensor:
        """Gradient of the summed loss with respect to the devices of every row in use [K, R, n].

        It is 0 where nothing would arrive, for a row, a wire or a slot is dead.
        """

    def drive(self, sources: Tensor) -> Tensor:
        """Spikes on the wires of these sources as a tile receives them [T, P, B]."""

    def adjoints(self, targets: Tensor) -> Tensor:
        """Adjoints of these slots [T, Q, B]."""

    def moments(self, kernel: Kernel, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """M [Q, P] and C [P, P] of ``model.growth.signal``, for a newborn with this kernel."""

    def asked(self, targets: Tensor) -> Probe:
        """The same probe with the adjoints of these slots."""


def filtered(spikes: Tensor, leak: float) -> Tensor:
    """Sums that decay by a leak, which is what a membrane that never fires makes of its input [T, ...], same shape."""
    trace = spikes.clone()
    for t in range(1, trace.shape[0]):
        trace[t].add_(trace[t - 1], alpha=leak)
    return trace


class Kernel(NamedTuple):
    """What a membrane that never fires makes of a spike: its own leak, after that of a slow synapse."""

    leak: float
    synapse: float = 0.0  # 0 for no slow synapse

    def trace(self, spikes: Tensor) -> Tensor:
        """Spikes [T, ...] as such a membrane adds them up, same shape."""
        return filtered(filtered(spikes, self.synapse) if self.synapse else spikes, self.leak)


@dataclass(frozen=True)
class DenseProbe:
    """A probe that holds every spike and adjoint."""

    presynaptic: Tensor  # [T + 1, N + I + 1, B] S[t-1] of neurons, x[t] of channels, then silence
    delta: Tensor  # [T, N, B] adjoint of the input current of every neuron
    counts: Tensor  # [N, B]
    loss: Tensor  # [B]
    gradient: Tensor = field(default_factory=lambda: torch.empty(0))  # [K, R, n]
    _traces: dict[Kernel, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def trace(self, kernel: Kernel) -> Tensor:
        """Presynaptic spikes as a kernel adds them up [T, N + I, B]; the last one is kept for other tiles."""
        if kernel not in self._traces:
            self._traces.clear()
            self._traces[kernel] = kernel.trace(self.presynaptic[:-1, :-1])
        return self._traces[kernel]

    def drive(self, sources: Tensor) -> Tensor:
        """See ``Probe``."""
        return self.presynaptic[:-1, sources]

    def adjoints(self, targets: Tensor) -> Tensor:
        """See ``Probe``."""
        return self.delta[:, targets]

    def moments(self, kernel: Kernel, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Probe``."""
        steps, _, batch = self.delta.shape
        trace = self.trace(kernel)[:, sources]
        moment = torch.einsum("tqb,tpb->qp", self.delta[1:, targets], trace[:-1]) / batch
        covariance = torch.einsum("tpb,trb->pr", trace, trace) / (batch * steps)
        return moment, covariance

    def asked(self, targets: Tensor) -> DenseProbe:
        """See ``Probe``; a dense probe has them all."""
        return self
