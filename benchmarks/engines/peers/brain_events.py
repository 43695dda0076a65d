"""brainevent: products of events with a matrix, dense or of the links alone (CSR), and JAX's autodiff over a scan.

Its kernels on a CPU are numba's; several threads are told to it as its documentation says.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.engines.peers.jax_layer import JaxPeer, jax_with
from benchmarks.engines.peers.layer import Layer, library


class EventsByDense(JaxPeer):
    """A dense W_rec."""

    def __init__(self, layer: Layer, threads: int) -> None:
        self.shape = tuple(layer.weight_rec.shape)
        jax = jax_with(threads)
        self.events = library("brainevent")
        if threads > 1:
            self.events.config.set_numba_parallel(True, num_threads=threads)
        spike = jax.custom_jvp(lambda u: (u > 0).astype(u.dtype))
        spike.defjvp(lambda at, slope: (spike(*at), slope[0] / (abs(at[0]) + 1.0) ** 2))
        self.spike = spike
        super().__init__(layer, (layer.weight_in, self.kept(layer.weight_rec), layer.weight_out), threads)

    def kept(self, weight_rec: Tensor) -> Tensor:
        """W_rec as it is trained."""
        return weight_rec

    def product(self, spikes: Any, between: Any) -> Any:
        """[B, N]."""
        return self.events.BinaryArray(spikes) @ between

    def forward(self, weights: Any, x: Any) -> Any:
        """Spikes [T, B, N]."""
        np, leak, theta = self.np, self.layer.leak, self.layer.threshold
        into, between, _ = weights

        def step(carry: Any, current: Any) -> Any:
            v, s = carry
            v = leak * v + current + self.product(s, between) - theta * self.jax.lax.stop_gradient(s)
            s = self.spike(v - theta)
            return (v, s), s

        rest = np.zeros((x.shape[1], self.shape[0]), np.float32)
        return self.jax.lax.scan(step, (rest, rest), x @ into)[1]

    def loss_and_gradients(self, weights: Any, x: Any, target: Any) -> Any:
        """By autodiff."""
        share = self.share(len(x))

        def loss(weights: Any) -> Any:
            heard = self.np.tensordot(share, self.forward(weights, x), 1)
            return self.readout(heard, weights[2], target)[0]

        return self.jax.value_and_grad(loss)(weights)


class EventsByLinks(EventsByDense):
    """W_rec in compressed rows; only links are there, and trained."""

    def kept(self, weight_rec: Tensor) -> Tensor:
        """Weights of the links, row by row."""
        np, links = library("jax.numpy"), weight_rec != 0
        self.links = links
        self.columns = np.asarray(links.nonzero()[:, 1].numpy(), dtype=np.int32)
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), links.sum(1).cumsum(0)])
        self.starts = np.asarray(starts.numpy(), dtype=np.int32)
        return weight_rec[links]

    def product(self, spikes: Any, between: Any) -> Any:
        """[B, N]."""
        rows = self.events.CSR((between, self.columns, self.starts), shape=self.shape)
        return self.events.BinaryArray(spikes) @ rows

    def matrices(self, into: Tensor, between: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Links put back where they stand."""
        whole = torch.zeros(self.shape)
        whole[self.links] = between
        return into, whole, out
