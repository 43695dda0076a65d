"""The simulation as a model of Mesa's and as a thing to iterate over, without a folder."""

from __future__ import annotations

import gc
import multiprocessing
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.records.schema import TABLES
from smalti.scheduler.records.state import split
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]


def test_it_ends_by_itself_and_stays_as_it_is(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(training={"rounds": 2}))
    assert simulation.running
    simulation.run_model()
    assert (simulation.running, simulation.steps, simulation.round) == (False, 4, 4)
    before = {name: value.clone() for name, value in split(simulation.state_dict())[0].items()}
    simulation.step()
    assert (simulation.running, simulation.steps, simulation.round) == (False, 4, 4)
    assert all(torch.equal(before[name], value) for name, value in split(simulation.state_dict())[0].items())
    assert list(simulation) == []


def test_iterating_plays_a_round_each_time_and_tables_hold_all_of_them(tiny: MakeConfig, finished_run: Path) -> None:
    simulation = Simulation(tiny())
    for number, record in enumerate(simulation):
        assert record["round"] == number
        assert simulation.table("rounds")["round"].tolist() == list(range(number + 1))
        if number == 2:
            break
    assert [record["round"] for record in simulation] == [3, 4, 5]
    for name in TABLES:
        recorded = pd.read_parquet(finished_run / "tables" / name)
        timeless = [column for column in recorded.columns if not column.startswith("seconds")]
        pd.testing.assert_frame_equal(simulation.table(name)[timeless], recorded[timeless])
    with pytest.raises(ValueError, match=r"there is no table 'births'; the tables are rounds, bids"):
        simulation.table("births")


def test_mesa_collects_the_records_and_runs_batches(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(training={"rounds": 1}))
    simulation.run_model()
    collected = simulation.datacollector
    pd.testing.assert_frame_equal(collected.get_model_vars_dataframe(), simulation.table("rounds"), check_dtype=False)
    assert len(collected.get_table_dataframe("bids")) == len(simulation.table("bids"))
    start_method = multiprocessing.get_start_method(allow_none=True)
    batchrunner = pytest.importorskip("mesa.batchrunner")
    try:
        parameters = {"config": [tiny(training={"rounds": 1})], "rule": ["random", "gradmax_whitened"]}
        found = batchrunner.batch_run(Simulation, parameters, display_progress=False, data_collection_period=1)
    finally:
        multiprocessing.set_start_method(start_method, force=True)
    assert [row["rule"] for row in found] == ["random"] * 2 + ["gradmax_whitened"] * 2
    assert [row["round"] for row in found] == [0, 1, 0, 1]


def test_a_simulation_that_nobody_holds_is_freed(tiny: MakeConfig) -> None:
    dropped = []
    for _ in range(3):
        simulation = Simulation(tiny(training={"rounds": 1, "steps": 1}))
        simulation.step()
        dropped.append(weakref.ref(simulation))
        del simulation
        gc.collect()
    assert [reference() for reference in dropped] == [None] * 3


def test_data_in_memory_are_as_good_as_a_file(tiny: MakeConfig, blobs: Path, play: Play) -> None:
    with np.load(blobs) as file:
        data = memory.arrays(torch.from_numpy(file["x"]), file["y"].tolist())
    config = tiny(training={"rounds": 1})
    given = Simulation(replace(config, stream=replace(config.stream, path="")), data=data)
    given.run_model()
    _, rounds = play(config)
    expected = [row.rounds[0]["loss"] for row in rounds]
    assert given.table("rounds")["loss"].tolist() == expected
    with pytest.raises(ValueError, match=r"stream\.name = 'mnist' names other data than is given"):
        Simulation("mnist", data=data)
