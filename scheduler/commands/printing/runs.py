"""What the command line prints about a run: accuracies, resources, configuration, the chip in characters."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from smalti.analysis.findings.finding import count_of
from smalti.analysis.findings.look import findings
from smalti.analysis.growth.given_back import given_back
from smalti.analysis.growth.reuse import has_openings, openings, told
from smalti.analysis.outcomes import (
    NOVEL,
    accuracies,
    accuracy,
    experience_names,
    last_answers,
    last_parts,
    living,
    mean_accuracies,
    order,
    overall,
    splits,
)
from smalti.analysis.quantities import METRICS, SETTING_NAMES
from smalti.analysis.runs import Run, load_run
from smalti.analysis.units import score_on
from smalti.model.options.values import choices
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import differences, load
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.pasted import pasted, reading
from smalti.scheduler.records.schema import TABLES

TASK_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", "bright_cyan", "bright_yellow", "bright_magenta")

SIGNS = string.digits + string.ascii_lowercase + string.ascii_uppercase  # of tasks
WIDTH_BESIDE, WIDTH_OF_TASK = 22, 8  # characters of the table of accuracies
GAP, NARROWEST = 3, 6  # characters between two tiles, and of one
UNKNOWN = -2  # experience of a task that none has brought


def print_summary(run: Run, console: Console, asked: bool = False) -> None:
    """Accuracies after every experience, resources, what to beware of, and what to type next.

    Args:
        run: the run, whose tables are best kept in memory.
        console: where it is printed.
        asked: ask the network of the run which neurons are silent, too, which takes a moment.
    """
    path = run.path
    if run.table("rounds").empty:
        command = pasted("smalti", "resume", path)
        console.print(f"no round is finished yet; go on with it: {command}", markup=False, soft_wrap=True)
        return
    for setting in last_answers(run):
        console.print(accuracy_view(run, setting, console.width))
    for part in last_parts(run):
        console.print(f"{SETTING_NAMES[part]}: {accuracy(run, part, 'test'):.3f}", highlight=False)
    if has_openings(run):
        console.print(openings_view(run))
    console.print(resources_view(run))
    found = findings(run, _spikes(run) if asked else None)
    for finding in found:
        text = f"{finding.weight}: {finding.title}: {finding.detail}"
        console.print(text, markup=False, highlight=False, soft_wrap=not console.is_terminal)
    console.print(f"\nrun folder: {path}", highlight=False, markup=False, soft_wrap=True)
    stopped = any(finding.kind == "unfinished" for finding in found) and "ended" not in run.environment
    then = "resume" if stopped else "show"
    console.print(f"next:       {pasted('smalti', then, path)}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"            {reading(path / 'tables' / 'rounds')}", highlight=False, markup=False, soft_wrap=True)


def _spikes(run: Run) -> pd.Series[float] | None:
    """Spikes of every neuron; None where its network cannot be asked."""
    from smalti.analysis.anew.activity import spikes_per_sample  # not above: `smalti show` need not wait for torch

    try:
        return spikes_per_sample(run)
    except ValueError:
        return None


def accuracy_view(run: Run, setting: str, width: int = 10_000) -> Table:
    """Test accuracy on every task after every experience; where that is too wide, once learned and at the end."""
    matrix, means = accuracies(run, setting), mean_accuracies(run, setting)
    if WIDTH_BESIDE + WIDTH_OF_TASK * len(matrix.columns) > width:
        return _long_view(run, matrix, means, setting)
    names = experience_names(run, matrix.index)
    table = Table(title=f"{score_on(run, 'test')}, {SETTING_NAMES[setting]}", title_justify="left")
    table.add_column("after experience")
    for task in matrix.columns:
        table.add_column(f"on {task}", justify="right")
    table.add_column("mean", justify="right")
    for name, (_, row), mean in zip(names, matrix.iterrows(), means, strict=True):
        cells = ["" if pd.isna(value) else f"{value:.3f}" for value in row]
        table.add_row(name, *cells, f"{mean:.3f}")
    if (novel := _novel(run, setting)) is not None:
        table.add_section()
        cells = [_cell(novel.get(task)) for task in matrix.columns]
        table.add_row("novel data", *cells, _cell(accuracy(run, setting, NOVEL)))
    return table


def _novel(run: Run, setting: str) -> pd.Series[float] | None:
    """Accuracy on the novel data of every task after the last experience; None where there are none."""
    return accuracies(run, setting, NOVEL).iloc[-1] if NOVEL in splits(run) else None


def _cell(value: float | None) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def _long_view(run: Run, matrix: pd.DataFrame, means: pd.Series[float], setting: str) -> Table:
    """A row a task.

    Args:
        run: whose accuracy it is.
        matrix: accuracy after (row) on (column).
        means: over the tasks that could be asked, after each.
        setting: in which the network was asked.
    """
    came, novel = order(run), _novel(run, setting)
    table = Table(title=f"{score_on(run, 'test')}, {SETTING_NAMES[setting]}", title_justify="left")
    for name in ("on task", "once learned", "at the end", "mean over tasks by then"):
        table.add_column(name, justify="right" if len(table.columns) else "left")
    if novel is not None:
        table.add_column("novel data", justify="right")

    for task in map(int, matrix.columns):
        learned = list(came).index(task) if task in came else UNKNOWN
        there = learned in matrix.index
        then = (_cell(matrix[task][learned]) if there else "", _cell(matrix[task].iloc[-1]))
        beside = [] if novel is None else [_cell(novel.get(task))]
        table.add_row(str(task), *then, _cell(means[learned]) if there else "", *beside)
    table.add_section()
    beside = [] if novel is None else [_cell(accuracy(run, setting, NOVEL))]
    table.add_row("mean", "", _cell(means.iloc[-1]), "", *beside)
    return table


def openings_view(run: Run) -> Table:
    """How every task opened: what it was opened by and with which validation score, taps, and neurons born for it."""
    shown = ("task", "opened by", "score", "taps", "inputs", "experts run", "born")
    table = Table(title="how tasks opened (scores on validation data before training)", title_justify="left")
    for name in shown:
        table.add_column(name, justify="left" if name in shown[:2] else "right")
    for row in told(openings(run)):
        table.add_row(*(Text(row[name]) for name in shown))
    return table


def resources_view(run: Run) -> Table:
    """Neurons, wires, spikes and hops."""
    text = {name: METRICS[name].text(value) for name, value in overall(run, "test").items() if name in METRICS}
    table = Table(title="resources", title_justify="left", show_header=False)
    table.add_row("neurons", f"{text['neurons']} hidden of {text['slots']} slots, {text['outputs']} outputs")
    table.add_row("born, retired", f"{text['born']}, {text['retired']}")
    if (given := given_back(run)) is not None:
        table.add_row("given back", f"{count_of(given.neurons, 'neuron')}, {given.told}")
    table.add_row("wires", f"{text['wires']} of {text['sides']} on the sides of tiles")
    table.add_row("links, devices", f"{text['links']}, {text['devices']}")
    if "most_written" in text:
        table.add_row("writes", f"{text['writes']} of devices, at most {text['most_written']} of one")
    table.add_row("spikes per sample", text.get("spikes_per_sample", "-"))
    table.add_row("hops x spikes per sample", text.get("hop_spikes_per_sample", "-"))
    if "adds" in text:
        took = f"{text['adds']} additions, {text['multiplications']} multiplications, {text['bytes']} bytes"
        table.add_row("an answer takes", f"{took}; it comes after {text['latency']} steps")
    if "roc_auc" in text:
        table.add_row(
            "anomalies", f"ROC-AUC {text['roc_auc']}, average precision {text['average_precision']}, test data"
        )
    if "unseen" in text:
        asked = run.table("evaluations").query("split == 'unseen_test'")["on"].nunique()
        table.add_row(
            "held out", f"{text['unseen']} % of test samples of {count_of(asked, 'combination')} that never came"
        )
    if "copies_first" in text:
        ages = run.config["devices"]["ages"]
        last = f"{text['copies_last']} % after {ages[-1]:g} s (the worst {text['copies_worst']} %)"
        table.add_row("copies of the chip", f"accuracy {text['copies_first']} % {ages[0]:g} s after the run, {last}")
    if "found_within" in text:
        found = f"{text['found_within']} of blocks within 20 trials, after {text.get('trials_to_find', 'too many')}"
        table.add_row("right expert found", found)
    rounds = run.table("rounds")
    compiled = float(rounds["seconds_compile"].sum()) if "seconds_compile" in rounds else 0.0
    compiling = f"; and {compiled:,.1f} s of compiling" if compiled else ""
    table.add_row("time", f"{text['seconds']} s, {text['overhead']}% beside training and evaluation{compiling}")
    return table


def configuration_view(folder: RunFolder) -> Table:
    """What differs from the defaults."""
    changed = differences(load(Config, folder.config), Config())
    table = Table(title="configuration, where it differs from the defaults", title_justify="left", show_header=False)
    for name, value in changed.items():
        table.add_row(name, Text(str(value)))
    if not changed:
        table.add_row("all defaults", "")
    return table


def chip_view(run: Run, width: int = 10_000) -> RenderableType:
    """The chip: every slot a mark and, below it, the task it was born for, in its colour; outputs are squares."""
    fabric, alive = run.config["fabric"], living(run)
    ports = run.table("ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] == "tile")]
    beside = min(fabric["cols"], max(1, (width - 1) // (NARROWEST + GAP)))  # tiles in a line of characters
    inside = max(1, (width - 1) // beside - GAP)  # characters of a tile
    tables = []
    for first in range(0, fabric["cols"], beside):
        cols = range(first, min(first + beside, fabric["cols"]))
        part = f", columns {cols[0]} to {cols[-1]}" if len(cols) < fabric["cols"] else ""
        table = Table(show_header=False, show_lines=True, title=f"the chip, north above{part}", title_justify="left")
        for row in range(fabric["rows"]):
            table.add_row(*(_tile_text(alive, now, row, col, fabric, inside) for col in cols))
        tables.append(table)
    legend = Text("tasks, below the marks: ")
    for task in sorted(alive["task"].unique()):
        sign = _sign(task)
        meaning = f"{task}" if sign == str(task) else f"{sign} = {task}"
        legend.append(f"● {meaning}  ", TASK_COLOURS[task % len(TASK_COLOURS)])
    legend.append("■ output  · free")
    return Group(*tables, legend)


def table_view(path: Path, name: str) -> str:
    """A whole table as text."""
    if name not in TABLES:
        raise ValueError(f"there is no table {name!r}; {choices(name, TABLES)}")
    return load_run(path).table(name).to_string()


def _tile_text(
    alive: pd.DataFrame, ports: pd.DataFrame, row: int, col: int, fabric: dict[str, Any], inside: int
) -> Text:
    if [row, col] in fabric["dead_tiles"]:
        return Text("dead", "dim")
    here = alive[(alive["tile_row"] == row) & (alive["tile_col"] == col)]
    neurons = {int(neuron["slot"]) % fabric["neurons_per_tile"]: neuron for _, neuron in here.iterrows()}
    slots, text = list(range(fabric["neurons_per_tile"])), Text()
    for first in range(0, len(slots), inside):
        marks, tasks = Text(), Text()
        for slot in slots[first : first + inside]:
            if slot not in neurons:
                marks.append("·", "dim")
                tasks.append(" ")
                continue
            task = int(neurons[slot]["task"])
            colour = TASK_COLOURS[task % len(TASK_COLOURS)]
            marks.append("■" if neurons[slot]["kind"] == "output" else "●", colour)
            tasks.append(_sign(task), colour)
        text.append_text(marks).append("\n").append_text(tasks).append("\n")
    cell = ports[(ports["grid_row"] == 2 * row + 1) & (ports["grid_col"] == 2 * col + 1)]
    for direction in ("in", "out"):
        side = cell[cell["direction"] == direction]
        used = f"{direction} {side['used'].sum()}/{side['capacity'].sum()}"
        text.append(f"{used} wires\n" if len(used) + len(" wires") <= inside else f"{used}\n", "dim")
    text.rstrip()
    return text


def _sign(task: int) -> str:
    """A character for a task; after 62 they come again."""
    return SIGNS[task % len(SIGNS)]
