"""Does a peer compute what the others do? Loss and gradients beside a reference in float64, before it is timed.

The reference is the plain loop with torch's autograd. Rounding may decide whether a membrane next to the threshold
fires, and what follows from it is no mistake of anyone: of the first samples those are taken whose membranes stay
farthest from it. W_in and W_rec are compared where they are not zero, for not every peer has weights elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.engines.peers.layer import Gradients, Layer, Peer
from benchmarks.engines.peers.registry import build

LOOKED_AT, TAKEN = 16, 4  # samples


@dataclass(frozen=True)
class Reference:
    """Samples, and what is right for them."""

    x: Tensor  # [T, b, I]
    target: Tensor  # [b]
    right: Gradients
    inputs: Tensor  # [I, N] bool: weights that are not zero
    links: Tensor  # [N, N] bool


@dataclass(frozen=True)
class Deviation:
    """Of a peer from the reference, relative to it."""

    loss: float
    gradients: float  # greatest of the three weights: Euclidean norm of the difference by that of the gradient

    def within(self, tolerance: float) -> bool:
        """Whether both are."""
        return self.loss <= tolerance and self.gradients <= tolerance


def reference(layer: Layer, x: Tensor, target: Tensor) -> Reference:
    """In float64, for some of the samples x [T, B, I] with classes [B]."""
    weights = {name: getattr(layer, name).double() for name in ("weight_in", "weight_rec", "weight_out")}
    exact = replace(layer, **weights)
    taken = farthest(exact, x[:, :LOOKED_AT].double())
    x, target = x[:, taken], target[taken]
    right = build("plain", exact).gradients(x.double(), target)
    return Reference(x, target, right, layer.weight_in != 0, layer.weight_rec != 0)


def farthest(layer: Layer, x: Tensor) -> Tensor:
    """The samples of x [T, B, I] whose membranes stay farthest from the threshold."""
    current, theta = x @ layer.weight_in, layer.threshold
    v, s = torch.zeros_like(current[0]), torch.zeros_like(current[0])
    near = torch.full((x.shape[1],), torch.inf, dtype=x.dtype)
    for i in current:
        v = layer.leak * v + i + s @ layer.weight_rec - theta * s
        s = (v > theta).to(v.dtype)
        near = torch.minimum(near, (v - theta).abs().amin(1))
    return near.topk(min(TAKEN, len(near))).indices


def deviation(peer: Peer, of: Reference) -> Deviation:
    """Of its loss and gradients."""
    given, right = peer.gradients(of.x, of.target), of.right
    pairs = [
        (given.weight_in[of.inputs], right.weight_in[of.inputs]),
        (given.weight_rec[of.links], right.weight_rec[of.links]),
        (given.weight_out, right.weight_out),
    ]
    apart = [float((one.double() - other).norm() / other.norm()) for one, other in pairs]
    return Deviation(abs(given.loss - right.loss) / right.loss, max(apart))
