from __future__ import annotations

from typing import Any

import pytest

from smalti.model.chip.fabric import EAST, IN, NORTH, OUT, SOUTH, WEST, Fabric, FabricError, FabricOptions


def fabric(rows: int = 2, cols: int = 3, **other: Any) -> Fabric:
    return Fabric(FabricOptions(rows=rows, cols=cols, neurons_per_tile=4, wires=5, corner_wires=2, **other))


def test_counts_of_the_reference_chip() -> None:
    """8 x 8 tiles: 64 neuron tiles, 144 R1, 81 R0."""
    chip = Fabric(FabricOptions(rows=8, cols=8, neurons_per_tile=32, wires=32, corner_wires=8))
    kinds = [chip.kind(cell) for cell in range(chip.cells)]
    assert (kinds.count("tile"), kinds.count("r1"), kinds.count("r0")) == (64, 144, 81)
    assert (chip.tiles, chip.neurons, chip.rows_per_tile) == (64, 2048, 32 + 4 * 32)


def test_places_of_a_2_x_3_chip_written_out() -> None:
    chip = fabric()
    assert (chip.grid_rows, chip.grid_cols, chip.cells) == (5, 7, 35)
    assert [chip.cell_of_tile(t) for t in range(6)] == [8, 10, 12, 22, 24, 26]
    assert [chip.position(t) for t in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [chip.tile(*chip.position(t)) for t in range(6)] == list(range(6))
    assert [chip.tile_of_slot(s) for s in (0, 3, 4, 23)] == [0, 0, 1, 5]
    assert (chip.north_tiles, chip.south_tiles) == ((0, 1, 2), (3, 4, 5))
    assert chip.neighbours(0) == (1, 3)
    assert chip.neighbours(4) == (1, 5, 3)
    assert chip.distance(0, 5) == 3


def test_ports_are_distinct_and_described_in_words() -> None:
    chip = fabric()
    sides = [(c, s, d) for c in range(chip.cells) for s in (NORTH, EAST, SOUTH, WEST) for d in (IN, OUT)]
    assert [chip.port(*place) for place in sides] == list(range(len(chip.capacity)))
    assert chip.describe_port(chip.port(8, NORTH, IN)) == "neuron tile (0, 0) side N in"
    assert chip.describe_port(chip.port(9, EAST, OUT)) == "R1 (1, 2) side E out"
    assert chip.describe_port(chip.port(16, WEST, IN)) == "R0 (2, 2) side W in"


def test_capacities_by_kind_and_none_on_dead_cells() -> None:
    chip = fabric(dead_tiles=((1, 0),), dead_routers=((0, 3), (2, 2)))
    limit = {"tile": 5, "r1": 5, "r0": 2}
    dead = {chip.cell_of_tile(3), 3, 16}
    for cell in range(chip.cells):
        expected = 0 if cell in dead else limit[chip.kind(cell)]
        assert chip.capacity[8 * cell : 8 * cell + 8].tolist() == [expected] * 8, cell


def test_dead_places_leave_the_lists_of_tiles() -> None:
    chip = fabric(dead_tiles=((1, 0),), dead_routers=((0, 3),))
    assert chip.live_tiles == (0, 1, 2, 4, 5)
    assert chip.north_tiles == (0, 2)  # no input passes the dead routing tile north of tile 1
    assert chip.south_tiles == (4, 5)
    assert chip.neighbours(4) == (1, 5)


def test_a_single_row_is_both_north_and_south() -> None:
    chip = fabric(rows=1, cols=2)
    assert chip.north_tiles == chip.south_tiles == (0, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, r"fabric\.rows = 0 must be at least 1"),
        ({"cols": -1}, r"fabric\.cols = -1 must be at least 1"),
        ({"neurons_per_tile": 0}, r"fabric\.neurons_per_tile = 0 must be at least 1"),
        ({"wires": 0}, r"fabric\.wires = 0 must be at least 1"),
        ({"corner_wires": -1}, r"fabric\.corner_wires = -1 must not be negative"),
        ({"dead_tiles": ((3, 0),)}, r"fabric\.dead_tiles names tile \(3, 0\).* 3 x 4 tiles; give \[row, column\]"),
        ({"dead_tiles": ((0, -1),)}, r"fabric\.dead_tiles names tile \(0, -1\)"),
        ({"dead_routers": ((1, 1),)}, r"fabric\.dead_routers names cell \(1, 1\).* even row or column"),
        ({"dead_routers": ((0, 9),)}, r"fabric\.dead_routers names cell \(0, 9\).* 7 x 9 grid"),
    ],
)
def test_refuses_bad_options_saying_what_and_how(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        FabricOptions(**options)


@pytest.mark.parametrize(
    ("dead", "side"),
    [
        ({"dead_tiles": ((0, 0), (0, 1))}, "north"),
        ({"dead_routers": ((0, 1), (0, 3))}, "north"),
        ({"dead_tiles": ((1, 0), (1, 1))}, "south"),
    ],
)
def test_refuses_a_chip_without_a_way_in_or_out(dead: dict[str, Any], side: str) -> None:
    with pytest.raises(FabricError, match=rf"no live tile is left in the {side} row; remove"):
        fabric(rows=2, cols=2, **dead)
