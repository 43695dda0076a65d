from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.hardware import devices
from smalti.analysis.hardware.devices import at_noise, at_times
from smalti.analysis.plots import draw_copies
from smalti.analysis.runs import Run, load_run
from smalti.model.devices.memristors import Memristors
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start

DAY = 86400.0
MakeConfig = Callable[..., Config]


@pytest.fixture(scope="module")
def run(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """On phase-change memory, learned on a copy."""
    path = tmp_path_factory.mktemp("devices") / "run"
    start(tiny(devices={"kind": "pcm", "learning": "noise"}, training={"steps": 30}), path, lambda simulation: None)
    return load_run(path)


@pytest.fixture(scope="module")
def ideal(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """On ideal devices."""
    path = tmp_path_factory.mktemp("devices") / "ideal"
    start(tiny(training={"steps": 30}), path, lambda simulation: None)
    return load_run(path)


def last_accuracies(run: Run, setting: str, split: str) -> list[float]:
    evaluations = run.table("evaluations")
    last = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == split)]
    return list(last[last["after"] == last["after"].max()].sort_values("on")["accuracy"])


def test_without_noise_a_copy_answers_as_the_run_did(ideal: Run) -> None:
    """With a range that holds the largest of the weights."""
    for setting in ("task", "class"):
        wide = {"kind": "mosaic", "mosaic_noise": 0.0, "largest_weight": 1000.0}
        table = at_times(ideal, times=(1.0, DAY), draws=2, devices=wide, setting=setting)
        for _, part in table.groupby(["draw", "seconds"]):
            assert part["accuracy"].tolist() == pytest.approx(last_accuracies(ideal, setting, "validation"))


def test_copies_differ_and_are_the_same_again(run: Run) -> None:
    first = at_times(run, times=(1.0, 30 * DAY), draws=3)
    assert list(first.columns) == ["draw", "seconds", "task", "accuracy"]
    assert len(first) == 3 * 2 * 2
    pd.testing.assert_frame_equal(first, at_times(run, times=(1.0, 30 * DAY), draws=3))
    pd.testing.assert_frame_equal(first[first["draw"] < 2], at_times(run, times=(1.0, 30 * DAY), draws=2))


def test_a_field_that_leaves_dates_alone_leaves_devices_as_old_as_they_are(run: Run) -> None:
    plain = at_times(run, times=(1.0, 1e9), draws=2)
    pd.testing.assert_frame_equal(plain, at_times(run, times=(1.0, 1e9), draws=2, devices={"learning": "exact"}))


def test_noise_costs_accuracy_in_the_end(ideal: Run) -> None:
    table = at_noise(ideal, noises=(0.0, 3.0), draws=5)
    means = table.groupby("noise")["accuracy"].mean()
    assert means[3.0] < means[0.0] - 0.1
    assert table[table["noise"] == 0].groupby("task")["accuracy"].nunique().tolist() == [1, 1]


def test_noise_is_all_that_copies_have_whatever_the_run_was_on(tiny: MakeConfig, tmp_path: Path, ideal: Run) -> None:
    """Levels, stuck devices, a range, attempts and a multiple of errors of the run are gone; no weight is clipped."""
    (tmp_path / "sigma.csv").write_text("conductance,sigma\n100,1\n200,2\n")
    odd = {"levels": 3, "stuck_on": 0.4, "acceptance": 0.01, "programming": 5.0, "learning": "levels"}
    odd |= {"kind": "measured", "measured": str(tmp_path / "sigma.csv"), "lowest": 120.0, "highest": 150.0}
    start(tiny(devices=odd), tmp_path / "odd", lambda simulation: None)
    made: list[Memristors] = []

    class Kept(Memristors):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "Memristors", Kept)
        at_noise(load_run(tmp_path / "odd"), noises=(0.0, 0.1), draws=1)
        exact = at_noise(ideal, noises=(0.0,), draws=1, setting="task")
    assert exact["accuracy"].tolist() == pytest.approx(last_accuracies(ideal, "task", "validation"))
    for chip, noise in zip(made, (0.0, 0.1, 0.0), strict=True):
        weight = chip._state.weight.detach()
        error = (chip.read().detach() - weight)[chip._state.mask]
        assert float(error.std()) == pytest.approx(noise * float(weight.abs().max()), rel=0.2, abs=1e-6)


def test_what_cannot_be_asked_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="setting = 'joint' is none that copies are asked in: take task, or class"):
        at_times(run, setting="joint")
    with pytest.raises(ValueError, match="split = 'train' is unknown; take test or validation"):
        at_times(run, draws=1, split="train")
    with pytest.raises(ValueError, match="draws = 0 leaves no copy to ask"):
        at_noise(run, draws=0)
    with pytest.raises(ValueError, match="noises are empty: give one at least"):
        at_noise(run, noises=())
    with pytest.raises(ValueError, match="times are empty: give one at least"):
        at_times(run, times=(), draws=1)
    with pytest.raises(ValueError, match=r"devices\.compensatoin is unknown; did you mean compensation\?"):
        at_times(run, draws=1, devices={"compensatoin": True})
    with pytest.raises(ValueError, match=r"devices\.kind = 'pmc' is unknown; .*did you mean pcm\?"):
        at_times(run, draws=1, devices={"kind": "pmc"})


def test_the_folder_stays_as_it_is(run: Run) -> None:
    files = {path: path.stat().st_mtime_ns for path in Path(run.path).rglob("*")}
    at_times(run, times=(1.0,), draws=1)
    assert files == {path: path.stat().st_mtime_ns for path in Path(run.path).rglob("*")}


def test_a_picture_has_a_line_for_every_table(run: Run, ideal: Run) -> None:
    pytest.importorskip("matplotlib")
    tables = {name: at_times(one, times=(1.0, DAY), draws=2) for name, one in (("pcm", run), ("ideal", ideal))}
    (axes,) = draw_copies(tables).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["pcm", "ideal"]
    expected = tables["pcm"].groupby("seconds")["accuracy"].mean().tolist()
    assert list(axes.lines[0].get_ydata()) == pytest.approx(expected)
    assert [len(thin.get_segments()) for thin in axes.collections[:1]] == [2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1 s", "1 day"]
    with pytest.raises(ValueError, match="give one or more of one kind"):
        draw_copies({"time": tables["pcm"], "noise": at_noise(run, noises=(0.0,), draws=1)})
