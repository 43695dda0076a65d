"""Early exits of a run whose gate hears a sample window by window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import Tensor

from smalti.analysis.anew.early_exit import ALL, MARGINS, OWN, early_exits
from smalti.analysis.measures.account import account
from smalti.analysis.outcomes import accuracy_by_samples
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run
from smalti.model.gating.networks.staged import StagedGating
from smalti.scheduler.runner import start

STAGES = {"networks": ("lda", "lda", "gaussian"), "heard": (1, 2, 4)}


@pytest.fixture(scope="module")
def run(tiny: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("early") / "run"
    config = tiny(gating={"network": "staged", "windows": 4, "stages": STAGES}, training={"rounds": 1, "steps": 2})
    start(config, path, lambda simulation: None)
    return load_run(path)


def test_the_margins_of_the_run_give_what_it_measured(run: Run) -> None:
    own = early_exits(run, "test", ()).iloc[0]
    told = account(run, "test").loc["gate"]
    assert own["margin"] == OWN
    assert own["accuracy"] == pytest.approx(accuracy_by_samples(run, "gate", "test"))
    assert own["latency"] == pytest.approx(told["latency"])
    assert own["adds"] == pytest.approx(told["adds_gate"] + told["adds_counting"])
    assert account(run, "test").loc["class"]["latency"] == pytest.approx(told["latency"] + 12)


def test_the_surer_it_must_be_the_later_it_answers(run: Run) -> None:
    table = early_exits(run).iloc[1:]
    assert table["margin"].tolist() == [*MARGINS, ALL]
    for column in ("latency", "adds", "stages"):
        assert table[column].is_monotonic_increasing
    last = table.iloc[-1]
    assert (last["latency"], last["stages"]) == (12, 3)
    assert table["latency"].iloc[0] < 12


def test_margins_are_of_the_validation_samples_that_came(run: Run) -> None:
    """Tuned at the end of every task, and kept in the checkpoint; asking with other margins leaves them alone."""
    simulation = restored(run)
    gate = simulation.gating.gate
    assert isinstance(gate, StagedGating)
    before = gate.margins
    assert all(0 <= margin < 1e6 for margin in before)
    early_exits(simulation)
    assert gate.margins == before


def test_every_task_and_every_margin_is_asked_once(run: Run) -> None:
    simulation = restored(run)
    once = early_exits(simulation, margins=(1.0, 5.0))
    first = simulation.stream.experiences[0]
    simulation.stream = replace(simulation.stream, experiences=(*simulation.stream.experiences, first))
    pd.testing.assert_frame_equal(early_exits(simulation, margins=(1.0, 5.0, 1.0)), once)
    assert once["margin"].tolist() == [OWN, 1.0, 5.0, ALL]


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), float("inf")])
def test_margins_that_are_none_are_refused(run: Run, margin: float) -> None:
    with pytest.raises(ValueError, match=rf"margins: {margin} must be more than 0"):
        early_exits(run, margins=(1.0, margin))
    with pytest.raises(ValueError, match=r"split = 'training' must be one of: validation, test"):
        early_exits(run, "training")


def test_after_an_error_the_gate_has_its_own_margins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = restored(run)
    gate = simulation.gating.gate
    assert isinstance(gate, StagedGating)
    options, margins, last_asked = gate.options, [], gate.last_asked

    def breaks(counts: Tensor) -> Tensor:
        margins.append(gate.options.stages.margin)
        if len(set(margins)) > 1:
            raise KeyboardInterrupt
        return last_asked(counts)

    monkeypatch.setattr(gate, "last_asked", breaks)
    with pytest.raises(KeyboardInterrupt):
        early_exits(simulation, margins=(2.0,))
    assert margins[-1] == 2.0
    assert gate.options == options


def test_who_has_no_stages_is_told(finished_run: Path) -> None:
    with pytest.raises(ValueError, match=r"'gaussian' answers in one go; only staged can exit early"):
        early_exits(load_run(finished_run))


def test_it_is_drawn(run: Run) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    from smalti.analysis.plots import draw_early_exit

    figure, table = draw_early_exit(run), early_exits(run)
    for axes, cost in zip(figure.axes, ("latency", "adds"), strict=True):
        line, own = axes.lines
        assert line.get_xdata().tolist() == table[cost].iloc[1:].tolist()
        assert line.get_ydata().tolist() == (100 * table["accuracy"].iloc[1:]).tolist()
        assert own.get_xdata() == [table[cost].iloc[0]]
    figure.canvas.draw()
