from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.model.chip.fabric import IN, OUT, WEST, Fabric, FabricOptions
from smalti.model.chip.faults import FaultMap, FaultsOptions, fault_map, file_of
from smalti.model.chip.ledger import Ledger
from smalti.model.chip.links import Links, Offer

SIZE = {"rows": 2, "cols": 2, "neurons_per_tile": 2, "wires": 3, "corner_wires": 1}
CHIP = Fabric(FabricOptions(**SIZE))
BETWEEN = 7  # the routing tile (1, 2) between tiles 0 and 1, on a grid of 5 x 5
ENTRY = CHIP.port(BETWEEN, WEST, IN)


def faults(**parts: Any) -> FaultMap:
    """Faults at places of ``CHIP``: rows as (tile, row), slots, wires as port -> numbers."""
    rows, slots = np.zeros((4, 14), dtype=np.bool_), np.zeros(8, dtype=np.bool_)
    for tile, row in parts.get("rows", []):
        rows[tile, row] = True
    slots[parts.get("slots", [])] = True
    return FaultMap(rows=rows, slots=slots, tiles=(), wires=parts.get("wires", {}))


def written(place: Path, **changes: object) -> FaultsOptions:
    path = place / "map.json"
    path.write_text(json.dumps({**SIZE, **changes}), encoding="utf-8")
    return FaultsOptions(map=str(path))


def test_an_unknown_dead_wire_drops_whoever_holds_it() -> None:
    links = Links(CHIP, channels=0)
    links.add(0, 1)
    links.strike(faults(wires={ENTRY: frozenset({0})}), known=False)
    links.add(1, 1)
    assert links.silent() == [(0, 1)]
    links.remove(0, 1)
    assert links.silent() == []
    links.add(0, 1)  # the wire of the lowest number that is free is the dead one again
    assert links.silent() == [(0, 1)]


def test_a_known_dead_wire_is_not_given_out() -> None:
    """Three wires less one: the third source goes around."""
    links = Links(CHIP, channels=0)
    links.add(0, 1)
    links.strike(faults(wires={ENTRY: frozenset({0})}), known=True)
    assert links.silent() == [(0, 1)]
    links.remove(0, 1)
    assert links.ledger.free(ENTRY) == 2
    links.add(0, 1)
    links.add(1, 1)
    assert links.silent() == []
    assert links.ledger.free(ENTRY) == 0
    links.remove(0, 1)
    links.remove(1, 1)
    for source in (0, 1):
        links.ledger.reserve(source, [ENTRY])
    around = links.offer(1, 1)
    assert isinstance(around, Offer)
    assert links.copy().ledger.blocked(5, [ENTRY]) == ENTRY
    links.ledger.keep({})
    assert links.ledger.free(ENTRY) == 0


@pytest.mark.parametrize(("known", "row"), [(True, 12), (False, 11)])
def test_rows_that_are_known_to_be_dead_are_passed_over(known: bool, row: int) -> None:
    """Of tile 1 the rows 11, 12 and 13 lie in the west: two of the local ones, then three each in N, E and S."""
    links = Links(CHIP, channels=0)
    links.strike(faults(rows=[(1, 11)]), known)
    into = CHIP.port(CHIP.cell_of_tile(1), WEST, IN)
    assert links.ledger.free(into) == (2 if known else 3)
    assert links.add(0, 1) == row
    assert links.silent() == ([] if known else [(0, 1)])


def test_an_input_gets_another_row_while_there_is_one() -> None:
    """Channel 0 enters tile 0 by row 2, the first of three in the north, channel 2 by row 3."""
    links = Links(CHIP, channels=3)
    assert (links.rows[8, 0], links.rows[10, 0]) == (2, 3)
    links.strike(faults(rows=[(0, 2), (0, 4)]), known=True)
    assert links.silent() == [(8, 0)]
    links.remove(8, 0)
    assert not links.relay_input(8, 0)  # of three rows two are dead, and channel 2 has the third
    links.remove(10, 0)
    assert links.relay_input(8, 0)
    assert links.rows[8, 0] == 3


def test_links_and_wires_come_back_as_they_were() -> None:
    broken = faults(rows=[(0, 2)], wires={ENTRY: frozenset({1})})
    links = Links(CHIP, channels=3)
    links.strike(broken, known=False)
    for source in (0, 1):
        links.add(source, 1)
    links.remove(0, 1)
    other = Links(CHIP, channels=3)
    other.strike(broken, known=False)
    other.load_state_dict(links.state_dict())
    assert other.rows == links.rows
    assert other.silent() == links.silent() == [(8, 0), (1, 1)]  # source 1 keeps wire 1, though wire 0 is free


def test_ledger_without_faults_has_no_severed_wires() -> None:
    ledger = Ledger(CHIP)
    ledger.reserve(0, [ENTRY])
    assert (ledger.severed(0, [ENTRY]), ledger.numbers()) == (False, [])


def test_places_of_a_file_by_hand(tmp_path: Path) -> None:
    options = written(
        tmp_path,
        dead_rows=[[0, 1, 11]],
        dead_slots=[[1, 0, 1]],
        dead_tiles=[[1, 1]],
        dead_wires=[[1, 2, "W", "in", 2], [2, 2, "N", "out", 0]],
    )
    found = fault_map(options, CHIP)
    assert found is not None
    assert np.argwhere(found.rows[:3]).tolist() == [[1, 11]]
    assert found.rows[3].all()
    assert np.flatnonzero(found.slots).tolist() == [2 * 2 + 1, 6, 7]
    assert found.tiles == (3,)
    assert found.wires == {ENTRY: {2}, CHIP.port(12, 0, OUT): {0}}
    assert found.rows_lost(CHIP)[CHIP.port(CHIP.cell_of_tile(1), WEST, IN)] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cols": 4}, r"is the map of another chip: its cols is 4, and fabric\.cols = 2; give the map of this chip"),
        ({"corner_wires": 8}, r"another chip: its corner_wires is 8"),
        ({"dead_row": []}, r"must be an object with the chip's rows, cols, .*, and of dead_rows, "),
        (
            {"dead_rows": [[0, 1, 14]]},
            r"dead_rows has \[0, 1, 14\]; .* must be \[row 0 to 1, column 0 to 1, crossbar row 0 to 13\]",
        ),
        (
            {"dead_wires": [[5, 2, "W", "in", 0]]},
            r"grid row 0 to 4, grid column 0 to 4, side N or E or S or W, direction",
        ),
        ({"dead_slots": [[0, 1]]}, r"dead_slots has \[0, 1\]"),
        ({"dead_tiles": [[0.0, 1]]}, r"dead_tiles has \[0\.0, 1\]"),
        ({"dead_wires": [[1, 2, "left", "in", 0]]}, r"dead_wires has"),
        (
            {"dead_wires": [[1, 1, "W", "in", 0]]},
            r"and there is a neuron tile: give a grid row or a grid column that is",
        ),
        ({"dead_wires": [[2, 2, "W", "in", 1]]}, r"and this routing tile, R0, has wire 0"),
    ],
)
def test_files_of_another_chip_or_with_holes_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        fault_map(written(tmp_path, **changes), CHIP)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: No such file"):
        fault_map(FaultsOptions(map=str(tmp_path / "none.json")), CHIP)
    (tmp_path / "torn.json").write_text('{"rows": 2', encoding="utf-8")
    with pytest.raises(ValueError, match=r"torn\.json is no JSON"):
        fault_map(FaultsOptions(map=str(tmp_path / "torn.json")), CHIP)


def test_a_map_that_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    shares = FaultsOptions(row_share=0.2, slot_share=0.3, tile_share=0.4, wire_share=0.3, map_seed=2)
    drawn = fault_map(shares, CHIP)
    assert drawn is not None
    assert drawn.tiles
    assert drawn.wires
    said = file_of(drawn, CHIP)
    read = fault_map(written(tmp_path, **said), CHIP)
    assert read is not None
    assert (read.rows == drawn.rows).all()
    assert (read.slots == drawn.slots).all()
    assert (read.tiles, read.wires) == (drawn.tiles, drawn.wires)


def test_shares_are_drawn_by_the_seed_alone() -> None:
    """Of 64 tiles x 80 rows, 1024 slots and the wires of 225 routing tiles a tenth, within 4 standard deviations."""
    fabric = Fabric(FabricOptions(rows=8, cols=8))
    options = FaultsOptions(row_share=0.1, slot_share=0.1, wire_share=0.1, map_seed=3)
    one, other = fault_map(options, fabric), fault_map(options, fabric)
    assert one is not None
    assert other is not None
    wires, most = sum(map(len, one.wires.values())), sum(fabric.capacity[p] for p in range(len(fabric.capacity)))
    most -= 64 * 8 * 16  # those of neuron tiles
    for found, whole in ((one.rows.sum(), 64 * 80), (one.slots.sum(), 1024), (wires, most)):
        assert abs(found - 0.1 * whole) < 4 * (0.09 * whole) ** 0.5
    assert (one.rows == other.rows).all()
    assert one.wires == other.wires
    without = fault_map(FaultsOptions(row_share=0.1, map_seed=3), fabric)
    assert without is not None
    assert (without.rows == one.rows).all()  # whatever else is drawn
    assert fault_map(FaultsOptions(), fabric) is None


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match=r"faults\.map = 'map\.json' says which parts are dead, and shares draw them"):
        FaultsOptions(map="map.json", row_share=0.1)
    with pytest.raises(ValueError, match=r"faults\.wire_share = 1\.5 must lie in 0\.\.1"):
        FaultsOptions(wire_share=1.5)


TABLE = """kind,row,col,side,direction,number
fabric.rows,,,,,2
fabric.cols,,,,,2
fabric.neurons_per_tile,,,,,2
fabric.wires,,,,,3
fabric.corner_wires,,,,,1
dead_row,0,1,,,11
dead_slot,1,0,,,1
dead_tile,1,1,,,
dead_wire,1,2,W,in,2
dead_wire,2,2,N,out,0
"""


def read_table(place: Path, text: str) -> FaultMap:
    path = place / "map.CSV"
    path.write_text(text, encoding="utf-8")
    found = fault_map(FaultsOptions(map=str(path)), CHIP)
    assert found is not None
    return found


def test_a_table_says_what_a_json_file_says_and_comes_back_as_one(tmp_path: Path) -> None:
    found = read_table(tmp_path, TABLE.replace("\n", "\r\n\r\n"))
    (tmp_path / "map.json").write_text(json.dumps(file_of(found, CHIP)), encoding="utf-8")
    again = fault_map(FaultsOptions(map=str(tmp_path / "map.json")), CHIP)
    assert again is not None
    assert file_of(found, CHIP) == file_of(again, CHIP)
    assert file_of(found, CHIP)["dead_rows"] == [[0, 1, 11]]
    assert found.tiles == (3,)
    assert found.wires == {ENTRY: {2}, CHIP.port(12, 0, OUT): {0}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "kind,row",
            "row,kind",
            r"map\.CSV, line 1: the columns are row,kind,col.*; give kind,row,col,side,direction,nu",
        ),
        (
            "fabric.wires,,,,,3",
            "fabric.wires,,,,,4",
            r"CSV, line 5 is the map of another chip: its wires is 4, and fab",
        ),
        ("fabric.wires,,,,,3\n", "", r"does not say how large its chip is: give fabric\.wires in a line"),
        ("fabric.cols,,,,,2", "fabric.rows,,,,,2", r", line 3: fabric\.rows stands there twice; leave one"),
        ("dead_row,0,1,,,11", "dead_row,0,1,,,", r", line 7: dead_row needs row, col, number and leaves all other"),
        (
            "dead_row,0,1,,,11",
            "dead_row,0,1,11",
            r", line 7: dead_row needs row, col, number .* the line is dead_row,0",
        ),
        ("dead_row,0,1,,,11", "dead_row,0,1,,,14", r", line 7: dead_rows has \[0, 1, 14\]; on this chip it must be"),
        ("dead_row,0,1,,,11", "dead_row,0,one,,,11", r", line 7: dead_rows has \[0, 'one', 11\]"),
        ("dead_slot,1,0,,,1", "slot,1,0,,,1", r", line 8: there is no kind 'slot'; take one of dead_row, dead_slot, "),
        (
            "dead_tile,1,1,,,",
            "dead_tile,1,1,,,2",
            r", line 9: dead_tile needs row, col and leaves all other columns em",
        ),
        ("dead_wire,1,2,W,in,2", "dead_wire,1,1,W,in,2", r", line 10: .* there is a neuron tile"),
        ("dead_wire,1,2,W,in,2", "dead_wire,1,2,W,into,2", r", line 10: dead_wires has"),
    ],
)
def test_tables_with_holes_or_of_another_chip_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in TABLE
    with pytest.raises(ValueError, match=said) as caught:
        read_table(tmp_path, TABLE.replace(old, new))
    assert "\n" not in str(caught.value)


def test_an_empty_or_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 1: the columns are nothing"):
        read_table(tmp_path, "")
    with pytest.raises(ValueError, match="cannot be read"):
        fault_map(FaultsOptions(map=str(tmp_path / "none.csv")), CHIP)
