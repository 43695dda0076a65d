from __future__ import annotations

import torch

from benchmarks.engines.peers.layer import Layer
from benchmarks.engines.peers.tiling import Tiling, listed


def chain() -> Layer:
    """Tiles of 2, 1 and 3 neurons; each hears itself and the one before; channel 0 enters the first, 1 the last two."""
    tile = torch.tensor([2, 0, 2, 1, 0, 2])
    links = (tile[:, None] == tile) | (tile[:, None] == tile - 1)
    inputs = torch.stack([tile == 0, tile > 0])
    g = torch.Generator().manual_seed(0)
    values = (torch.randn(shape, generator=g) for shape in [(2, 6), (6, 6), (6, 1)])
    into, between, out = values
    return Layer(into * inputs, between * links, out, tile, leak=0.9)


def test_lists_are_filled_up_and_say_so() -> None:
    columns, exists = listed(torch.tensor([[False, True, True], [True, False, False], [False, False, False]]))
    assert columns.tolist() == [[1, 2], [0, 0], [0, 0]]
    assert exists.tolist() == [[True, True], [True, False], [False, False]]


def test_a_chain_of_tiles_hears_the_tile_before() -> None:
    cut = Tiling.of(chain())
    assert (cut.tiles, cut.lanes) == (3, 3)
    assert cut.place.tolist() == [6, 0, 7, 3, 1, 8]
    assert cut.sources.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert cut.linked.tolist() == [[True, False], [True, True], [True, True]]
    assert cut.targets.tolist() == [[0, 1], [1, 2], [2, 0]]
    assert cut.entry[cut.asked].tolist() == [0, 0, 1, 0, 1]
    assert cut.channels[cut.heard].tolist() == [0, 1, 1]


def test_blocks_hold_all_links_and_nothing_else() -> None:
    given = chain()
    cut = Tiling.of(given)
    blocks, inputs = cut.blocks(given.weight_rec), cut.input_blocks(given.weight_in)
    assert blocks.shape == (3, 2 * 3, 3)
    assert torch.equal(cut.matrix(blocks), given.weight_rec)
    assert torch.equal(cut.input_matrix(inputs, 2), given.weight_in)
    assert (blocks != 0).sum() == (given.weight_rec != 0).sum()
    source, target = 3, 0  # tile 1 to tile 2: the first of its sources, lane 0 of both
    assert blocks[2, 0, 0] == given.weight_rec[source, target]
