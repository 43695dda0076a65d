"""The growth signal of a tile: what a neuron born there could hear and whom it could help.

With P possible presynaptic wires, Q possible targets, z the spikes on the wires as the tile receives them, zbar[t] =
a zbar[t-1] + z[t] their filtered trace (of a newborn with a slow synapse, filtered by that before) and delta the
adjoints of the targets, one step later (a neuron's spike arrives one step after it was fired):

    M = E_batch sum_t delta_Q[t+1] zbar_P[t]^T   [Q, P]       C = E_batch,time zbar_P zbar_P^T   [P, P]

M is GradMax's matrix (Evci et al. 2022, arXiv 2201.05125) carried over to a recurrent spiking network.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from smalti.model.criterion import NATS, Criterion
from smalti.model.growth.surroundings import Inputs, Norms
from smalti.model.kinds import Cell
from smalti.model.probe import Kernel, Probe


@dataclass(frozen=True)
class Traces:
    """A probe as newborns with certain constants would hear it."""

    probe: Probe
    kernel: Kernel
    norms: Norms = field(default_factory=Norms)
    criterion: Criterion = NATS  # of the probe's loss

    def of(self, cell: Cell) -> Traces:
        """The same probe as a newborn with these constants would hear it."""
        return replace(self, kernel=Kernel(cell.leak, cell.synapse))


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
    loss: Tensor  # [B]: loss of each sample of the probe
    traces: Traces
    distance: Tensor  # [P]: tiles from each source to here, at least 1
    inputs: tuple[Inputs, ...]  # devices that drive the targets already

    @property
    def samples(self) -> int:
        """Samples B of the probe."""
        return self.drive.shape[2]

    @property
    def present(self) -> Tensor:
        """Sources that can be heard without a new link [P] bool."""
        return ~self.new

    @cached_property
    def target_fisher(self) -> Tensor:
        """Fisher information of the targets' input currents, E sum_t delta delta^T [Q, Q]."""
        return torch.einsum("tqb,trb->qr", self.delta, self.delta) / self.samples

    @property
    def trace(self) -> Tensor:
        """Filtered spikes on the wires, zbar above [T, P, B]."""
        return self.traces.kernel.trace(self.drive)

    def check_finite(self, *parts: Tensor) -> None:
        """Whether all of these are numbers: parts of this signal, or what was made of it.

        Raises:
            FloatingPointError: where they are not, naming the tile.
        """
        if not all(torch.isfinite(part).all() for part in parts):
            raise FloatingPointError(f"the growth signal of tile {self.tile} is not finite")


def tile_signal(
    traces: Traces,
    tile: int,
    sources: Tensor,
    new: Tensor,
    targets: Tensor,
    distance: Tensor,
    inputs: tuple[Inputs, ...],
) -> TileSignal:
    """Growth signal of a tile from the traces of a probe; the arguments are those of ``TileSignal``."""
    probe = traces.probe
    moment, covariance = probe.moments(traces.kernel, sources, targets)
    delta = probe.adjoints(targets).roll(-1, 0)
    delta[-1] = 0  # a spike of the last step arrives nowhere
    return TileSignal(
        tile=tile,
        sources=sources,
        new=new,
        targets=targets,
        drive=probe.drive(sources),
        delta=delta,
        moment=moment,
        covariance=covariance,
        loss=probe.loss,
        traces=traces,
        distance=distance,
        inputs=inputs,
    )


def wires_alone(traces: Traces, tile: int, sources: Tensor) -> TileSignal:
    """What a tile hears where nobody wants anything of a newborn yet: no targets, and nothing that is made of them."""
    drive = traces.probe.drive(sources)
    steps, count, batch = drive.shape
    return TileSignal(
        tile=tile,
        sources=sources,
        new=torch.zeros(count, dtype=torch.bool),
        targets=torch.empty(0, dtype=torch.int64),
        drive=drive,
        delta=drive.new_zeros(steps, 0, batch),
        moment=drive.new_zeros(0, count),
        covariance=drive.new_zeros(count, count),
        loss=traces.probe.loss,
        traces=traces,
        distance=drive.new_ones(count),
        inputs=(),
    )


def tap_scores(traces: Traces, sources: Tensor, targets: Tensor) -> Tensor:
    """How much each source alone could tell the targets: ||M_p||^2 / C_pp, [P]."""
    moment, covariance = traces.probe.moments(traces.kernel, sources, targets)
    return moment.square().sum(0) / covariance.diagonal().clamp(min=1e-12)
