from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from smalti.analysis.chip.modules import clusters_along
from smalti.analysis.dashboard.live import Live, live_source
from smalti.analysis.dashboard.replay import recorded
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import create_run
from smalti.scheduler.records.schema import SCHEMA_VERSION
from smalti.scheduler.runner import start


def test_every_round_is_shown_as_it_was_live(played: Any, folder: Path) -> None:
    run = recorded(folder)
    assert run.last == len(played.views) - 1 == 5
    for live in played.views:
        view = run.at(live.round)
        assert view.tiles == live.tiles
        assert view.links == live.links
        assert view.cells == live.cells
        assert [bid["candidate"] for bid in view.bids] == [bid["candidate"] for bid in live.bids]
        assert [bid["reason"] for bid in view.bids] == [bid["reason"] for bid in live.bids]
        assert (view.round, view.total, view.task, view.bids_round) == (
            live.round,
            live.total,
            live.task,
            live.bids_round,
        )
    assert run.at(5).curves.columns["loss"] == played.views[5].curves.columns["loss"]
    assert all(math.isnan(value) for value in run.at(5).curves.columns["validation"])


@pytest.mark.parametrize("number", [-1, 6])
def test_other_rounds_there_are_none(folder: Path, number: int) -> None:
    with pytest.raises(ValueError, match="rounds 0 to 5"):
        recorded(folder).at(number)


def test_swaps_are_told(folder: Path) -> None:
    run = recorded(folder)
    assert not run.swapped
    assert replace(run, rounds=(*run.rounds[:-1], {**run.rounds[-1], "swapped": 2})).swapped


def test_clusters_are_those_of_the_last_moment_before(joint_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(joint_run, tmp_path / "run")
    shutil.rmtree(copy / "snapshots" / "round-00000")
    run = recorded(copy)
    assert list(run.kept) == [1, 2]
    assert run.clusters_at(0) == (-1, {})
    found = clusters_along(load_run(copy))
    for number in (1, 2):
        assert run.clusters_at(number) == (number, found[number].to_dict())
        neurons = {one.neuron for tile in run.at(number).tiles for one in tile.neurons}
        assert run.clusters_at(number)[1].keys() <= neurons
    shutil.rmtree(copy / "snapshots" / "round-00001")
    sparse = recorded(copy)
    assert sparse.clusters_at(1) == (-1, {})
    assert sparse.clusters_at(2) == run.clusters_at(2)


def test_a_run_without_snapshots_keeps_none(folder: Path) -> None:
    assert recorded(folder).kept == {}


def test_where_neurons_changed_places_a_snapshot_knows_where_they_were(
    tiny: Callable[..., Config], tmp_path: Path
) -> None:
    rewiring = {"steps": ("swap",), "shorten": "nothing", "proposals": 10}
    config = tiny(run={"snapshots": 1}, training={"rounds": 2, "steps": 2})
    config = replace(config, growth=replace(config.growth, rewiring=replace(config.growth.rewiring, **rewiring)))
    live, views = Live(live_source(config)), []
    while live.running:
        live.step()
        views.append(live.view)
    start(config, tmp_path / "run", lambda simulation: None)
    run = recorded(tmp_path / "run")
    assert run.swapped
    for number, view in enumerate(views):
        assert run.at(number).tiles == view.tiles
        assert run.at(number).links == view.links
    without = replace(run, kept={})
    assert any(without.at(number).tiles != view.tiles for number, view in enumerate(views))


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no run folder"):
        recorded(tmp_path)


def test_a_run_without_a_round(tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny().resolved()
    create_run(tmp_path / "new", config=dump(config), seed=0, threads=1)
    with pytest.raises(ValueError, match="no finished round yet; `smalti resume"):
        recorded(tmp_path / "new")


@pytest.mark.parametrize("table", ["rounds", "bids", "neurons", "links", "ports"])
def test_damaged_tables_are_named(folder: Path, tmp_path: Path, table: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    part = sorted((copy / "tables" / table).glob("part-0*.parquet"))[-1]
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf"tables/{table}.* is damaged"):
        recorded(copy)


def test_missing_wires_of_a_round_are_named(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    part = copy / "tables" / "ports" / "part-00000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.filter(pc.not_equal(table["round"], 3)), part)
    with pytest.raises(ValueError, match=r"ports is damaged: round 3 is missing"):
        recorded(copy)


def test_a_run_of_a_newer_smalti(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    environment = copy / "environment.json"
    facts = json.loads(environment.read_text())
    environment.write_text(json.dumps({**facts, "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(ValueError, match="update it"):
        recorded(copy)
