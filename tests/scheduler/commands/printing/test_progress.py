from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.engines.compiling import COMPILING
from smalti.scheduler.commands.printing.progress import any_bar, counting_bar, following, numbers_of, progress_bar
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


def test_a_terminal_sees_task_round_and_numbers(tiny: MakeConfig) -> None:
    simulation, seen = Simulation(tiny(training={"rounds": 1, "steps": 2})), io.StringIO()
    with progress_bar(Console(file=seen, force_terminal=True, width=120)) as watch:
        assert "preparing" in seen.getvalue()
        while not simulation.finished:
            simulation.step()
            watch(simulation)
    row = simulation.rows.rounds[0]
    text = seen.getvalue()
    assert "2/2" in text
    for piece in (f"loss {row['loss']:.3f}", f"neurons {row['neurons']}", f"wires {row['wires']}"):
        assert piece in text


def test_a_terminal_sees_that_kernels_are_being_compiled() -> None:
    seen = io.StringIO()
    with progress_bar(Console(file=seen, force_terminal=True, width=120)):
        assert "compiling" not in seen.getvalue()
        COMPILING.begin()
        time.sleep(0.5)  # the bar is drawn ten times a second
        COMPILING.end()
    assert "compiling kernels (once)" in seen.getvalue()


def test_a_file_sees_nothing(tiny: MakeConfig) -> None:
    simulation, seen = Simulation(tiny(training={"rounds": 1, "steps": 2})), io.StringIO()
    with progress_bar(Console(file=seen)) as watch:
        simulation.step()
        watch(simulation)
    assert seen.getvalue() == ""


def test_elsewhere_the_beginning_and_every_round_get_a_line(tiny: MakeConfig) -> None:
    simulation, seen = Simulation(tiny(training={"rounds": 2, "steps": 2})), io.StringIO()
    with following(Console(file=seen), Path("my run")) as watch:
        watch(simulation)
        lines = seen.getvalue().splitlines()
        assert len(lines) == 2
        assert lines[1].startswith("heard: a simple classifier has")
        size = simulation.config.fabric
        for piece in ("my run: arrays, class, 2 experiences of 2 rounds", f"{size.rows} x {size.cols}", "engine "):
            assert piece in lines[0]
        for number in range(1, 5):
            simulation.step()
            watch(simulation)
            row, line = simulation.rows.rounds[0], seen.getvalue().splitlines()[-1]
            assert line.startswith(f"round {number} of 4, experience {row['experience']}: loss {row['loss']:.3f}")
            assert f"wires {row['wires']}" in line
    assert len(seen.getvalue().splitlines()) == 6


def test_a_score_has_its_name(timed_run: Path) -> None:
    simulation = restored(load_run(timed_run))
    simulation.rows.rounds = load_run(timed_run).table("rounds").to_dict("records")
    row = simulation.rows.rounds[0]
    assert f"loss {row['loss']:.3f}  trials answered rightly {row['accuracy']:.3f}  neurons" in numbers_of(simulation)


def test_a_terminal_gets_the_beginning_and_the_bar(tiny: MakeConfig) -> None:
    simulation, seen = Simulation(tiny(training={"rounds": 1, "steps": 2})), io.StringIO()
    with following(Console(file=seen, force_terminal=True, width=120), Path("mine")) as watch:
        watch(simulation)
        simulation.step()
        watch(simulation)
    assert "mine: arrays" in seen.getvalue()
    assert "round 1 of" not in seen.getvalue()
    assert "1/2" in seen.getvalue()


def test_a_counting_bar_shows_what_is_at_work_and_how_far_it_is() -> None:
    seen = io.StringIO()
    with counting_bar(Console(file=seen, force_terminal=True, width=120), 3) as watch:
        watch("small")
        watch("big")
    assert "big" in seen.getvalue()
    assert "2/3" in seen.getvalue()


def test_a_run_shows_a_bar_in_a_terminal_alone(
    tiny: MakeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulation = Simulation(tiny(training={"rounds": 1, "steps": 2}))
    simulation.step()
    with any_bar() as watch:
        watch(simulation)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal would
    with any_bar(shown=False) as watch:
        watch(simulation)
    assert capsys.readouterr() == ("", "")
    with any_bar() as watch:
        watch(simulation)
    assert "1/2" in capsys.readouterr().err
