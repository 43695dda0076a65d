"""The growth signal of a tile: what a neuron born there could hear and whom it could help.

With P possible presynaptic wires, Q possible targets, z the spikes on the wires as the tile receives them, zbar[t] =
a zbar[t-1] + z[t] their filtered trace and delta the adjoints of the targets, one step later (a neuron's spike arrives
one step after it was fired):

    M = E_batch sum_t delta_Q[t+1] zbar_P[t]^T   [Q, P]       C = E_batch,time zbar_P zbar_P^T   [P, P]

M is GradMax's matrix (Evci et al. 2022, arXiv 2201.05125) carried over to a recurrent spiking network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.network import Probe


@dataclass(frozen=True)
class Traces:
    """Filtered presynaptic spikes of one probe, computed once for all tiles."""

    probe: Probe
    leak: float
    filtered: Tensor  # [T, N + I, B]

    @staticmethod
    def of(probe: Probe, leak: float) -> Traces:
        """Filter the presynaptic spikes of a probe with the leak of a newborn."""
        filtered = probe.presynaptic[:-1, :-1].clone()
        for t in range(1, filtered.shape[0]):
            filtered[t].add_(filtered[t - 1], alpha=leak)
        return Traces(probe, leak, filtered)


@dataclass(frozen=True)
class TileSignal:
    """All that growth rules know of a tile."""

    tile: int
    sources: Tensor  # [P] int: presynaptic slots and channels
    new: Tensor  # [P] bool: those that have no row in the tile yet and would need a paid link
    targets: Tensor  # [Q] int: slots that a newborn could drive
    drive: Tensor  # [T, P, B]: spikes on the wires, as the tile receives them
    delta: Tensor  # [T, Q, B]: adjoints of the targets when the spike of the step reaches them
    moment: Tensor  # [Q, P]: M above
    covariance: Tensor  # [P, P]: C above, without ridge
    loss: Tensor  # [B]: loss of each sample of the probe, nats

    @property
    def samples(self) -> int:
        """Samples B of the probe."""
        return self.drive.shape[2]


def tile_signal(traces: Traces, tile: int, sources: Tensor, new: Tensor, targets: Tensor) -> TileSignal:
    """Growth signal of a tile from the traces of a probe.

    Args:
        traces: filtered probe.
        tile: the tile.
        sources: presynaptic slots and channels [P].
        new: which of them need a new link [P] bool.
        targets: slots that could be driven [Q].
    """
    probe = traces.probe
    steps, _, batch = probe.delta.shape
    delta = torch.zeros(steps, len(targets), batch, dtype=probe.delta.dtype, device=probe.delta.device)
    delta[:-1] = probe.delta[1:, targets]
    trace = traces.filtered[:, sources]
    moment = torch.einsum("tqb,tpb->qp", delta, trace) / batch
    covariance = torch.einsum("tpb,trb->pr", trace, trace) / (batch * steps)
    drive = probe.presynaptic[:-1, sources]
    return TileSignal(tile, sources, new, targets, drive, delta, moment, covariance, probe.loss)


def tap_scores(traces: Traces, sources: Tensor, targets: Tensor) -> Tensor:
    """How much each source alone could tell the targets: ||M_p||^2 / C_pp, [P]."""
    probe = traces.probe
    steps, _, batch = probe.delta.shape
    trace = traces.filtered[:-1, sources]
    moment = torch.einsum("tqb,tpb->qp", probe.delta[1:, targets], trace) / batch
    power = trace.square().sum((0, 2)) / (batch * steps)
    return moment.square().sum(0) / power.clamp(min=1e-12)
