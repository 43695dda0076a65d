"""What the command line prints about a run: accuracies, resources, configuration, the chip in characters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from smalti.analysis.outcomes import (
    accuracies,
    accuracy,
    answers,
    experience_names,
    living,
    mean_accuracies,
    overall,
    settings,
)
from smalti.analysis.quantities import METRICS, PARTS, SETTING_NAMES
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import differences, load
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.schema import TABLES

TASK_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", "bright_cyan", "bright_yellow", "bright_magenta")


def print_summary(path: Path, console: Console) -> None:
    """Accuracies after every experience, resources, and what to type next."""
    run = load_run(path)
    if run.table("rounds").empty:
        console.print(f"no round is finished yet; go on with it: smalti resume {path}", markup=False)
        return
    for setting in answers(run):
        console.print(accuracy_view(run, setting))
    for part in PARTS:
        if part in settings(run):
            console.print(f"{SETTING_NAMES[part]}: {accuracy(run, part, 'test'):.3f}", highlight=False)
    console.print(resources_view(run))
    console.print(f"\nrun folder: {path}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"next:       smalti show {path}", highlight=False, markup=False, soft_wrap=True)
    command = f"""python -c "import pandas as pd; print(pd.read_parquet('{path}/tables/rounds'))\""""
    console.print(f"            {command}", highlight=False, markup=False, soft_wrap=True)


def accuracy_view(run: Run, setting: str) -> Table:
    """Test accuracy on every task after every experience."""
    matrix, means = accuracies(run, setting), mean_accuracies(run, setting)
    names = experience_names(run, matrix.index)
    table = Table(title=f"test accuracy, {SETTING_NAMES[setting]}", title_justify="left")
    table.add_column("after experience")
    for task in matrix.columns:
        table.add_column(f"on {task}", justify="right")
    table.add_column("mean", justify="right")
    for name, (_, row), mean in zip(names, matrix.iterrows(), means, strict=True):
        cells = ["" if pd.isna(value) else f"{value:.3f}" for value in row]
        table.add_row(name, *cells, f"{mean:.3f}")
    return table


def resources_view(run: Run) -> Table:
    """Neurons, wires, spikes and hops."""
    text = {name: METRICS[name].text(value) for name, value in overall(run, "test").items()}
    table = Table(title="resources", title_justify="left", show_header=False)
    table.add_row("neurons", f"{text['neurons']} hidden of {text['slots']} slots, {text['outputs']} outputs")
    table.add_row("born, retired", f"{text['born']}, {text['retired']}")
    table.add_row("wires", f"{text['wires']} of {text['sides']} on the sides of tiles")
    table.add_row("links, devices", f"{text['links']}, {text['devices']}")
    table.add_row("spikes per sample", text.get("spikes_per_sample", "-"))
    table.add_row("hops x spikes per sample", text.get("hop_spikes_per_sample", "-"))
    table.add_row("time", f"{text['seconds']} s, {text['overhead']}% beside training and evaluation")
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


def chip_view(path: Path) -> RenderableType:
    """The chip: every slot a character, coloured by the task it was born for; outputs are squares."""
    run = load_run(path)
    fabric, alive = run.config["fabric"], living(run)
    ports = run.table("ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] == "tile")]
    table = Table(show_header=False, show_lines=True, title="the chip, north above", title_justify="left")
    for row in range(fabric["rows"]):
        table.add_row(*(_tile_text(alive, now, row, col, fabric) for col in range(fabric["cols"])))
    legend = Text("tasks: ")
    for task in sorted(alive["task"].unique()):
        legend.append(f"● {task}  ", TASK_COLOURS[task % len(TASK_COLOURS)])
    legend.append("■ output  · free")
    return Group(table, legend)


def table_view(path: Path, name: str) -> str:
    """A whole table as text."""
    if name not in TABLES:
        raise ValueError(f"there is no table {name!r}; take one of {', '.join(TABLES)}")
    return load_run(path).table(name).to_string()


def _tile_text(alive: pd.DataFrame, ports: pd.DataFrame, row: int, col: int, fabric: dict[str, Any]) -> Text:
    if [row, col] in fabric["dead_tiles"]:
        return Text("dead", "dim")
    here = alive[(alive["tile_row"] == row) & (alive["tile_col"] == col)]
    slots = {int(slot) % fabric["neurons_per_tile"]: k for k, slot in enumerate(here["slot"])}
    text = Text()
    for slot in range(fabric["neurons_per_tile"]):
        if slot not in slots:
            text.append("·", "dim")
            continue
        neuron = here.iloc[slots[slot]]
        mark = "■" if neuron["kind"] == "output" else "●"
        text.append(mark, TASK_COLOURS[int(neuron["task"]) % len(TASK_COLOURS)])
    cell = ports[(ports["grid_row"] == 2 * row + 1) & (ports["grid_col"] == 2 * col + 1)]
    for direction in ("in", "out"):
        side = cell[cell["direction"] == direction]
        text.append(f"\n{direction} {side['used'].sum()}/{side['capacity'].sum()} wires", "dim")
    return text
