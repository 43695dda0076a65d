from __future__ import annotations

import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.scheduler.growth.seed_shape import footprint, seed_links


class TestFootprint:
    """Tiles are numbered row by row, the north row first."""

    def fabric(self, rows: int, cols: int, dead: tuple[tuple[int, int], ...] = ()) -> Fabric:
        return Fabric(FabricOptions(rows=rows, cols=cols, dead_tiles=dead))

    @pytest.mark.parametrize(
        ("output", "expected"),
        [
            (8, [0, 1, 2, 3, 4, 5, 6, 8]),
            (9, [0, 1, 2, 3, 4, 5, 6, 7, 9]),
            (11, [0, 1, 2, 3, 5, 6, 7, 11]),
        ],
    )
    def test_narrows_from_the_whole_north_row_to_the_output_tile(self, output: int, expected: list[int]) -> None:
        assert footprint(self.fabric(3, 4), output) == expected

    def test_narrows_row_by_row_on_a_tall_chip(self) -> None:
        # columns away from the output: 3 in row 0, 3 x 3/4 -> 3, 3 x 2/4 -> 2, 3 x 1/4 -> 1
        assert footprint(self.fabric(5, 4), 16) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16]

    def test_one_row_is_all_of_it(self) -> None:
        assert footprint(self.fabric(1, 5), 2) == [0, 1, 2, 3, 4]

    def test_2_x_2(self) -> None:
        assert footprint(self.fabric(2, 2), 3) == [0, 1, 3]

    def test_dead_tiles_are_left_out(self) -> None:
        assert footprint(self.fabric(3, 4, ((1, 0), (0, 2))), 8) == [0, 1, 3, 5, 6, 8]


class TestSeedLinks:
    @pytest.mark.parametrize(
        ("tile", "needed", "wished"),
        [
            (0, (4,), (1,)),  # south comes before east
            (1, (5,), (2, 0)),
            (3, (2,), ()),  # the tile south of it serves others
            (4, (8,), (0, 5)),
            (6, (5,), (2,)),
            (8, (), ()),
        ],
    )
    def test_3_x_4_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=3, cols=4))
        assert seed_links(fabric, tile, footprint(fabric, 8), 8) == (needed, wished)

    @pytest.mark.parametrize(
        ("tile", "needed", "wished"), [(0, (1,), ()), (1, (2,), (0,)), (2, (), ()), (3, (2,), (4,)), (4, (3,), ())]
    )
    def test_one_row_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=1, cols=5))
        assert seed_links(fabric, tile, footprint(fabric, 2), 2) == (needed, wished)

    @pytest.mark.parametrize(("tile", "needed", "wished"), [(0, (1,), ()), (1, (3,), (0,)), (3, (), ())])
    def test_2_x_2_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=2, cols=2))
        assert seed_links(fabric, tile, footprint(fabric, 3), 3) == (needed, wished)

    def test_over_a_dead_tile_to_the_nearest_one_ahead(self) -> None:
        fabric = Fabric(FabricOptions(rows=3, cols=4, dead_tiles=((1, 0),)))
        tiles = footprint(fabric, 8)
        assert seed_links(fabric, 0, tiles, 8) == ((8,), (1,))  # tile 4 is dead, tile 5 no nearer than tile 0
        assert seed_links(fabric, 5, tiles, 8) == ((8,), (1, 6))
        assert seed_links(fabric, 1, tiles, 8) == ((5,), (2, 0))
