from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.outcomes import accuracies
from smalti.analysis.runs import load_run
from smalti.scheduler.commands.printing.runs import accuracy_view
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.records.folder import create_run
from smalti.scheduler.runner import start

Smalti = Callable[..., tuple[int, str, str]]
MakeConfig = Callable[..., Config]


def test_the_chip_shows_every_living_neuron(cli: Smalti, finished_run: Path) -> None:
    code, out, err = cli("show", str(finished_run))
    assert (code, err) == (0, "")
    chip = out[out.index("the chip, north above") : out.index("tasks, below")]
    neurons = pd.read_parquet(finished_run / "tables" / "neurons")
    alive = neurons[neurons["retired_round"].isna()]
    hidden = int((alive["kind"] == "hidden").sum())
    assert (chip.count("●"), chip.count("■")) == (hidden, 4)
    assert chip.count("·") == 4 * 8 - hidden - 4
    assert "tasks, below the marks: ● 0  ● 1" in out


def test_the_task_of_a_neuron_stands_below_it_without_colours(cli: Smalti, finished_run: Path) -> None:
    _, out, _ = cli("show", str(finished_run))
    chip = out[out.index("the chip, north above") : out.index("tasks, below")].splitlines()
    neurons = pd.read_parquet(finished_run / "tables" / "neurons")
    alive = neurons[neurons["retired_round"].isna()]
    told: list[str] = []
    for marks, tasks in itertools.pairwise(chip):
        told += [below for mark, below in zip(marks, tasks, strict=True) if mark in "●■"]
    assert sorted(told) == sorted(map(str, alive["task"]))


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_nothing_is_wider_than_the_terminal(
    cli: Smalti, finished_run: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = cli("show", str(finished_run))
    framed = [line for line in out.splitlines() if line[:1] in "│┃"]
    assert framed
    assert max(map(len, framed)) <= columns
    assert out.count("●") >= len(pd.read_parquet(finished_run / "tables" / "neurons")) - 8


def test_a_wide_chip_is_shown_in_parts(cli: Smalti, tiny: MakeConfig) -> None:
    config = tiny(fabric={"cols": 11}, training={"rounds": 1, "steps": 2})
    start(config, Path("run"), lambda simulation: None)
    _, out, _ = cli("show", "run")
    assert "the chip, north above, columns 0 to 7" in " ".join(out.split())
    assert "the chip, north above, columns 8 to 10" in " ".join(out.split())
    chip = out[out.index("the chip, north above") : out.index("tasks, below")]
    alive = pd.read_parquet("run/tables/neurons")
    assert chip.count("●") + chip.count("■") == int(alive["retired_round"].isna().sum())


def test_a_run_with_targets_tells_its_score_novel_data_and_how_tasks_opened(
    cli: Smalti, timed_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = cli("show", str(timed_run))
    assert code == 0
    assert "trials answered rightly on test data, task-incremental (label given)" in " ".join(out.split())
    novel = accuracies(load_run(timed_run), "task", "novel").iloc[-1]
    row = next(line for line in out.splitlines() if "novel data" in line)
    assert re.findall(r"\d\.\d{3}", row) == [*(f"{value:.3f}" for value in novel), f"{novel.mean():.3f}"]
    opened = out[out.index("how tasks opened") : out.index("resources")]
    assert all(name in opened for name in ("0 fdgo", "1 delaygo", "2 dm1"))
    assert opened.count("a seed expert") == 3


def test_what_a_gate_that_passes_labels_cannot_answer_gets_no_table(
    cli: Smalti, tiny: MakeConfig, tmp_path: Path
) -> None:
    start(tiny(gating={"network": "label"}, training={"rounds": 1, "steps": 2}), tmp_path / "run", lambda _: None)
    _, out, _ = cli("show", str(tmp_path / "run"))
    assert "test accuracy, task-incremental" in out
    assert "class-incremental (no label)" not in out
    assert "nan" not in out.lower().split()


def test_many_tasks_are_told_of_novel_data_too(timed_run: Path) -> None:
    run = load_run(timed_run)
    cells = {str(column.header): list(column.cells) for column in accuracy_view(run, "task", 30).columns}
    novel = accuracies(run, "task", "novel").iloc[-1]
    assert cells["novel data"] == [*(f"{value:.3f}" for value in novel), f"{novel.mean():.3f}"]


def test_many_tasks_get_a_row_each(finished_run: Path) -> None:
    run = load_run(finished_run)
    wide = accuracy_view(run, "class", 200)
    narrow = accuracy_view(run, "class", 30)
    assert [str(column.header) for column in wide.columns][-1] == "mean"
    cells = {str(column.header): list(column.cells) for column in narrow.columns}
    assert cells["on task"] == ["0", "1", "mean"]
    matrix = accuracies(run, "class")
    assert cells["once learned"][:2] == [f"{matrix[0][0]:.3f}", f"{matrix[1][1]:.3f}"]
    assert cells["at the end"][:2] == [f"{matrix[0].iloc[-1]:.3f}", f"{matrix[1].iloc[-1]:.3f}"]


def test_wires_of_a_tile_are_summed_over_its_sides(cli: Smalti, finished_run: Path) -> None:
    _, out, _ = cli("show", str(finished_run))
    ports = pd.read_parquet(finished_run / "tables" / "ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] == "tile")]
    sums = now[now["direction"] == "in"].groupby(["grid_row", "grid_col"])["used"].sum()
    assert [int(n) for n in re.findall(r"in (\d+)/32 wires", out)] == sums.tolist()


def test_dead_tiles_are_marked(cli: Smalti, tiny: MakeConfig) -> None:
    fabric = {"rows": 3, "dead_tiles": ((1, 1),)}
    config = tiny(fabric=fabric, stream={"steps": 13}, training={"rounds": 1, "steps": 2})
    start(config, Path("run"), lambda simulation: None)
    _, out, _ = cli("show", "run")
    assert len(re.findall(r"│ dead +│", out)) == 1
    assert "fabric.dead_tiles" in out


def test_values_with_brackets_are_shown_as_they_are(cli: Smalti, tiny: MakeConfig) -> None:
    create_run("run", config=dump(tiny(stream={"path": "[red]a[/b].npz"})), seed=0, threads=1)
    assert "[red]a[/b].npz" in cli("show", "run")[1]


def test_a_run_without_rounds_can_be_shown(cli: Smalti, tiny: MakeConfig) -> None:
    create_run("run", config=dump(tiny()), seed=0, threads=1)
    code, out, _ = cli("show", "run")
    assert code == 0
    assert "no round is finished yet; go on with it: smalti resume run" in out


def test_a_table_is_printed_whole_and_unbroken(cli: Smalti, finished_run: Path) -> None:
    for name in ("rounds", "bids", "neurons", "links", "ports", "evaluations"):
        table = pd.read_parquet(finished_run / "tables" / name)
        code, out, _ = cli("show", str(finished_run), "--table", name)
        assert code == 0
        lines = out.splitlines()
        assert lines[0].split() == list(table.columns)
        assert len(lines) == len(table) + 1


def test_an_unknown_table_is_refused_with_those_there_are(cli: Smalti, finished_run: Path) -> None:
    code, out, err = cli("show", str(finished_run), "--table", "round")
    assert (code, out) == (2, "")
    assert "there is no table 'round'; did you mean rounds? allowed: rounds, bids" in err


def test_a_stopped_run_is_to_be_resumed(
    cli: Smalti, tiny: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(simulation: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tiny(training={"rounds": 1, "steps": 2}), Path("my run"), stop)
    _, out, _ = cli("show", "my run")
    assert "next:       smalti resume 'my run'" in out
    assert "warning: The run stopped after 1 of 2 experiences" in out


def test_runs_that_were_told_no_boundary_are_shown_too(cli: Smalti, tiny: MakeConfig) -> None:
    start(
        tiny(stream={"boundaries": "hidden"}, training={"rounds": 1, "steps": 4}), Path("run"), lambda simulation: None
    )
    code, out, _ = cli("show", "run")
    assert code == 0
    assert "right expert found" not in out  # the gating network chooses by inputs


def test_how_soon_feedback_finds_the_right_expert_is_shown(cli: Smalti) -> None:
    options = {
        "stream": {"boundaries": "hidden"},
        "stream.cognitive": {"tasks": ("fdgo", "fdanti"), "rule": "hidden", "trials": 64},
        "training": {"rounds": 1, "steps": 40, "restarts": ()},
        "growth": {"when": "never"},
        "growth.reuse.by": "none",
        "gating.detect.by": "told",
    }
    start(configure("cognitive", options), Path("run"), lambda simulation: None)
    code, out, _ = cli("show", "run")
    assert code == 0
    assert re.search(r"right expert found +│ [01]\.\d\d of blocks within 20 trials, after [\dt]", out)


def test_energy_of_a_run(cli: Smalti, finished_run: Path) -> None:
    code, out, err = cli("show", str(finished_run), "--energy", "loihi")
    assert (code, err) == (0, "")
    assert "Davies et al. 2018" in out
    last = load_run(finished_run).table("evaluations").query("split == 'test' and setting == 'class' and after == 1")
    mean = (last["operations_per_sample"] * last["samples"]).sum() / last["samples"].sum()
    assert re.search(rf"synaptic_operation\s*│\s*{mean:,.1f}\s*│", out)
    assert "no cost of it: gate_addition, gate_multiplication, static power" in out
    code, _, err = cli("show", str(finished_run), "--energy", "nowhere.toml")
    assert (code, "no architecture file nowhere.toml" in err) == (2, True)
