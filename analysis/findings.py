"""What somebody should know before trusting or repeating a run: what went wrong, or may have. Draws and prints nothing.

Every check takes tables and gives a finding or None; ``findings`` asks all of them about a run.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from smalti.analysis import detection, market
from smalti.analysis.outcomes import accuracy, answers, order, settings
from smalti.analysis.quantities import SETTING_NAMES
from smalti.analysis.runs import Run

MOST = 6  # places or tasks that are named one by one
FORGOTTEN = 0.05  # fall of the accuracy on a task, as a share of its samples, that is worth a word
STANDARD_ERRORS = 2.0  # that it must exceed as well
STALLED = 0.05  # relative fall of the loss over the last half of an experience that counts as none
PROGRESS = 0.5  # share of the loss at its start that an experience should lose


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know about a run."""

    kind: str  # one word
    weight: Literal["warning", "note"]
    title: str  # what is the case
    detail: str  # where, and what can be done


def findings(
    run: Run, spikes: pd.Series[float] | None = None, fan_out: pd.Series[float] | None = None
) -> list[Finding]:
    """All that the checks find in a run, warnings first.

    Args:
        run: the run; at least one round is finished.
        spikes: spikes of each living neuron per validation sample, by its id; None leaves that check out.
        fan_out: sum of the absolute outgoing weights of each living neuron, by its id; None leaves that check out.
    """
    rounds, bids, neurons = run.table("rounds"), run.table("bids"), run.table("neurons")
    evaluations, config = run.table("evaluations"), run.config
    checks = [
        unfinished(rounds, config["training"]["rounds"], run.environment.get("experiences")),
        shrunk(config["run"]),
        *(forgotten(evaluations, setting, came=order(run)) for setting in answers(run) if setting != "joint"),
        stalled(rounds, config["growth"]["enough_loss"]),
        saturated(run.table("ports"), bids),
        None if spikes is None else silent(neurons, spikes),
        None if fan_out is None else unheard(neurons, fan_out),
        nothing_grown(neurons, bids, config["growth"]["when"]),
        outdone({name: accuracy(run, name, "test") for name in settings(run)}),
    ]
    if config["stream"].get("boundaries") == "hidden":
        checks.append(missed(detection.summary(run)))
    return sorted((f for f in checks if f is not None), key=lambda f: f.weight != "warning")


def unfinished(rounds: pd.DataFrame, each: int, experiences: int | None = None) -> Finding | None:
    """Whether rounds are missing, of which each experience has ``each``; older runs do not say how many there are."""
    missing = -len(rounds) % each
    if not missing:
        done = len(rounds) // each
        if experiences is None or done >= experiences:
            return None
        return Finding(
            kind="unfinished",
            weight="warning",
            title=f"The run stopped after {done} of {experiences} experiences",
            detail=f"{experiences - done} are missing; `smalti resume` goes on with it.",
        )
    number = int(rounds["experience"].iloc[-1])
    return Finding(
        kind="unfinished",
        weight="warning",
        title=f"The run stopped within experience {number}",
        detail=f"{missing} of its {each} rounds are missing; `smalti resume` goes on with it.",
    )


def shrunk(options: Mapping[str, Any]) -> Finding | None:
    """Whether the run was a quick one."""
    if not options.get("quick"):
        return None
    return Finding(
        kind="quick",
        weight="warning",
        title="A run shrunk to seconds: its numbers mean nothing",
        detail="run.quick leaves at most 30 samples a class and 3 rounds of 10 steps; run it without.",
    )


def forgotten(evaluations: pd.DataFrame, setting: str, split: str = "test", came: Sequence[int] = ()) -> Finding | None:
    """Tasks on which the accuracy fell since they were learned, by more than chance would let it.

    The fall p - q must be at least ``FORGOTTEN`` and exceed ``STANDARD_ERRORS`` of the difference of two shares of n
    samples, sqrt((p (1 - p) + q (1 - q)) / n). They are the same samples, so that the test is a cautious one. ``came``
    has the task of every experience; empty where experience j brings task j.
    """
    chosen = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == split)]
    last, fell = chosen["after"].max(), []
    for on, rows in chosen[chosen["after"] >= 0].groupby("on"):
        task = int(str(on))
        first = list(came).index(task) if task in came else task
        learned = rows[rows["after"] >= first].sort_values("after")
        if len(learned) < 2 or learned["after"].iloc[-1] != last:
            continue
        before, now, samples = learned["accuracy"].iloc[0], learned["accuracy"].iloc[-1], learned["samples"].iloc[-1]
        error = math.sqrt((before * (1 - before) + now * (1 - now)) / samples)
        if before - now >= max(FORGOTTEN, STANDARD_ERRORS * error):
            fell.append((int(str(on)), before, now))
    if not fell:
        return None
    text = _several([f"task {on} from {before:.1%} to {now:.1%}" for on, before, now in fell])
    whole = "With every task there are more classes to choose from. " if setting == "class" else ""
    return Finding(
        kind="forgotten",
        weight="warning",
        title=f"{_count(len(fell), 'task')} forgotten, {SETTING_NAMES[setting]}",
        detail=f"Accuracy fell since they were learned: {text}. {whole}"
        "What protects old tasks: gating.protect, training.continual.",
    )


def stalled(rounds: pd.DataFrame, enough: float) -> Finding | None:
    """Experiences whose loss neither fell much nor is low.

    The loss at the end is above ``enough`` and above ``PROGRESS`` of what it was in the first round, and over the last
    half of at least four rounds it fell by less than ``STALLED`` of itself (mean of the third against that of the
    fourth quarter).
    """
    stuck = []
    for number, rows in rounds.groupby("experience"):
        losses = rows.sort_values("round")["loss"].to_numpy(float)
        quarter = len(losses) // 4
        if not quarter:
            continue
        third, fourth = losses[-2 * quarter : -quarter].mean(), losses[-quarter:].mean()
        if fourth > max(enough, PROGRESS * losses[0]) and third - fourth < STALLED * third:
            stuck.append((int(str(number)), fourth))
    if not stuck:
        return None
    text = _several([f"experience {number} at {loss:.3f}" for number, loss in stuck])
    return Finding(
        kind="stalled",
        weight="warning",
        title=f"The loss stalled in {_count(len(stuck), 'experience')}",
        detail=f"In nats per sample: {text}. Samples that leave all outputs silent get no gradient (a loss near "
        "ln 2 / 2 = 0.35 tells of one class of two); more neurons near the outputs cure that (growth.max_neurons, "
        "growth.seed_width), or another training.learning_rate.",
    )


def saturated(ports: pd.DataFrame, bids: pd.DataFrame) -> Finding | None:
    """Sides of tiles without a free wire after the last round, and bids that were refused for want of one."""
    now = ports[(ports["round"] == ports["round"].max()) & (ports["capacity"] > 0)]
    full = now[now["used"] >= now["capacity"]]
    refused = market.bottlenecks(bids)
    if full.empty and refused.empty:
        return None
    kinds = [f"{_count(int(n), 'side')} of {_kind(str(kind))}" for kind, n in full["kind"].value_counts().items()]
    detail = f"Full after the last round: {', '.join(kinds)}. " if kinds else ""
    if len(refused):
        worst = _several([f"{side} ({_count(int(n), 'bid')})" for side, n in refused.items()], 3)
        detail += f"{refused.sum()} of {int((~bids['won']).sum())} lost bids were refused for that: {worst}. "
    return Finding(
        kind="saturated",
        weight="warning" if len(refused) else "note",
        title=f"{len(full)} of {len(now)} sides of tiles have no free wire",
        detail=detail + "More room: fabric.wires, fabric.corner_wires. Thriftier: a higher auction.wire_price.",
    )


def silent(neurons: pd.DataFrame, spikes: pd.Series[float]) -> Finding | None:
    """Living hidden neurons that never fire on validation samples."""
    return _idle(
        neurons,
        set(spikes.index[spikes.to_numpy() == 0]),
        kind="silent",
        what="never fire on validation samples of any task",
        cure="They cost wires and slots and do nothing. growth.retire_after retires those that were grown, not seeds.",
    )


def unheard(neurons: pd.DataFrame, fan_out: pd.Series[float]) -> Finding | None:
    """Living hidden neurons without any outgoing weight."""
    return _idle(
        neurons,
        set(fan_out.index[fan_out.to_numpy() == 0]),
        kind="unheard",
        what="never got an outgoing weight",
        cure="Newborns start with none and learn them; these learned nothing: born too late (growth.until), or silent.",
    )


def _idle(neurons: pd.DataFrame, those: Collection[int], *, kind: str, what: str, cure: str) -> Finding | None:
    hidden = neurons[neurons["retired_round"].isna() & (neurons["kind"] == "hidden")]
    idle = hidden[hidden["neuron"].isin(those)]
    if idle.empty:
        return None
    grown = int((idle["rule"] != "seed").sum())
    of_task = idle["task"].value_counts().sort_index()
    text = _several([f"task {task}: {count}" for task, count in of_task.items()])
    return Finding(
        kind=kind,
        weight="warning",
        title=f"{len(idle)} of {len(hidden)} hidden neurons {what}",
        detail=f"{grown} of them were grown, {len(idle) - grown} came with a seed expert; by the task they were born "
        f"for: {text}. {cure}",
    )


def nothing_grown(neurons: pd.DataFrame, bids: pd.DataFrame, when: str) -> Finding | None:
    """Whether no neuron was born but those of seed experts, though growth was switched on."""
    if when == "never" or (neurons["rule"] != "seed").any():
        return None
    lost = bids[~bids["won"]]
    if lost.empty:
        why = "Nobody bid: the gating agent never asked for neurons (growth.when, growth.enough_loss), or all is full."
    else:
        reasons = market.reasons(lost)["bids"]
        why = "Bids were lost: " + _several([f"{reason} ({count})" for reason, count in reasons.items()]) + "."
    return Finding(kind="ungrown", weight="note", title="No neuron was born beside the seed experts", detail=why)


def outdone(accuracy: Mapping[str, float]) -> Finding | None:
    """Whether the gating network alone answers as well as the whole, or better."""
    whole, gate = accuracy.get("class", math.nan), accuracy.get("gate", math.nan)
    if not gate >= whole:  # so for NaN
        return None
    return Finding(
        kind="outdone",
        weight="note",
        title="The gating network alone answers at least as well",
        detail=f"Without a label the whole answers {whole:.1%} of the test samples rightly, the gating network "
        f"by itself {gate:.1%}: on this stream the accuracy shows nothing of the experts.",
    )


def missed(judged: detection.Detection) -> Finding | None:
    """Boundaries of tasks that were not noticed, and alarms without one, where boundaries are hidden."""
    unnoticed = judged.boundaries - round(np.nan_to_num(judged.detected) * judged.boundaries)
    if not unnoticed and not judged.false:
        return None
    title = f"{unnoticed} of {_count(judged.boundaries, 'boundary')} of new tasks went unnoticed"
    if not unnoticed:
        title = "There were false alarms of a change of task"
    return Finding(
        kind="missed",
        weight="warning" if unnoticed else "note",
        title=title,
        detail=f"{judged.false:.2f} false alarms per 100 minibatches. How changes are noticed: gating.detect.",
    )


def _count(number: int, name: str) -> str:
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{number} {name if number == 1 else plural}"


def _kind(kind: str) -> str:
    return "neuron tiles" if kind == "tile" else kind.upper()


def _several(names: list[str], most: int = MOST) -> str:
    """The first of them, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
