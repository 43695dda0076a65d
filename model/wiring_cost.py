"""What wires cost in training: a penalty on |w| of devices that neurons drive, the dearer the longer their link.

    penalty = strength  sum over devices of c |w|

    l1               c = 1
    length           c = (l + l0) / mean       l: rows plus columns between the tiles (BIMT: Liu, Gan, Tegmark 2023,
                                               arXiv 2305.08746, with l0 for what a connection costs however short)
    hops             c = h / mean              h: routing tiles that the link crosses; within a tile nothing
    communicability  c = (l + l0) / mean  C / mean(C)   (seRNN: Achterberg et al. 2023, doi 10.1038/s42256-023-00748-9)

The means of l + l0 and of h are those over all pairs of living tiles, that of C is over the devices, each weighing
|w|: so a strength means the same pull for all kinds where neurons sit anywhere. With A_ij the |w| of the device from
neuron i to neuron j and s_i half the sum of all that enters and leaves neuron i, communicability (Crofts & Higham 2009,
J. R. Soc. Interface 6:411) is

    C = exp(S^(-1/2) A S^(-1/2)),  S = diag(s),  C_ii = 0

seRNN takes for s what leaves a neuron; output units have nothing that leaves. C is taken from the weights when a
learner is made, once a round where boundaries are told, and held: its own gradient is left out (reweighted l1: Candes,
Wakin, Boyd 2008, doi 10.1007/s00041-008-9045-x).

The penalty is no part of the gradient. After the optimiser's step weights shrink towards zero, and no further, by what
their device costs: the proximal step of the penalty (soft threshold; Parikh & Boyd 2014, doi 10.1561/2400000003)

    w <- sign(w) max(|w| - rate strength c, 0)

with the learning rate of the device. It is exact for gradient descent; beside Adam it is decoupled as weight decay is,
so that weights reach zero, and 1 is the strength at which a device of cost 1 needs all of Adam's step to stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.model.chip.fabric import Fabric
from smalti.model.network import Network
from smalti.model.options import ranges
from smalti.model.options.values import settle

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class WiringOptions:
    """What the wires of a device cost while its weight is learned.

    Attributes:
        penalty: none, l1 (every device alike), length (tiles between both ends), hops (routing tiles crossed) or
            communicability (length times how well both ends communicate in any case).
        strength: of the penalty, a share of the learning rate by which a device of mean cost shrinks in a step.
        local: what a device costs however short its link is, in tiles, for length and communicability.
    """

    penalty: Literal["none", "l1", "length", "hops", "communicability"] = "none"
    strength: float = 0.05
    local: float = 1.0

    def __post_init__(self) -> None:
        settle(self, "training.wiring")
        ranges.weight("training.wiring", self, "strength", "local")


@dataclass(frozen=True, eq=False)
class WiringCost:
    """What devices cost, until links, devices or neurons change."""

    places: Tensor  # [D] int: devices among all of [K, R, n]
    slope: Tensor  # [D] of the penalty over |w|, the strength included

    @staticmethod
    def of(network: Network, learns: Tensor, options: WiringOptions) -> WiringCost | None:
        """Costs of the devices that learn [K, R, n] bool; None where nothing costs anything."""
        if options.penalty == "none" or not options.strength:
            return None
        devices = Devices.of(network, learns)
        slope = torch.from_numpy(options.strength * _costs(network, devices, options))
        places = torch.from_numpy(devices.places)
        return WiringCost(places.to(network.device), slope.to(network.device, network.options.dtype))

    def penalty(self, weight: Tensor) -> Tensor:
        """The penalty on weights [K, R, n]."""
        return (self.slope * weight.flatten()[self.places].abs()).sum()

    def shrink(self, weight: Tensor, rate: float, factors: Tensor | None = None) -> None:
        """Take the proximal step of the penalty, in place.

        Args:
            weight: [K, R, n].
            rate: learning rate.
            factors: learning rate of every device as a multiple of that [K, R, n]; None where all are 1.
        """
        by = self.slope * rate if factors is None else self.slope * factors.flatten()[self.places] * rate
        flat = weight.detach().view(-1)
        flat[self.places] = torch.nn.functional.relu(flat[self.places].abs() - by) * flat[self.places].sign()


@dataclass(frozen=True)
class Devices:
    """Devices that neurons drive, those of input channels left out."""

    places: Ints  # [D] among all of [K, R, n]
    tile: Ints  # [D] of the crossbar
    row: Ints  # [D]
    source: Ints  # [D] slot of the neuron that drives the row
    target: Ints  # [D] slot of the neuron of the column

    @staticmethod
    def of(network: Network, learns: Tensor) -> Devices:
        """Those of some devices [K, R, n] bool."""
        places = np.flatnonzero(learns.cpu().numpy())
        tile, row, column = np.unravel_index(places, learns.shape)
        source = network.links.source[tile, row]
        ours = (source >= 0) & (source < network.fabric.neurons)
        places, tile, row, column = places[ours], tile[ours], row[ours], column[ours]
        return Devices(places, tile, row, source[ours], tile * network.fabric.slots + column)


def _costs(network: Network, devices: Devices, options: WiringOptions) -> Floats:
    """Cost c of every device [D]."""
    if options.penalty == "l1":
        return np.ones(len(devices.places))
    fabric, start = network.fabric, devices.source // network.fabric.slots
    live = np.array(fabric.live_tiles)
    if options.penalty == "hops":
        mean = _hops_between(fabric, live[:, None], live).mean()
        return _hops(network, devices) / mean if mean else np.zeros(len(devices.places))
    mean = (tiles_between(fabric, live[:, None], live) + options.local).mean()
    length = (tiles_between(fabric, start, devices.tile) + options.local) / (mean or 1.0)
    if options.penalty == "length":
        return length
    weight = np.abs(network.state.weight.detach().cpu().double().numpy().reshape(-1)[devices.places])
    shared = communicability(devices.source, devices.target, weight)
    mean = (shared * weight).sum() / (weight.sum() or 1.0)
    return length * shared / (mean or 1.0)


def tiles_between(fabric: Fabric, a: Ints, b: Ints) -> Floats:
    """Rows plus columns between tiles."""
    cols = fabric.options.cols
    distance: Floats = (np.abs(a // cols - b // cols) + np.abs(a % cols - b % cols)).astype(np.float64)
    return distance


def _hops_between(fabric: Fabric, a: Ints, b: Ints) -> Floats:
    """Hops of the default routes between tiles, as ``model.chip.routes.hops`` has them."""
    distance, cols = tiles_between(fabric, a, b), fabric.options.cols
    aligned = (a // cols == b // cols) | (a % cols == b % cols)
    return np.where(distance <= 1, distance, 2 * distance + np.where(aligned, 1, -1))


def _hops(network: Network, devices: Devices) -> Floats:
    """Routing tiles that the link of every device crosses [D]."""
    rows, of_device = np.unique(np.stack([devices.source, devices.tile]), axis=1, return_inverse=True)
    paths = network.links.paths
    hops = np.array([paths[source, tile].hops for source, tile in rows.T.tolist()], dtype=np.float64)
    of_devices: Floats = hops[of_device.reshape(-1)]
    return of_devices


def communicability(source: Ints, target: Ints, weight: Floats) -> Floats:
    """How well the ends of every device communicate by all ways of the network, 0 for loops.

    Args:
        source, target: neurons at the ends of every device [D], by any numbers.
        weight: |w| of every device [D].

    Returns:
        C of source and target [D]; see the module.
    """
    neurons, ends = np.unique(np.concatenate([source, target]), return_inverse=True)
    a, b = np.split(ends.reshape(-1), 2)
    strength = np.zeros((len(neurons), len(neurons)))
    np.add.at(strength, (a, b), weight)
    both = (strength.sum(0) + strength.sum(1)) / 2
    root = np.divide(1.0, np.sqrt(both), out=np.zeros_like(both), where=both > 0)
    shared = torch.linalg.matrix_exp(torch.from_numpy(root[:, None] * strength * root)).numpy()
    np.fill_diagonal(shared, 0.0)
    chosen: Floats = shared[a, b]
    return chosen
