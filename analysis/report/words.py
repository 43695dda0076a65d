"""The summary of a run, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from smalti.analysis.findings.look import gate_alone, unfinished
from smalti.analysis.growth.given_back import GivenBack, given_back
from smalti.analysis.measures import switches
from smalti.analysis.measures.neurobench import NAMES
from smalti.analysis.outcomes import (
    NOVEL,
    accuracy,
    headline,
    last_answers,
    last_parts,
    mean_accuracies,
    measures,
    overall,
    splits,
)
from smalti.analysis.quantities import METRICS, SETTING_NAMES
from smalti.analysis.runs import Run
from smalti.analysis.units import SCORES, USUAL_SCORE, score_name

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Key:
    """One number that matters, and what it is."""

    name: str
    value: str
    note: str = ""


def keys(run: Run) -> list[Key]:
    """The numbers that matter, most telling first; accuracies on test data."""
    main = headline(run)
    score = score_name(run)
    numbers = [Key(score, percent(accuracy(run, main, "test")), SETTING_NAMES.get(main, main))]
    if main != "task" and "task" in last_answers(run):
        numbers.append(Key(score, percent(accuracy(run, "task", "test")), "with the task label"))
    if NOVEL in splits(run):
        numbers.append(Key(score, percent(accuracy(run, main, NOVEL)), "on novel data, unlike those of training"))
    if "gate" in last_parts(run):
        numbers.append(Key("gate alone", percent(accuracy(run, "gate", "test")), "the gating network by itself"))
    values = overall(run, "test")
    if "roc_auc" in values:
        areas = ", ".join(METRICS[name].text(values[name]) for name in ("roc_auc", "average_precision"))
        numbers.append(Key("ROC-AUC, average precision", areas, "of the anomalies, by the odds of the answer"))
    if "unseen" in values:
        numbers.append(Key("held out", METRICS["unseen"].text(values["unseen"]) + " %", "combinations that never came"))
    if "forgetting" in values:
        lost = f"{100 * values['forgetting']:.1f} points"
        what = score if score == SCORES[USUAL_SCORE] else "score"
        numbers.append(Key("forgetting", lost, f"best {what} since, less that at the end"))
    return [*numbers, *_resources(values, given_back(run))]


def neurobench(run: Run) -> list[Key]:
    """NeuroBench's measures, those of test samples in the setting that the run is judged by."""
    values = overall(run, "test")
    there = ((name, METRICS[name]) for name in NAMES if name in values)
    return [Key(name, one.text(values[name]), one.meaning.removeprefix("NeuroBench: ")) for name, one in there]


def found(run: Run) -> list[Key]:
    """How soon feedback finds the right expert on test data; none where it chooses no experts."""
    values, blocks = switches.measures(run, "test"), len(switches.last(run))
    if not values:
        return []
    trials = values["trials_to_find"]
    return [
        Key("found within 20 trials", percent(values["found_within"]), f"of {several(blocks, 'block')} of test trials"),
        Key("trials to find", "never" if math.isinf(trials) else number(trials), "median over the blocks"),
    ]


def _resources(values: Mapping[str, float], given: GivenBack | None) -> list[Key]:
    used = percent(values["wires"] / max(values["sides"], 1))
    back = [] if given is None else [Key("given back", f"{given.neurons}", f"neurons, {given.told}")]
    return [
        Key("neurons", f"{values['neurons']:.0f}", f"hidden, of {values['slots']:.0f} slots"),
        Key("outputs", f"{values['outputs']:.0f}", "beside the neurons"),
        Key("born / retired", f"{values['born']:.0f} / {values['retired']:.0f}", "outputs and seed experts included"),
        *back,
        Key("wires", f"{values['wires']:,.0f}", f"{used} of {values['sides']:,.0f} on the sides of tiles"),
        Key("links / devices", f"{values['links']:,.0f} / {values['devices']:,.0f}", "rows and crosspoints in use"),
        Key("spikes", number(values.get("spikes_per_sample", math.nan)), "per sample"),
        Key("hops x spikes", number(values.get("hop_spikes_per_sample", math.nan)), "per sample"),
        *_work(values),
        Key("time", duration(values["seconds"]), f"{values['overhead']:.0%} beside training and evaluation"),
    ]


def _work(values: Mapping[str, float]) -> list[Key]:
    """What an answer takes in all; nothing where the tables of an older version do not say."""
    if "adds" not in values:
        return []
    gate = f"of the gate {values['gate_adds_per_sample']:,.0f}, on the chip {values['operations_per_sample']:,.0f}"
    memory = f"{values['bytes'] / 1000:,.1f} kB; {values['multiplications']:,.0f} multiplications"
    return [
        Key("additions / steps", f"{values['adds']:,.0f} / {values['latency']:,.0f}", f"for an answer: {gate}"),
        Key("memory", memory, "for an answer: chip, gating network, and what waits for it"),
    ]


def caveats(run: Run) -> list[str]:
    """What must be known before any number of the run is read, one sentence each."""
    stopped = unfinished(run.table("rounds"), run.config["training"]["rounds"], run.environment)
    whole, gate = accuracy(run, headline(run), "test"), gate_alone(run)
    said = [
        "A quick run, shrunk to seconds: its numbers mean nothing." if is_quick(run) else "",
        "" if stopped is None else f"{stopped.title}: what follows is how far it came.",
        f"The gating network alone answers {percent(gate)}, better than the whole with {percent(whole)}: the experts "
        "cost accuracy here."
        if gate > whole
        else "",
    ]
    return [sentence for sentence in said if sentence]


def is_quick(run: Run) -> bool:
    """Whether the run was shrunk to seconds."""
    return bool(run.config["run"].get("quick"))


def called(name: str, run: Run) -> str:
    """The name of a run on pages and in legends: with a mark where its numbers mean nothing."""
    return f"{name} (quick)" if is_quick(run) else name


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
    main, there = headline(run), [*last_answers(run), *last_parts(run)]
    if main not in there:
        return ""
    before = float(mean_accuracies(run, main).get(-1, math.nan))
    value, name = percent(accuracy(run, main, "test")), score_name(run)
    counted = f"{value} of the test samples are answered rightly"
    scored = f"the score on test data ({name}) is {value}"
    text = f"After {_how_far(run)} {counted if name == SCORES[USUAL_SCORE] else scored}"
    text += f" ({SETTING_NAMES[main]}{'' if math.isnan(before) else f'; {percent(before)} before any learning'})"
    if main != "task" and "task" in there:
        text += f", {percent(accuracy(run, 'task', 'test'))} when the task is told"
    if "gate" in there:
        text += f"; the gating network alone would answer {percent(accuracy(run, 'gate', 'test'))}"
    lost = measures(run, main, "test").get("forgetting", math.nan)
    if not math.isnan(lost):
        text += f". Tasks lost {100 * lost:.1f} points on average since they were known best"
    return text + "."


def _how_far(run: Run) -> str:
    """Which experience the last one is."""
    planned, done = run.environment.get("experiences"), run.table("rounds")["experience"].nunique()
    if planned is None or done >= planned:
        return "the last experience"
    return f"{several(done, 'experience')} of {planned}, where the run stopped,"


def _chip(run: Run) -> str:
    values, neurons = overall(run, "test"), run.table("neurons")
    hidden = neurons[neurons["kind"] == "hidden"]
    seeds, grown = int((hidden["rule"] == "seed").sum()), int((hidden["rule"] != "seed").sum())
    fabric = run.config["fabric"]
    return (
        f"On {fabric['rows']} x {fabric['cols']} tiles of {fabric['neurons_per_tile']} slots {grown} neurons were "
        f"grown ({run.config['growth']['rule']}) beside {seeds} of seed experts; {values['retired']:.0f} retired. The "
        f"{values['neurons']:.0f} that are left, and {values['outputs']:.0f} outputs, use {values['wires']:,.0f} of "
        f"{values['sides']:,.0f} wires on the sides of tiles "
        f"({percent(values['wires'] / max(values['sides'], 1))}) and fire "
        f"{number(values.get('spikes_per_sample', math.nan))} times per sample."
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
