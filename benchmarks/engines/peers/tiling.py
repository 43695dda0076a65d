"""A layer cut into tiles: which of them are linked, and the blocks of weights between those.

Tiles have as many lanes as the largest of them has neurons; lanes without one are silent. Every tile has a list of the
tiles that it hears, and one of those that hear it, filled up to the longest with tile 0; likewise for input channels.
Blocks of what only fills up are zero, ``linked`` and ``heard`` say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.engines.peers.layer import Layer


@dataclass(frozen=True)
class Tiling:
    """Places and lists, without weights."""

    tiles: int  # K
    lanes: int  # n
    place: Tensor  # [N]: lane of every neuron, counted over all tiles
    sources: Tensor  # [K, D]: tiles heard
    linked: Tensor  # [K, D] bool
    targets: Tensor  # [K, D']: tiles that hear it
    entry: Tensor  # [K, D']: and where it stands among their sources
    asked: Tensor  # [K, D'] bool
    channels: Tensor  # [K, C]: input channels heard
    heard: Tensor  # [K, C] bool

    @staticmethod
    def of(layer: Layer) -> Tiling:
        """Of the links of a layer: weights that are not zero."""
        names, tile = torch.unique(layer.tile, return_inverse=True)
        tiles, count = len(names), torch.bincount(tile)
        order = torch.argsort(tile, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order)) - (count.cumsum(0) - count)[tile[order]]
        member = torch.nn.functional.one_hot(tile, tiles).to(layer.weight_rec.dtype)  # [N, K]
        links = (member.T @ (layer.weight_rec != 0).to(member.dtype) @ member).T > 0  # [target, source]
        inputs = ((layer.weight_in != 0).to(member.dtype) @ member).T > 0  # [K, I]
        sources, linked = listed(links)
        targets, asked = listed(links.T)
        position = links.cumsum(1) - 1  # of a source in its target's list
        entry = position[targets, torch.arange(tiles)[:, None]].clamp(min=0)
        lanes = int(count.max())
        return Tiling(tiles, lanes, tile * lanes + rank, sources, linked, targets, entry, asked, *listed(inputs))

    def blocks(self, weight_rec: Tensor) -> Tensor:
        """[N, N] -> [K, D * n, n]: for every tile, weights from the lanes that it hears to its own."""
        whole = self._spread(self._spread(weight_rec).T).T.reshape(self.tiles, self.lanes, self.tiles, self.lanes)
        here = whole.transpose(1, 2)[self.sources, torch.arange(self.tiles)[:, None]]  # [K, D, n, n]
        return (here * self.linked[:, :, None, None]).flatten(1, 2).contiguous()

    def matrix(self, blocks: Tensor) -> Tensor:
        """The inverse of ``blocks``."""
        whole = blocks.new_zeros(self.tiles, self.tiles, self.lanes, self.lanes)
        target = torch.arange(self.tiles)[:, None].expand_as(self.sources)[self.linked]
        each = blocks.view(self.tiles, -1, self.lanes, self.lanes)
        whole[self.sources[self.linked], target] = each[self.linked]
        flat = whole.transpose(1, 2).reshape(self.tiles * self.lanes, -1)
        return flat[self.place][:, self.place]

    def input_blocks(self, weight_in: Tensor) -> Tensor:
        """[I, N] -> [K, C, n]."""
        whole = self._spread(weight_in.T).T.reshape(-1, self.tiles, self.lanes).transpose(0, 1)  # [K, I, n]
        return (whole[torch.arange(self.tiles)[:, None], self.channels] * self.heard[:, :, None]).contiguous()

    def input_matrix(self, blocks: Tensor, channels: int) -> Tensor:
        """The inverse of ``input_blocks``."""
        whole = blocks.new_zeros(self.tiles, channels, self.lanes)
        tile = torch.arange(self.tiles)[:, None].expand_as(self.channels)[self.heard]
        whole[tile, self.channels[self.heard]] = blocks[self.heard]
        return whole.transpose(0, 1).reshape(channels, -1)[:, self.place]

    def _spread(self, rows: Tensor) -> Tensor:
        """Neurons [N, ...] -> lanes [K * n, ...]."""
        spread = rows.new_zeros(self.tiles * self.lanes, *rows.shape[1:])
        spread[self.place] = rows
        return spread


def listed(chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Columns chosen in each row, filled up with 0 to the longest list; and which are no filling."""
    count = chosen.sum(1)
    longest = max(1, int(count.max()))
    exists = torch.arange(longest) < count[:, None]
    columns = torch.argsort(chosen.to(torch.int8), dim=1, descending=True, stable=True)[:, :longest]
    return columns * exists, exists
