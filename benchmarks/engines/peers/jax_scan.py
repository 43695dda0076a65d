"""Backpropagation through time by hand in JAX: one scan forward and one back, compiled together with Adam.

The adjoints are those of ``by_hand``; neither JAX's autodiff nor its tape takes part.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from benchmarks.engines.peers.jax_layer import JaxPeer
from benchmarks.engines.peers.layer import Layer
from benchmarks.engines.peers.tiling import Tiling


class Scan(JaxPeer):
    """W_rec as a matrix; state [B, N]."""

    def __init__(self, layer: Layer, threads: int) -> None:
        super().__init__(layer, (layer.weight_in, layer.weight_rec, layer.weight_out), threads)

    def forward(self, weights: Any, x: Any) -> Any:
        """Spikes [T, B, N]."""
        return self._run(weights, x)[0]

    def _run(self, weights: Any, x: Any) -> Any:
        np, leak, theta = self.np, self.layer.leak, self.layer.threshold
        into, between, _ = weights

        def step(carry: Any, current: Any) -> Any:
            v, s = carry
            v = leak * v + current + s @ between - theta * s
            s = (v > theta).astype(v.dtype)
            return (v, s), (s, 1.0 / (np.abs(v - theta) + 1.0) ** 2)

        rest = np.zeros((x.shape[1], between.shape[0]), np.float32)
        return self.jax.lax.scan(step, (rest, rest), x @ into)[1]

    def loss_and_gradients(self, weights: Any, x: Any, target: Any) -> Any:
        """Adjoints by a scan back; each weight's gradient is one product over all of time."""
        np, share, leak = self.np, self.share(len(x)), self.layer.leak
        _, between, out = weights
        spikes, surrogate = self._run(weights, x)
        heard = np.tensordot(share, spikes, 1)
        loss, slope = self.readout(heard, out, target)
        g, turned = slope @ out.T, between.T

        def back(later: Any, here: Any) -> Any:
            part, psi = here
            adjoint = leak * later + psi * (g * part + later @ turned)
            return adjoint, adjoint

        _, adjoints = self.jax.lax.scan(back, np.zeros_like(g), (share, surrogate), reverse=True)
        of_in = np.einsum("tbi,tbj->ij", x, adjoints)
        of_between = np.einsum("tbi,tbj->ij", spikes[:-1], adjoints[1:])
        return loss, (of_in, of_between, heard.T @ slope)


class BlockScan(JaxPeer):
    """Blocks of weights between linked tiles; state [K, n, B]."""

    def __init__(self, layer: Layer, threads: int) -> None:
        self.tiling = cut = Tiling.of(layer)
        weights = cut.input_blocks(layer.weight_in), cut.blocks(layer.weight_rec), layer.weight_out
        super().__init__(layer, weights, threads)

    def forward(self, weights: Any, x: Any) -> Any:
        """Spikes [T, B, N]."""
        spikes = self._run(weights, x)[0]
        return spikes.reshape(len(x), -1, x.shape[1])[:, self.tiling.place.numpy()].transpose(0, 2, 1)

    def matrices(self, into: Tensor, between: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Blocks put back where they stand."""
        return self.tiling.input_matrix(into, len(self.layer.weight_in)), self.tiling.matrix(between), out

    def _gather(self, rows: Any, lists: Tensor) -> Any:
        return rows[lists.numpy()].reshape(len(lists), -1, rows.shape[-1])

    def _run(self, weights: Any, x: Any) -> Any:
        np, cut, leak, theta = self.np, self.tiling, self.layer.leak, self.layer.threshold
        into, between, _ = weights

        def step(carry: Any, rows: Any) -> Any:
            v, s = carry
            current = np.einsum("kci,kcb->kib", into, self._gather(rows, cut.channels))
            current += np.einsum("kji,kjb->kib", between, self._gather(s, cut.sources))
            v = leak * v + current - theta * s
            s = (v > theta).astype(v.dtype)
            return (v, s), (s, 1.0 / (np.abs(v - theta) + 1.0) ** 2)

        rest = np.zeros((cut.tiles, cut.lanes, x.shape[1]), np.float32)
        return self.jax.lax.scan(step, (rest, rest), x.transpose(0, 2, 1))[1]

    def loss_and_gradients(self, weights: Any, x: Any, target: Any) -> Any:
        """Adjoints and weights' gradients by one scan back."""
        np, cut, leak, share = self.np, self.tiling, self.layer.leak, self.share(len(x))
        into, between, out = weights
        spikes, surrogate = self._run(weights, x)
        place = cut.place.numpy()
        heard = np.tensordot(share, spikes, 1).reshape(-1, x.shape[1])[place].T
        loss, slope = self.readout(heard, out, target)
        g = np.zeros((cut.tiles * cut.lanes, x.shape[1])).at[place].set(out @ slope.T).reshape(spikes.shape[1:])
        each = between.reshape(cut.tiles, -1, cut.lanes, cut.lanes)[cut.targets.numpy(), cut.entry.numpy()]
        turned = (each * cut.asked.numpy()[:, :, None, None]).transpose(0, 2, 1, 3).reshape(cut.tiles, cut.lanes, -1)

        def back(carry: Any, here: Any) -> Any:
            later, of_in, of_between = carry
            part, psi, rows, before = here
            behind = np.einsum("kij,kjb->kib", turned, self._gather(later, cut.targets))
            adjoint = leak * later + psi * (g * part + behind)
            of_in += np.einsum("kcb,kib->kci", self._gather(rows, cut.channels), adjoint)
            of_between += np.einsum("kjb,kib->kji", self._gather(before, cut.sources), adjoint)
            return (adjoint, of_in, of_between), None

        before = np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]])
        start = np.zeros_like(g), np.zeros_like(into), np.zeros_like(between)
        inputs = share, surrogate, x.transpose(0, 2, 1), before
        (_, of_in, of_between), _ = self.jax.lax.scan(back, start, inputs, reverse=True)
        of_in *= cut.heard.numpy()[:, :, None]
        exists = cut.linked.numpy()[:, :, None, None]
        of_between = (of_between.reshape(each.shape[0], -1, cut.lanes, cut.lanes) * exists).reshape(between.shape)
        return loss, (of_in, of_between, heard.T @ slope)
