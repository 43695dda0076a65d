from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import torch

from benchmarks.engines import roofline, timing
from benchmarks.engines.step import Engines, main
from benchmarks.engines.timing import Record, measure
from benchmarks.engines.workload import OUTPUTS, Job, Workload, chip, geometry, our_job, problem

pytest.importorskip("numba")
SMALL = Workload(128, 0.05, steps=30, batch=8, inputs=40, threads=1)
QUICK = Engines(
    neurons=(128,), linear=(), scaling=(), engines=("events", "dense", "plain"), steps=30, batch=8, inputs=40, repeats=2
)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(timing, "TURN", 0.0)
    monkeypatch.setattr(roofline, "COPIED", 1 << 20)
    monkeypatch.setattr(roofline, "ROUNDS", 100)
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def test_the_rate_wanted_is_met_on_a_chip_of_local_and_one_hop_links() -> None:
    of = problem(SMALL)
    assert of.rate() == pytest.approx(SMALL.rate, abs=0.01)
    assert {path.hops for path in of.network.links.paths.values()} == {0, 1}
    assert of.hidden.sum() == 128 - OUTPUTS
    heard = {(k % 40, k % 2) for k in range(40)} | {((4 * tile + k) % 40, tile) for tile in range(4) for k in range(4)}
    assert len(of.network.links.rows) == (128 - OUTPUTS) * 3 + len(heard)  # own tile and two neighbours on 2 x 2


def test_outputs_are_spread_over_the_south_row() -> None:
    network, outputs = chip(Workload(256, 0.05), torch.Generator())
    assert len(set(outputs.tolist())) == OUTPUTS
    places = {network.fabric.position(network.fabric.tile_of_slot(slot)) for slot in outputs.tolist()}
    assert places == {(1, 0), (1, 1), (1, 2), (1, 3)}


@pytest.mark.parametrize(("neurons", "tiles"), [(256, (2, 4)), (1024, (4, 8)), (16384, (16, 32)), (65536, (32, 64))])
def test_geometry(neurons: int, tiles: tuple[int, int]) -> None:
    assert geometry(neurons) == tiles


def test_our_engines_agree_on_rate_and_active_share() -> None:
    of = problem(SMALL)
    other = of.on("dense", 1)
    assert other.rate() == pytest.approx(of.rate(), rel=1e-3)
    assert other.active() == pytest.approx(of.active(), rel=1e-3)
    assert 0 < of.active() < 1


@pytest.mark.parametrize("engine", ["events", "dense"])
def test_a_step_learns_and_leaves_the_problem_as_it_was(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    of = problem(SMALL)
    before, twin = of.network.state.weight.detach().clone(), of.on(engine, 1)
    monkeypatch.setattr(type(of), "on", lambda *_: twin)
    our_job(of, engine, 1).run()
    moved = twin.network.state.weight.detach() != before
    assert moved.any()
    assert not (moved & ~twin.network.state.mask).any()
    assert torch.equal(of.network.state.weight.detach(), before)


def test_torch_has_one_thread_beside_the_event_driven_engine() -> None:
    of = problem(SMALL)
    assert our_job(of, "events", 2).torch_threads == 1
    assert our_job(of, "dense", 2).torch_threads == 2
    assert of.on("events", 2).network.threads == 2


def test_records_are_printed_written_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    file, plot = tmp_path / "engines.json", tmp_path / "engines.svg"
    main(replace(QUICK, json=file, plot=plot, linear=(256,), dense_limit=128, scaling=(128,), threads=1))
    written = json.loads(file.read_text())
    assert f"torch {torch.__version__}" in written["host"]
    records = [Record(**record) for record in written["records"]]
    assert [(r.engine, r.neurons, r.what) for r in records] == [
        ("events", 128, "step"),
        ("events", 128, "forward"),
        ("events", 128, "inference"),
        ("dense", 128, "step"),
        ("plain", 128, "step"),
        ("events", 256, "step"),
        ("events", 256, "forward"),
        ("events", 256, "inference"),
        ("events", 128, "threads"),
    ]
    for record in records:
        assert 0 < record.seconds_low <= record.seconds <= record.seconds_high
        assert 0 < record.cpu_low <= record.cpu_seconds <= record.cpu_high
        assert (record.deviation is not None) == (record.engine == "plain")
        assert record.rate == pytest.approx(0.05, abs=0.02)
        assert 0 < record.active < 1
        assert record.peak_bytes is None or record.peak_bytes >= 0
        assert (record.threads, record.flushed) == (1, True)
    printed = capsys.readouterr().out
    for heading in (
        "torch",
        "one training step",
        "event-driven engine against others",
        "lower bound",
        "with and without a tape",
    ):
        assert heading in printed
    assert "<svg" in plot.read_text()


def test_every_rate_is_measured_and_large_sizes_by_our_engines_alone() -> None:
    options = Engines(neurons=(64,), linear=(128, 256), dense_limit=128, rate=(0.02, 0.1), engines=("dense", "norse"))
    cases = [(of.neurons, of.rate, engines) for of, engines in options.cases()]
    assert cases == [
        case
        for rate in (0.02, 0.1)
        for case in [(64, rate, ("dense", "norse")), (128, rate, ("dense",))]  # 256 is beyond the limit
    ]


def test_denormal_numbers_are_flushed_or_not_as_records_say() -> None:
    for flushed, records in [
        (False, timing._measure_all([(SMALL, ("dense",))], 1)),
        (True, (torch.set_flush_denormal(True), measure(SMALL, ("dense",), 1, print))[1]),
    ]:
        assert [(record.engine, record.flushed) for record in records] == [("dense", flushed)]


def test_a_process_beside_others_takes_turns_alone_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_meeting", [])
    timing._share(multiprocessing.get_context("spawn").Barrier(1))
    rate, active, alone, together = timing._beside_others(SMALL, 2, True)
    assert rate == pytest.approx(0.05, abs=0.02)
    assert 0 < active < 1
    assert (len(alone), len(together)) == (2, 2)


def test_who_is_slow_gets_fewer_turns() -> None:
    jobs = {"slow": Job(lambda: sleep(0.03), 1, 0.05), "fast": Job(lambda: None, 1, 0.05)}
    turns = timing.in_turn(jobs, 4, patience=0.05)
    assert {name: len(taken) for name, taken in turns.items()} == {"slow": 2, "fast": 4}
    assert all(one.seconds >= 0.03 > one.cpu_seconds for one in turns["slow"])  # who sleeps takes no processor


def test_processes_together_are_as_fast_as_the_mean_of_their_throughputs() -> None:
    assert timing.jointly([timing.Turn(1.0, 2.0), timing.Turn(0.5, 4.0)]) == timing.Turn(pytest.approx(2 / 3), 3.0)


def test_one_process_that_fails_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = multiprocessing.get_context("spawn").Barrier(2)
    monkeypatch.setattr(timing, "_meeting", [barrier])
    with pytest.raises(ValueError, match="do not fit"):
        timing._beside_others(replace(SMALL, inputs=10_000), 1, True)
    assert barrier.broken


@pytest.mark.slow
def test_in_other_processes() -> None:
    records = timing.by_processes(replace(SMALL, threads=2), 1)
    assert [(r.what, r.threads, r.processes) for r in records] == [("processes", 1, 1), ("processes", 1, 2)]
    (record,) = timing.with_denormals([(SMALL, ("dense",))], 1)
    assert (record.engine, record.flushed) == ("dense", False)


def test_a_library_that_is_missing_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: object) -> None:
        raise ModuleNotFoundError(f"{name} is not installed")

    monkeypatch.setattr("benchmarks.engines.peer_jobs.build", missing)
    said: list[str] = []
    records = measure(SMALL, ("dense", "norse"), 1, said.append)
    assert [record.engine for record in records] == ["dense"]
    assert said == ["norse is left out: norse is not installed"]


def test_without_numba_the_other_engines_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("timing", "workload"):
        monkeypatch.setattr(f"benchmarks.engines.{module}.has_events", lambda: False)
    said: list[str] = []
    records = measure(SMALL, ("events", "dense"), 1, said.append)
    assert [(record.engine, record.work) for record in records] == [("dense", None)]
    assert said == ["events is left out: numba is not installed; pip install numba"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neurons": (100,)}, "--neurons 100 must be a multiple of 32"),
        ({"linear": (16,)}, "--linear 16 must be a multiple of 32"),
        ({"scaling": (33,)}, "--scaling 33 must be a multiple of 32"),
        ({"engines": ("brian",)}, "--engines brian: take some of events dense plain snntorch norse spikingjelly torch"),
        ({"rate": (0.05, 0.0)}, r"--rate 0\.0 must lie between"),
        ({"patience": 0.0}, r"--patience 0\.0 must be more than 0"),
        ({"repeats": 0}, "--repeats 0 must be at least 1"),
        ({"json": Path("/nowhere/a.json")}, "--json /nowhere/a.json: the folder /nowhere does not exist"),
        ({"plot": Path("/nowhere/a.svg")}, "--plot /nowhere/a.svg: the folder /nowhere does not exist"),
        ({"plot": Path("engines.txt")}, r"--plot engines\.txt must end in \.svg"),
    ],
)
def test_refuses_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Engines(**options)


def test_a_picture_needs_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="--plot needs matplotlib"):
        Engines(plot=Path("engines.svg"))
