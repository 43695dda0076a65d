"""Backpropagation through time by hand in torch, over the blocks of weights between linked tiles alone.

Neurons come first and samples last, so that what a tile hears is gathered a tile at a time, and one batched product
multiplies the blocks of all tiles. Weights inside a block are dense, and all are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.engines.peers.by_hand import ByHand
from benchmarks.engines.peers.layer import Gradients, Layer
from benchmarks.engines.peers.tiling import Tiling


class Blocks(ByHand):
    """State [K, n, B]."""

    def __init__(self, layer: Layer) -> None:
        self.tiling = cut = Tiling.of(layer)
        blocks = cut.input_blocks(layer.weight_in), cut.blocks(layer.weight_rec), layer.weight_out.clone()
        super().__init__(layer, list(blocks))

    def ready(self) -> None:
        """Blocks turned round, from the lanes that ask to those that are asked [K, n, D' * n]."""
        cut, between = self.tiling, self.weights[1]
        each = between.view(cut.tiles, -1, cut.lanes, cut.lanes)[cut.targets, cut.entry] * cut.asked[:, :, None, None]
        self.turned = each.transpose(1, 2).flatten(2)

    def currents(self, x: Tensor) -> Tensor:
        """[T, K, n, B]."""
        channels, into = self.tiling.channels, self.weights[0].transpose(1, 2)
        rows, v = x.transpose(1, 2).contiguous(), x.new_empty(len(x), *into.shape[:2], x.shape[1])
        for t in range(len(x)):
            torch.bmm(into, gather(rows[t], channels), out=v[t])
        return v

    def send(self, spikes: Tensor, current: Tensor) -> None:
        """Blocks times the spikes that their tile hears."""
        current.baddbmm_(self.weights[1].transpose(1, 2), gather(spikes, self.tiling.sources))

    def ask(self, adjoint: Tensor, behind: Tensor) -> None:
        """Blocks turned round times the adjoints of who hears."""
        behind.baddbmm_(self.turned, gather(adjoint, self.tiling.targets))

    def weight_gradients(self, x: Tensor, spikes: Tensor, adjoints: Tensor) -> tuple[Tensor, Tensor]:
        """Summed over time step by step: what a step needs is in the cache."""
        cut, rows = self.tiling, x.transpose(1, 2).contiguous()
        into, between = (torch.zeros_like(weight) for weight in self.weights[:2])
        for t, adjoint in enumerate(adjoints):
            after = adjoint.transpose(1, 2)
            into.baddbmm_(gather(rows[t], cut.channels), after)
            if t > 0:
                between.baddbmm_(gather(spikes[t - 1], cut.sources), after)
        into *= cut.heard[:, :, None]
        between.view(cut.tiles, -1, cut.lanes, cut.lanes).mul_(cut.linked[:, :, None, None])
        return into, between

    def neurons(self, state: Tensor) -> Tensor:
        """[K, n, B] -> [B, N]."""
        return state.flatten(0, 1)[self.tiling.place].T

    def state(self, neurons: Tensor) -> Tensor:
        """[B, N] -> [K, n, B]."""
        cut = self.tiling
        state = neurons.new_zeros(cut.tiles * cut.lanes, len(neurons))
        state[cut.place] = neurons.T
        return state.view(cut.tiles, cut.lanes, -1)

    def gradients(self, x: Tensor, target: Tensor) -> Gradients:
        """Loss and gradients."""
        loss, cut = self.learn(x, target), self.tiling
        into, between, out = (w.grad for w in self.weights)
        assert into is not None
        assert between is not None
        assert out is not None
        return Gradients(loss, cut.input_matrix(into, x.shape[2]), cut.matrix(between), out)


def gather(rows: Tensor, lists: Tensor) -> Tensor:
    """Of every tile, the rows in its list: [K, ..., B] and [K, D] -> [K, D * ..., B]."""
    return rows.index_select(0, lists.flatten()).view(len(lists), -1, rows.shape[-1])
