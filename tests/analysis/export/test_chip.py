"""The exported chip by itself, without this simulator: signals that follow its switches reach its rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from smalti.analysis.export.chip import FILES, export_chip
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.chip.fabric import SIDES, STEP
from smalti.model.chip.faults import FaultsOptions, fault_map
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation

Rows = list[dict[str, str]]


def table(folder: Path, name: str) -> Rows:
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def wide_run(tiny: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a chip whose links go around corners."""
    path = tmp_path_factory.mktemp("wide") / "wide"
    fabric = {"rows": 3, "cols": 3, "dead_routers": ((2, 3),)}
    growth = {"every": 1, "until": 1.0, "amount": "fixed"}
    start(tiny(fabric=fabric, growth=growth, stream={"steps": 14}), path, lambda simulation: None)
    return path


@pytest.fixture(scope="session")
def chip(wide_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its exported chip."""
    out = tmp_path_factory.mktemp("chips") / "chip"
    counted = export_chip(load_run(wide_run), out)
    assert all(len(table(out, name)) == rows for name, rows in counted.items())
    return out


@pytest.fixture(scope="session")
def simulation(wide_run: Path) -> Simulation:
    return restored(load_run(wide_run))


def reached(facts: dict[str, Any], switches: Rows, kind: str, source: str, starts: set[tuple[int, int]]) -> set[Any]:
    """(tile, row) that a source's spikes reach: from cells where they are at first, by switches alone."""
    size = facts["geometry"]
    own = [s for s in switches if (s["kind"], s["source"]) == (kind, source)]
    front: list[Any] = [(place, side, None) for place in starts for side in SIDES]
    if kind == "input":
        outside = [s for s in own if s["from_side"] == "N" and int(s["grid_row"]) == 0]
        front = [((-1, int(s["grid_col"])), "S", None) for s in outside]
    seen, rows = set(), set()
    while front:
        (row, col), side, wire = front.pop()
        step = STEP[SIDES.index(side)]
        there, enters = (row + step[0], col + step[1]), SIDES[(SIDES.index(side) + 2) % 4]
        if wire is not None and there[0] % 2 and there[1] % 2:
            tile = (there[0] // 2) * size["cols"] + there[1] // 2
            rows.add((tile, size["neurons_per_tile"] + SIDES.index(enters) * size["wires"] + wire))
            continue
        for s in own:
            here = int(s["grid_row"]), int(s["grid_col"])
            if here == there and s["from_side"] == enters and wire in (None, int(s["from_wire"])):
                state = (there, s["to_side"], int(s["to_wire"]))
                if state not in seen:
                    seen.add(state)
                    front.append(state)
    return rows


def test_spikes_that_follow_the_switches_reach_the_rows_of_the_links(chip: Path) -> None:
    facts = json.loads((chip / "chip.json").read_text(encoding="utf-8"))
    links, switches = table(chip, "links.csv"), table(chip, "switches.csv")
    assert max(int(link["hops"]) for link in links) > 1
    for kind, source in {(link["kind"], link["source"]) for link in links if link["kind"] != "local"}:
        mine = [link for link in links if (link["kind"], link["source"]) == (kind, source)]
        cols = facts["geometry"]["cols"]
        tiles = {divmod(int(link["from_tile"]), cols) for link in mine if link["from_tile"]}
        starts = {(2 * row + 1, 2 * col + 1) for row, col in tiles}
        expected = {(int(link["tile"]), int(link["row"])) for link in mine}
        assert reached(facts, switches, kind, source, starts) == expected


def test_no_wire_carries_two_sources_and_none_is_beyond_its_side(chip: Path) -> None:
    size = json.loads((chip / "chip.json").read_text(encoding="utf-8"))["geometry"]
    carried: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in table(chip, "switches.csv"):
        cell, who = (row["grid_row"], row["grid_col"]), (row["kind"], row["source"])
        most = size["corner_wires"] if row["router"] == "r0" else size["wires"]
        for way in ("from", "to"):
            wire = (*cell, way, row[f"{way}_side"], row[f"{way}_wire"])
            assert carried.setdefault(wire, who) == who
            assert 0 <= int(row[f"{way}_wire"]) < most


@pytest.mark.parametrize("known", [True, False])
def test_faults_are_told_and_wires_have_the_numbers_of_the_map(
    tiny: Callable[..., Config], known: bool, tmp_path: Path
) -> None:
    """Where they are known no switch uses a dead wire; where nobody knows some do, those that carry nothing."""
    faults = {"wire_share": 0.4, "row_share": 0.05, "map_seed": 4, "known": known, "at_round": 0 if known else 3}
    growth = {"every": 1, "until": 1.0, "amount": "fixed"}
    fabric = {"rows": 2, "cols": 3, "wires": 12, "corner_wires": 6}
    start(tiny(faults=faults, growth=growth, fabric=fabric), tmp_path / "run", lambda simulation: None)
    export_chip(load_run(tmp_path / "run"), tmp_path / "chip")
    told = json.loads((tmp_path / "chip" / "chip.json").read_text(encoding="utf-8"))["faults"]
    assert told.pop("known") == known
    (tmp_path / "map.json").write_text(json.dumps(told), encoding="utf-8")
    links = restored(load_run(tmp_path / "run")).network.links
    found = fault_map(FaultsOptions(map=str(tmp_path / "map.json")), links.fabric)
    assert found is not None
    assert links.faults is not None
    assert found.wires == links.faults.wires
    dead = {(row, col, side, way, wire) for row, col, side, way, wire in told["dead_wires"]}
    carried: dict[tuple[object, ...], tuple[str, str]] = {}
    for row in table(tmp_path / "chip", "switches.csv"):
        place, who = (int(row["grid_row"]), int(row["grid_col"])), (row["kind"], row["source"])
        for way, name in (("in", "from"), ("out", "to")):
            wire = (*place, row[f"{name}_side"], way, int(row[f"{name}_wire"]))
            assert carried.setdefault(wire, who) == who
    assert carried
    assert bool(dead & carried.keys()) != known


def test_without_faults_none_are_told(chip: Path) -> None:
    assert json.loads((chip / "chip.json").read_text(encoding="utf-8"))["faults"] is None


def test_arrays_are_the_state_in_both_files(chip: Path, simulation: Simulation) -> None:
    arrays, zipped = load_file(chip / "weights.safetensors"), np.load(chip / "weights.npz")
    state = simulation.network.state
    for name, there in (("weight", state.weight.detach()), ("mask", state.mask), ("source", state.source)):
        assert (arrays[name] == there.numpy()).all()
        assert (zipped[name] == there.numpy()).all()


def test_links_and_placement_agree_with_the_arrays(chip: Path) -> None:
    arrays, slots = load_file(chip / "weights.safetensors"), 8
    place = {row["neuron"]: int(row["tile"]) * slots + int(row["column"]) for row in table(chip, "placement.csv")}
    for link in table(chip, "links.csv"):
        channel = 9 * slots + int(link["source"])
        source = channel if link["kind"] == "input" else place[link["source"]]
        assert arrays["source"][int(link["tile"]), int(link["row"])] == source
    assert (arrays["source"] >= 0).sum() == len(table(chip, "links.csv"))


def test_the_schema_is_what_is_written(chip: Path) -> None:
    assert {path.name for path in chip.iterdir()} == set(FILES)
    assert json.loads((chip / "chip.json").read_text(encoding="utf-8"))["files"] == FILES
    for name in ("placement.csv", "links.csv", "switches.csv"):
        assert (chip / name).read_text(encoding="utf-8").splitlines()[0] == ",".join(FILES[name])
