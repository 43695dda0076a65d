"""What somebody should know before trusting or repeating a run: what went wrong, or may have. Draws and prints nothing.

Every check takes tables and gives a finding or None; ``findings`` asks all of them about a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from smalti.agents.auction.bids import SEED, TAP
from smalti.analysis.findings.damage import alike, broken, repaired
from smalti.analysis.findings.finding import Finding, count_of, several
from smalti.analysis.findings.forgetting import forgotten
from smalti.analysis.findings.gate_columns import fewer_centres, without_columns
from smalti.analysis.findings.giving import gave_back
from smalti.analysis.findings.idleness import mute_inputs, restless, silent, unheard
from smalti.analysis.findings.room import refused
from smalti.analysis.growth import market
from smalti.analysis.growth.given_back import given_back
from smalti.analysis.growth.reuse import of_tasks
from smalti.analysis.measures import detection
from smalti.analysis.outcomes import accuracy, answers, headline, order, settings
from smalti.analysis.quantities import HALF_TOLD
from smalti.analysis.runs import Run
from smalti.analysis.units import USUAL_UNIT, unit_of
from smalti.scheduler.records.snapshots import is_snapshot

STALLED = 0.05  # relative fall of the loss over the last half of an experience that counts as none
SILENCE = (
    "Samples that leave all outputs silent get no gradient (a loss near ln 2 / 2 = 0.35 tells of one class of two); "
)
PROGRESS = 0.5  # share of the loss at its start that an experience should lose


def findings(
    run: Run,
    spikes: pd.Series[float] | None = None,
    fan_out: pd.Series[float] | None = None,
    rates: pd.Series[float] | None = None,
    inputs: pd.Series[float] | None = None,
) -> list[Finding]:
    """All that the checks find in a run, warnings first.

    Args:
        run: the run; at least one round is finished.
        spikes: spikes of each living neuron per validation sample, by its id; None leaves that check out.
        fan_out: sum of the absolute outgoing weights of each living neuron, by its id; None leaves that check out.
        rates: spikes of each living hidden neuron per time step, on the task on which it fires most, by its id; None
            leaves that check out.
        inputs: spikes of each input channel per validation sample; None leaves that check out.
    """
    rounds, bids, neurons = run.table("rounds"), run.table("bids"), run.table("neurons")
    evaluations, config = run.table("evaluations"), run.config
    faults = config.get("faults", {})
    checks = [
        None if is_snapshot(run.path) else unfinished(rounds, config["training"]["rounds"], run.environment),
        shrunk(config),
        refused(of_tasks(run.table("openings")), config) if "openings" in run.tables else None,
        without_columns(run.table("openings")) if "openings" in run.tables else None,
        fewer_centres(run.table("openings"), _centres(config)) if "openings" in run.tables else None,
        *(
            forgotten(evaluations, setting, came=order(run), config=config)
            for setting in answers(run)
            if setting not in ("joint", *HALF_TOLD)
        ),
        stalled(rounds, config["growth"]["enough_loss"], _solved(config["growth"])),
        saturated(run.table("ports"), bids),
        None if spikes is None else silent(neurons, spikes, config["growth"]),
        None if rates is None else restless(neurons, rates),
        None if fan_out is None else unheard(neurons, fan_out),
        None if inputs is None else mute_inputs(run.table("links"), inputs),
        nothing_grown(neurons, bids, config["growth"]["when"]),
        gave_back(given_back(run), config["growth"].get("give_back", 0.0)),
        broken(rounds, faults.get("heal", "none")),
        alike(config.get("devices", {})),
        repaired(run.table("repairs"), rounds, faults) if "repairs" in run.tables else None,
        outdone(accuracy(run, headline(run), "test"), gate_alone(run)),
    ]
    if config["stream"].get("boundaries") == "hidden":
        checks.append(missed(detection.summary(run)))
    return sorted((f for f in checks if f is not None), key=lambda f: f.weight != "warning")


def _centres(config: Mapping[str, Any]) -> int:
    """Centres a class that a gating network on the chip is asked for."""
    return int(config["gating"].get("crossbar", {}).get("centres", 0))


def _solved(growth: Mapping[str, Any]) -> float:
    """Score from which on a task needs no more neurons; infinite where no task is judged so."""
    if growth["when"] == "unsolved":
        return float(growth["enough_score"])
    reuse = growth.get("reuse", {})
    return float(reuse["enough"]) if reuse.get("by", "none") != "none" else math.inf


def unfinished(rounds: pd.DataFrame, each: int, environment: Mapping[str, Any]) -> Finding | None:
    """Whether rounds are missing, of which each experience has ``each``; older runs do not say how many there are.

    Args:
        rounds: the table.
        each: rounds of an experience.
        environment: what the run says of itself: ``experiences``, and ``ended`` where the chip had no room for more.
    """
    missing, experiences = -len(rounds) % each, environment.get("experiences")
    if not missing:
        done = len(rounds) // each
        if experiences is None or done >= experiences:
            return None
        if "ended" in environment:
            return Finding(
                kind="unfinished",
                weight="warning",
                title=f"The run ended after {done} of {experiences} experiences, for the chip has no room for more",
                detail=str(environment["ended"]["reason"]),
            )
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


def shrunk(config: Mapping[str, Any]) -> Finding | None:
    """Whether the run was a quick one, and what else that has changed."""
    if not config["run"].get("quick"):
        return None
    at, copies = config.get("faults", {}).get("at_round", 0), config.get("devices", {}).get("copies", 0)
    moved = f" Faults came before round {at}, in the experience in which they would have come." if at else ""
    moved += f" {count_of(copies, 'copy').capitalize()} of the chip were asked, 2 at most." if copies else ""
    return Finding(
        kind="quick",
        weight="warning",
        title="A run shrunk to seconds: its numbers mean nothing",
        detail=f"run.quick leaves at most 30 samples a class and 3 rounds of 10 steps; run it without.{moved}",
    )


def stalled(rounds: pd.DataFrame, enough: float, solved: float = math.inf) -> Finding | None:
    """Experiences whose loss neither fell much nor is low.

    The loss at the end is above ``enough`` and above ``PROGRESS`` of what it was in the first round, and over the last
    half of at least four rounds it fell by less than ``STALLED`` of itself (mean of the third against that of the
    fourth quarter). An experience whose training score is then at least ``solved`` is none of them: a task that opens
    with a good read-out begins where others end.
    """
    stuck = []
    for number, rows in rounds.groupby("experience"):
        ordered = rows.sort_values("round")
        losses = ordered["loss"].to_numpy(float)
        quarter = len(losses) // 4
        if not quarter or (solved < math.inf and ordered["accuracy"].iloc[-quarter:].mean() >= solved):
            continue
        third, fourth = losses[-2 * quarter : -quarter].mean(), losses[-quarter:].mean()
        if fourth > max(enough, PROGRESS * losses[0]) and third - fourth < STALLED * third:
            stuck.append((int(str(number)), fourth))
    if not stuck:
        return None
    text = several([f"experience {number} at {loss:.3f}" for number, loss in stuck])
    unit = unit_of(rounds)
    silence = SILENCE if unit == USUAL_UNIT else "Perhaps "
    return Finding(
        kind="stalled",
        weight="warning",
        title=f"The loss stalled in {count_of(len(stuck), 'experience')}",
        detail=f"In {unit} per sample: {text}. {silence}more neurons near the outputs cure that "
        "(growth.max_neurons, growth.seed_width), or another training.learning_rate.",
    )


def saturated(ports: pd.DataFrame, bids: pd.DataFrame) -> Finding | None:
    """Sides of tiles without a free wire after the last round, and bids that were refused for want of one."""
    now = ports[(ports["round"] == ports["round"].max()) & (ports["capacity"] > 0)]
    full = now[now["used"] >= now["capacity"]]
    refused = market.bottlenecks(bids)
    if full.empty and refused.empty:
        return None
    kinds = [f"{count_of(int(n), 'side')} of {_kind(str(kind))}" for kind, n in full["kind"].value_counts().items()]
    detail = f"Full after the last round: {', '.join(kinds)}. " if kinds else ""
    if len(refused):
        worst = several([f"{side} ({count_of(int(n), 'bid')})" for side, n in refused.items()], 3)
        detail += f"{refused.sum()} of {int((~bids['won']).sum())} lost bids were refused for that: {worst}. "
    return Finding(
        kind="saturated",
        weight="warning" if len(refused) else "note",
        title=f"{len(full)} of {len(now)} sides of tiles have no free wire",
        detail=detail + "More room: fabric.wires, fabric.corner_wires. Thriftier: a higher auction.wire_price.",
    )


def nothing_grown(neurons: pd.DataFrame, bids: pd.DataFrame, when: str) -> Finding | None:
    """Whether no neuron was born but those of seed experts, though growth was switched on."""
    if when == "never" or (~neurons["rule"].isin((SEED, TAP))).any():
        return None
    lost = bids[~bids["won"] & (bids["rule"] != TAP)] if "rule" in bids else bids[~bids["won"]]
    if lost.empty:
        why = "Nobody bid: the gating agent never asked for neurons (growth.when, growth.enough_loss), or all is full."
    else:
        reasons = market.reasons(lost)["bids"]
        why = "Bids were lost: " + several([f"{reason} ({count})" for reason, count in reasons.items()]) + "."
    return Finding(kind="ungrown", weight="note", title="No neuron was born beside the seed experts", detail=why)


def gate_alone(run: Run) -> float:
    """Test accuracy of the gating network by itself; NaN where it is no part of the answer the run is judged by."""
    asked = "gate" in settings(run) and headline(run) != "task"
    return accuracy(run, "gate", "test") if asked else math.nan


def outdone(whole: float, gate: float) -> Finding | None:
    """Whether the gating network alone answers as well as the whole, or better; accuracies, NaN where not known."""
    if not gate >= whole:  # so for NaN
        return None
    if gate > whole:
        return Finding(
            kind="outdone",
            weight="warning",
            title=f"The gating network alone is better than the whole, by {100 * (gate - whole):.1f} points",
            detail=f"Without a label the whole answers {whole:.1%} of the test samples rightly, the gating network by "
            f"itself {gate:.1%}: the experts cost accuracy here.",
        )
    return Finding(
        kind="outdone",
        weight="note",
        title="The gating network alone answers as well",
        detail=f"Without a label the whole answers {whole:.1%} of the test samples rightly, the gating network "
        f"by itself {gate:.1%}: on this stream the accuracy shows nothing of the experts.",
    )


def missed(judged: detection.Detection) -> Finding | None:
    """Boundaries of tasks that were not noticed, and alarms without one, where boundaries are hidden."""
    unnoticed = judged.boundaries - round(np.nan_to_num(judged.detected) * judged.boundaries)
    if not unnoticed and not judged.false:
        return None
    title = f"{unnoticed} of {count_of(judged.boundaries, 'boundary')} of new tasks went unnoticed"
    if not unnoticed:
        title = "There were false alarms of a change of task"
    return Finding(
        kind="missed",
        weight="warning" if unnoticed else "note",
        title=title,
        detail=f"{judged.false:.2f} false alarms per 100 minibatches. How changes are noticed: gating.detect.",
    )


def _kind(kind: str) -> str:
    return "neuron tiles" if kind == "tile" else kind.upper()
