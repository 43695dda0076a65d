from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from benchmarks.engines.roofline import Machine, Work
from benchmarks.engines.tables import (
    draw,
    exponent,
    exponents,
    limit_table,
    passes_table,
    scaling_table,
    speed_table,
    step_table,
    steps,
)
from benchmarks.engines.timing import Record


def record(engine: str, neurons: int, seconds: float, **rest: Any) -> Record:
    cpu = rest.pop("cpu", 2 * seconds)
    spans = (seconds, seconds, seconds), (cpu, cpu, cpu)
    return Record(engine, neurons, 0.05, 0.3, *spans[0], *spans[1], rest.pop("peak", None), 2, **rest)


RECORDS = [
    record("events", 32, 1.0, peak=10),
    record("dense", 32, 3.0, peak=40),
    record("a", 32, 8.0),
    record("b", 32, 4.0),
    record("events", 1024, 10.0),
    record("events", 2048, 22.0),
]


def cells(table: Table, header: str) -> list[str]:
    return [str(cell) for cell in next(column for column in table.columns if column.header == header).cells]


def test_the_ratio_is_to_the_fastest_peer_of_the_size() -> None:
    assert cells(step_table(RECORDS, ""), "ratio") == ["0.25", "0.75", "2.00", "1.00", "-", "-"]


def test_rates_are_kept_apart() -> None:
    other = [replace(one, rate_asked=0.1, seconds=2 * one.seconds) for one in RECORDS[:2]]
    table = step_table([*RECORDS[:4], *other], "")
    assert cells(table, "ratio") == ["0.25", "0.75", "2.00", "1.00", "-", "-"]


def test_speed_is_in_multiples_of_the_event_driven_engine() -> None:
    table = speed_table(RECORDS)
    assert cells(table, "fastest peer") == ["b", "-", "-"]
    assert cells(table, "peer / events") == ["4.0", "-", "-"]
    assert cells(table, "dense / events") == ["3.0", "-", "-"]
    assert cells(table, "memory, events / dense") == ["0.25", "-", "-"]


def test_engines_with_one_thread_are_compared_by_seconds_of_the_processor() -> None:
    busy = [("events", 3.0, 1.0), ("a", 6.0, 5.0), ("b", 9.0, 4.0)]  # b waited for others on the machine
    several = [record(engine, 32, clock, cpu=cpu) for engine, clock, cpu in busy]
    for records, fastest, ratio in [(several, "a", "2.0"), ([replace(r, threads=1) for r in several], "b", "4.0")]:
        table = speed_table(records)
        assert cells(table, "fastest peer") == [fastest]
        assert cells(table, "peer / events") == [ratio]
    assert cells(table, "peer / events, clock") == ["3.0"]


def test_steps_are_apart_by_denormals_and_from_other_timings() -> None:
    others = [record("events", 32, 1.0, what="forward"), record("events", 32, 1.0, flushed=False)]
    assert steps([*RECORDS, *others]) == RECORDS
    assert steps([*RECORDS, *others], flushed=False) == others[1:]


def test_the_exponent_is_fitted_from_1024_neurons_up() -> None:
    assert exponent([10, 100, 1000], [2.0, 20.0, 200.0]) == pytest.approx(1)
    (line,) = exponents(RECORDS)
    assert "to the power 1.14 (events, 1024 to 2048 neurons, rate 0.05)" in line
    assert exponents(RECORDS[:5]) == []
    worked = [replace(one, work=Work(one.neurons**2, 1, 1, 1)) for one in RECORDS[4:]]
    assert "to the power 1.14, with operations needed to the power 0.57" in exponents(worked)[0]


def test_the_fraction_of_the_bound() -> None:
    records = [replace(RECORDS[0], work=Work(200, 4, 0.9, 0.8)), RECORDS[1]]
    table = limit_table(records, Machine(bytes_per_second=10, operations_per_second=1000))
    assert cells(table, "limit") == ["bytes"]
    assert cells(table, "fraction") == ["0.40"]
    assert cells(table, "reached") == ["0.90 0.80"]


def test_inference_is_compared_with_the_pass_before_it() -> None:
    passes = [record("events", n, s, what=what) for n in (32, 64) for what, s in [("forward", 3.0), ("inference", 2.0)]]
    assert cells(passes_table([*RECORDS, *passes]), "times faster") == ["1.00", "1.50", "1.00", "1.50"]


def test_threads_are_compared_with_processes() -> None:
    scaling = [
        record("events", 32, 1.0, what="processes"),
        record("events", 32, 1.25, what="processes", processes=2),
        replace(record("events", 32, 1.0, what="threads"), threads=1),
        record("events", 32, 0.8, what="threads"),
    ]
    table = scaling_table([*RECORDS, *scaling])
    assert cells(table, "how many") == ["1", "2", "1", "2"]
    assert cells(table, "times faster") == ["1.00", "1.60", "1.00", "1.25"]
    assert cells(table, "share") == ["-", "-", "-", "0.78"]
    alone = scaling_table([one for one in scaling if one.what == "threads"])
    assert cells(alone, "share") == ["-", "-"]


@pytest.mark.parametrize("name", ["engines.svg", "engines.png"])
def test_a_line_an_engine(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    other = [replace(one, rate_asked=0.02) for one in RECORDS if one.engine == "events"]
    draw([*RECORDS, *other], tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000
