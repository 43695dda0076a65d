"""What an experiment prints at its end, and the same as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
from rich.console import Console

from smalti.analysis.comparison import SCOPE
from smalti.analysis.quantities import METRICS
from smalti.scheduler.commands.experiments.blocks import blocks
from smalti.scheduler.commands.experiments.experiment_live import varied
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.plan import SEED, Experiment, spelled
from smalti.scheduler.experiments.table import DONE, FAILED, State
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.records.pasted import reading

USUAL = (
    "experts_accuracy",
    "gate_accuracy",
    "backward_transfer",
    "detected",
    "fired_again",
    "delay",
    "false",
    "found_within",
    "trials_to_find",
    "neurons",
    "wires",
    "spikes_per_sample",
    "operations_per_sample",
    "gate_adds_per_sample",
    "gate_stored_values",
    "stored_values",
    "seconds",
)
RANKED = ("neurons", "wires", "links", "spikes_per_sample", "seconds")
BEST, WORST = 20, 6  # combinations and errors that are printed
Row = list[str]


def list_trials(
    experiment: Experiment, trials: Mapping[str, Trial], folder: ExperimentFolder, console: Console
) -> None:
    """What an experiment would run."""
    named = ["stream"] * (len(experiment.streams) > 1) + ["variant"] * experiment.named_variants
    body = []
    for name, trial in trials.items():
        how = "failed" if folder.error(name) else "done" if folder.finished(name) else ""
        body.append([name, *(getattr(trial.cell, n) for n in named), *map(spelled, trial.values.values()), how])
    _print(console, ["trial", *named, *experiment.fields, ""], body, right=False)
    console.print(f"{len(trials)} trials; {folder.path} is their folder", highlight=False, markup=False, soft_wrap=True)


def print_tables(experiment: Experiment, tables: Mapping[str, pd.DataFrame], split: str, console: Console) -> None:
    """A table for each stream and setting, and what the variants are."""
    summary = tables["summary"]
    for (stream, setting), part in summary.groupby(SCOPE, sort=False):
        runs = f"means of {part['n'].max()} runs with 95 % bootstrap intervals; differences are paired by seed"
        head, *body = lines(experiment, part, tables["differences"], split)
        title = ", ".join(name for name in (str(stream), str(setting)) if name)
        _print(console, head, body, title=title, caption=runs)
    for name, variant in experiment.variants.items():
        if variant.about:
            console.print(f"{name}: {variant.about}", markup=False, highlight=False)
    for name in shown(experiment, summary):
        if name not in USUAL:
            console.print(f"{METRICS[name].label}: {METRICS[name].meaning}", markup=False, highlight=False)


def markdown(experiment: Experiment, tables: Mapping[str, pd.DataFrame], split: str) -> str:
    """One table for all streams and settings."""
    parts: list[Row] = []
    for (stream, setting), part in tables["summary"].groupby(SCOPE, sort=False):
        head, *body = lines(experiment, part, tables.get("differences", pd.DataFrame()), split, tables["summary"])
        parts = parts or [["stream", "setting", *head], ["---"] * (len(head) + 2)]
        parts += [[str(stream), str(setting), *cells] for cells in body]
    return "\n".join(f"| {' | '.join(row)} |" for row in parts) + "\n"


def shown(experiment: Experiment, summary: pd.DataFrame) -> Row:
    """Measures that are shown after the accuracy: those that the file asks for, or the usual ones, where they are."""
    there = set(summary["metric"])
    return [name for name in experiment.options.columns or USUAL if name in there]


def lines(
    experiment: Experiment,
    part: pd.DataFrame,
    differences: pd.DataFrame,
    split: str,
    summary: pd.DataFrame | None = None,
) -> list[Row]:
    """The heading, and the cells of every variant of one stream and setting.

    Args:
        experiment: whose options say what is shown.
        part: of the summary.
        differences: of all streams and settings.
        split: validation or test.
        summary: the columns are those that this has; by default ``part``.
    """
    controls, metrics = experiment.options.control, shown(experiment, part if summary is None else summary)
    head = ["variant", f"{split} accuracy, %", *(f"minus {control}" for control in controls)]
    for name in metrics:
        head += [METRICS[name].label, *([f"minus {controls[0]}"] if _is_told_apart(experiment, name) else [])]
    here = differences
    for column in SCOPE if len(differences) else ():
        here = here[here[column] == part[column].iloc[0]]
    body = []
    for variant, rows in part.groupby("variant", sort=False):
        own = rows.set_index("metric")
        apart = here[here["variant"] == variant] if len(here) else here
        cells = [str(variant), _interval(own, "accuracy", METRICS["accuracy"].form)]
        cells += [_difference(apart, "accuracy", experiment, number) for number in range(len(controls))]
        for name in metrics:
            cells.append(METRICS[name].text(float(own["mean"][name])) if name in own.index else "")
            if _is_told_apart(experiment, name):
                cells.append(_difference(apart, name, experiment, 0))
        body.append(cells)
    return [head, *body]


def _is_told_apart(experiment: Experiment, metric: str) -> bool:
    """Whether the difference to the control stands beside a measure: for accuracies that the file asks for."""
    return bool(experiment.options.control) and metric in experiment.options.columns and metric.startswith("accuracy")


def _difference(apart: pd.DataFrame, metric: str, experiment: Experiment, number: int) -> str:
    """The difference to the control of this number; empty for the control itself."""
    if apart.empty:
        return ""
    control = experiment.options.control[number]
    chosen = apart[(apart["metric"] == metric) & (apart["control_name"] == control)].set_index("metric")
    return _interval(chosen, metric, "+.1f")


def _interval(table: pd.DataFrame, metric: str, form: str) -> str:
    """Mean and interval in the units of the measure; empty where it is missing."""
    if metric not in table.index:
        return ""
    factor = METRICS[metric].factor
    mean, low, high = (factor * float(table[name][metric]) for name in ("mean", "low", "high"))
    return f"{mean:{form}}" if math.isnan(low) else f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def print_ranking(state: State, objective: str, direction: str, console: Console) -> None:
    """Combinations by their objective, means over their runs.

    Raises:
        ValueError: no finished run has the objective.
    """
    done = state.finished()
    if objective not in done:
        raise ValueError(
            f"--objective {objective} was not measured; {state.folder.table} has {', '.join(map(str, done))}"
        )
    fields = [name for name in ("stream", "variant", *varied(state)) if name in done and name != SEED]
    shown = [objective, *(name for name in RANKED if name != objective)]
    keys = done[fields].map(spelled)  # lists among them
    groups = done[shown].astype(float).groupby([keys[name] for name in fields] or (lambda _: ""), sort=False)
    means = groups.mean().assign(runs=groups.size())
    means = means.sort_values(objective, ascending=direction == "minimize", kind="stable")
    title = f"the best {BEST} of {len(means)} combinations" if len(means) > BEST else f"{len(means)} combinations"
    head = [*fields, "runs", *(METRICS[name].label if name in METRICS else name for name in shown)]
    body = []
    for key, row in means.head(BEST).iterrows():
        names = (key if isinstance(key, tuple) else (key,))[: len(fields)]
        cells = [METRICS[name].text(row[name]) if name in METRICS else f"{row[name]:.4g}" for name in shown]
        body.append([*map(str, names), f"{row['runs']:.0f}", *cells])
    _print(console, head, body, max(1, len(fields)), title=f"{title}, by {objective} (means over their runs)")


def _print(console: Console, head: Row, body: list[Row], keys: int = 1, right: bool = True, **words: str) -> None:
    """A table, in blocks where the terminal is narrower."""
    for table in blocks(head, body, console.width, keys, right, **words):
        console.print(table)


def print_end(state: State, console: Console) -> None:
    """What failed, and where the tables are."""
    failed = state.named(FAILED)
    for name in failed[:WORST]:
        console.print(f"{name}: {state.errors[name]}", style="red", markup=False, highlight=False, soft_wrap=True)
    if failed:
        text = (
            f"{len(failed)} of {state.total} trials failed ({state.folder.path / 'errors'}); --retry tries them again"
        )
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    for line in (
        f"\nfolder: {state.folder.path}",
        f"next:   {reading(state.folder.table)}",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def check_any(state: State) -> None:
    """Whether anything finished.

    Raises:
        ValueError: nothing did, with the first error.
    """
    if not state.count(DONE):
        first = next(iter(state.errors.values()), "nothing was run")
        raise ValueError(f"none of the {state.total} trials finished; the first says: {first}")
