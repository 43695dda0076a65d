"""The summary of a run, in words and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from smalti.analysis import metrics
from smalti.analysis.overview import ALONE, SETTING_NAMES, Resources, accuracies, mean_accuracy, resources, settings
from smalti.analysis.runs import Run

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Key:
    """One number that matters, and what it is."""

    name: str
    value: str
    note: str = ""


def main_setting(run: Run) -> str:
    """The setting that the run is judged by: that of its stream, if it was evaluated."""
    asked, there = str(run.config["stream"]["setting"]), [s for s in settings(run) if s not in ALONE]
    return asked if asked in there or not there else there[0]


def keys(run: Run) -> list[Key]:
    """The numbers that matter, most telling first."""
    spent, main = resources(run), main_setting(run)
    told = [Key("accuracy", percent(mean_accuracy(run, main)), SETTING_NAMES.get(main, main))]
    if main != "task" and "task" in settings(run):
        told.append(Key("accuracy", percent(mean_accuracy(run, "task")), "with the task label"))
    if "gate" in settings(run):
        told.append(Key("gate alone", percent(mean_accuracy(run, "gate")), "the gating network by itself"))
    lost = transfers(run, main).get("forgetting", math.nan)
    if not math.isnan(lost):
        told.append(Key("forgetting", f"{100 * lost:.1f} points", "best accuracy since, less that at the end"))
    return [*told, *_resources(spent)]


def _resources(spent: Resources) -> list[Key]:
    return [
        Key("neurons", f"{spent.neurons}", f"of {spent.neuron_slots} slots"),
        Key("born / retired", f"{spent.born} / {spent.retired}", "outputs and seeds included"),
        Key(
            "wires",
            f"{spent.wires:,}",
            f"{percent(spent.wires / max(spent.wire_capacity, 1))} of {spent.wire_capacity:,} sides",
        ),
        Key("links / devices", f"{spent.links:,} / {spent.devices:,}", "rows and crosspoints in use"),
        Key("spikes", number(spent.spikes_per_sample), "per sample"),
        Key("hops x spikes", number(spent.hop_spikes_per_sample), "per sample"),
        Key("time", duration(spent.seconds), f"{spent.overhead:.0%} beside training and evaluation"),
    ]


def transfers(run: Run, setting: str, split: str = "test") -> dict[str, float]:
    """Forgetting, backward and forward transfer, as shares; empty where the matrix is not complete."""
    evaluations = run.table("evaluations")
    try:
        matrix = metrics.accuracy_matrix(evaluations, setting, split)
        lost, back = metrics.forgetting(matrix), metrics.backward_transfer(matrix)
    except ValueError:  # a run that was stopped, or tasks that return
        return {}
    return {"forgetting": lost, "backward transfer": back}


def sentences(run: Run) -> list[str]:
    """The summary, one paragraph each."""
    return [p for p in (_stream(run), _answers(run), _chip(run)) if p]


def _stream(run: Run) -> str:
    stream, rounds = run.config["stream"], run.table("rounds")
    tasks, experiences, each = (
        rounds["task"].nunique(),
        rounds["experience"].nunique(),
        run.config["training"]["rounds"],
    )
    setting = SETTING_NAMES.get(stream["setting"], stream["setting"])
    what = f"{stream['name']}, {setting}: {several(experiences, 'experience')} of {several(each, 'round')}"
    if experiences > 1:
        what += " each"
        if tasks < experiences:
            what += f", some of which return: there are {several(tasks, 'different task')}"
        hidden = stream.get("boundaries") == "hidden"
        what += f"; {'nobody told where one ends' if hidden else 'their boundaries were told'}"
    return f"{what}. Seed {run.config['run']['seed']}."


def _answers(run: Run) -> str:
    main, there = main_setting(run), settings(run)
    if main not in there:
        return ""
    before = _mean(accuracies(run, main), -1)
    told = f"After {_how_far(run)} {percent(mean_accuracy(run, main))} of the test samples are answered rightly"
    told += f" ({SETTING_NAMES[main]}{'' if math.isnan(before) else f'; {percent(before)} before any learning'})"
    if main != "task" and "task" in there:
        told += f", {percent(mean_accuracy(run, 'task'))} when the task is told"
    if "gate" in there:
        told += f"; the gating network alone would answer {percent(mean_accuracy(run, 'gate'))}"
    lost = transfers(run, main)
    if lost and not math.isnan(lost["forgetting"]):
        told += f". Tasks lost {100 * lost['forgetting']:.1f} points on average since they were known best"
    return told + "."


def _how_far(run: Run) -> str:
    """Which experience the last one is."""
    planned, done = run.environment.get("experiences"), run.table("rounds")["experience"].nunique()
    if planned is None or done >= planned:
        return "the last experience"
    return f"{several(done, 'experience')} of {planned}, where the run stopped,"


def _chip(run: Run) -> str:
    spent, neurons = resources(run), run.table("neurons")
    hidden = neurons[neurons["kind"] == "hidden"]
    seeds, grown = int((hidden["rule"] == "seed").sum()), int((hidden["rule"] != "seed").sum())
    fabric = run.config["fabric"]
    return (
        f"On {fabric['rows']} x {fabric['cols']} tiles of {fabric['neurons_per_tile']} slots {grown} neurons were "
        f"grown ({run.config['growth']['rule']}) beside {seeds} of seed experts; {spent.retired} retired. The "
        f"{spent.neurons} that are left use {spent.wires:,} of {spent.wire_capacity:,} wires "
        f"({percent(spent.wires / max(spent.wire_capacity, 1))}) and fire {number(spent.spikes_per_sample)} times per "
        f"sample."
    )


def percent(share: float) -> str:
    """A share in percent; a dash for NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A number with one decimal; a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:,.1f}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def several(count: int, name: str) -> str:
    """So many of something, a small number in letters."""
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {name}{'' if count == 1 else 's'}"


def _mean(matrix: pd.DataFrame, after: int) -> float:
    return float(matrix.loc[after].to_numpy(float).mean()) if after in matrix.index else math.nan
