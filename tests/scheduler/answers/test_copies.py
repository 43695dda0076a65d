"""Copies of the chip: asked at the end of a run, which is then as if nobody had been asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from smalti.analysis.hardware.devices import at_times
from smalti.analysis.measures.copies import asked, measures
from smalti.analysis.plots.devices import copies_picture
from smalti.analysis.runs import load_run
from smalti.scheduler.commands.printing.runs import resources_view
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import nothing, start
from smalti.scheduler.simulation import Simulation

NOISY = {"kind": "pcm", "learning": "noise", "copies": 3, "ages": (1.0, 86400.0)}


def played(config: Config) -> Simulation:
    simulation = Simulation(config)
    for _ in simulation:
        pass
    return simulation


def test_the_run_ends_as_if_nobody_had_been_asked(tiny: Callable[..., Config]) -> None:
    with_copies, without = (played(tiny(devices={**NOISY, "reading": 0.0, "copies": count})) for count in (3, 0))
    for name in ("rounds", "evaluations", "neurons", "links"):
        table, other = with_copies.table(name), without.table(name)
        timeless = [column for column in table if not column.startswith("seconds")]
        pd.testing.assert_frame_equal(table[timeless], other[timeless])
    ours, theirs = with_copies.network.memristors.state_dict(), without.network.memristors.state_dict()
    for name, values in ours["cells"].items():
        assert torch.equal(values, theirs["cells"][name]) or torch.equal(values.isnan(), theirs["cells"][name].isnan())
    assert torch.equal(with_copies.network.reading(), without.network.reading())
    assert without.table("copies").empty


def test_a_row_for_every_copy_age_part_setting_and_task(tiny: Callable[..., Config]) -> None:
    simulation = played(tiny(devices=NOISY))
    table = simulation.table("copies")
    tasks = {experience.task for experience in simulation.stream.experiences}
    assert len(table) == 3 * 2 * 2 * 2 * len(tasks)
    assert set(table["task"]) == tasks
    assert set(table["setting"]) == {"task", "class"}
    assert not table.duplicated(["draw", "seconds", "setting", "split", "task"]).any()
    assert table["round"].unique().tolist() == [simulation.total_rounds - 1]


def test_the_table_is_what_the_run_says_when_it_is_asked_again(tiny: Callable[..., Config], tmp_path: Path) -> None:
    start(tiny(devices=NOISY), tmp_path / "run", nothing)
    run = load_run(tmp_path / "run")
    again = at_times(run, times=(1.0, 86400.0), draws=3)
    table = asked(run, "class")
    pd.testing.assert_frame_equal(table, again[table.columns], check_dtype=False)
    told = measures(run, "class", "validation")
    means = table.groupby(["seconds", "draw"])["accuracy"].mean()
    assert told["copies_first"] == pytest.approx(means[1.0].mean())
    assert told["copies_spread"] == pytest.approx(means[1.0].std())
    assert told["copies_last"] == pytest.approx(means[86400.0].mean())
    assert told["copies_worst"] == means[86400.0].min()
    assert measures(run, "joint", "validation") == {}
    view = resources_view(run)
    assert "copies of the chip" in list(view.columns[0].cells)
    assert [text for _, text in copies_picture({"copies": table}).panels[0].x_ticks or ()] == ["1 s", "1 day"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"copies": -1}, "devices.copies = -1"),
        ({"ages": (5.0, 1.0)}, "must be seconds, ascending"),
        ({"ages": (1.0, 1.0)}, "must be seconds, ascending"),
        ({"ages": (-1.0,)}, "must be seconds, ascending"),
        ({"copies": 2, "ages": ()}, "give one age"),
    ],
)
def test_bad_ages_are_refused(tiny: Callable[..., Config], options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(devices=options)
