"""Rows of the tables, from what the parts of a round report. Columns and their meaning: ``records.schema``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from smalti.agents.auction.bids import Outcome
from smalti.agents.gating import GatingAgent
from smalti.model.chip.fabric import DIRECTIONS, SIDES, Fabric
from smalti.model.chip.ledger import Ledger
from smalti.model.costs import Usage
from smalti.model.rewiring.scope import Changes
from smalti.scheduler.answers import sessions
from smalti.scheduler.answers.anomaly import of_log_p
from smalti.scheduler.answers.blocks import WITHIN, Switch
from smalti.scheduler.answers.evaluation import Answers, gate_alone, needs_label, with_task, without_label
from smalti.scheduler.answers.question import Asked, question
from smalti.scheduler.answers.sessions import Session
from smalti.scheduler.clock import Seconds
from smalti.scheduler.learning.summary import TrainingSummary
from smalti.scheduler.streams import Experience, Stream
from smalti.scheduler.streams.types import FACTORS, Readout
from smalti.scheduler.streams.wanted import Wanted

Row = dict[str, object]


@dataclass
class RoundRows:
    """What one round adds to the tables."""

    rounds: list[Row] = field(default_factory=list)
    bids: list[Row] = field(default_factory=list)
    ports: dict[str, np.ndarray] = field(default_factory=dict)  # columns
    evaluations: list[Row] = field(default_factory=list)
    detections: list[Row] = field(default_factory=list)
    openings: list[Row] = field(default_factory=list)
    repairs: list[Row] = field(default_factory=list)
    switches: list[Row] = field(default_factory=list)
    fates: list[Row] = field(default_factory=list)
    copies: list[Row] = field(default_factory=list)


def bid_row(round_number: int, outcome: Outcome) -> Row:
    """One bid and how it ended."""
    bid = outcome.bid
    return {
        "round": round_number,
        "candidate": bid.candidate,
        "tile": bid.tile,
        "slot": outcome.slot,
        "twin": outcome.twin,
        "task": bid.task,
        "rule": bid.rule,
        "cell": bid.cell,
        "value": bid.value,
        "cost": outcome.cost,
        "price": outcome.price,
        "surplus": outcome.surplus,
        "won": outcome.won,
        "reason": outcome.reason,
    }


def port_rows(round_number: int, ledger: Ledger) -> dict[str, np.ndarray]:
    """Wires in use on every side of every cell, as columns."""
    return {
        "round": np.full(len(ledger.used), round_number, dtype=np.int32),
        **_port_columns(ledger.fabric),
        "used": ledger.used.astype(np.int32),
        "capacity": ledger.capacity.astype(np.int32),
    }


@lru_cache(maxsize=2)
def _port_columns(fabric: Fabric) -> dict[str, np.ndarray]:
    ports = np.arange(fabric.cells * 8)
    cell, side, direction = ports // 8, ports // 2 % 4, ports % 2
    kinds = np.array([fabric.kind(c) for c in range(fabric.cells)])
    return {
        "grid_row": (cell // fabric.grid_cols).astype(np.int32),
        "grid_col": (cell % fabric.grid_cols).astype(np.int32),
        "kind": kinds[cell],
        "side": np.array(SIDES)[side],
        "direction": np.array(DIRECTIONS)[direction],
    }


def evaluation_rows(
    agent: GatingAgent,
    stream: Stream,
    after: int,
    experience: Experience,
    split: str,
    x: Asked,
    wanted: Wanted,
    unlabelled: Answers | None = None,
) -> list[Row]:
    """Score on one part of one experience in every setting that applies.

    Class- and task-incremental streams differ only in what is told at test time, so both are evaluated. The two parts
    of an answer without a label stand beside it: the experts by themselves, and the gating network by itself. Answers
    without a label that feedback has chosen are ``unlabelled``.
    """
    answers: dict[str, Answers | None] = {}
    x, setting, readout = question(agent, x), stream.setting, stream.readout
    if setting in ("class", "task"):
        answers["task"] = with_task(agent, x, experience.classes)
        setting = "class"
    if unlabelled is None and not needs_label(agent):
        unlabelled = without_label(agent, x)
    answers[setting] = unlabelled
    if unlabelled is not None and readout is None:
        answers["experts"] = unlabelled.by_experts
        answers |= _half_told(agent, stream, experience, x)
    answers["gate"] = gate_alone(agent, x)
    known = {"after": after, "on": experience.task, "split": split, "samples": len(wanted)}
    rows = _answer_rows(known, answers, readout, lambda answer: answer.score(wanted, readout))
    asked = (answer for answer in answers.values() if answer is not None)
    for row, answer in zip(rows, asked, strict=True):
        row["roc_auc"], row["average_precision"] = of_log_p(answer.log_p, wanted.labels, stream.anomaly)
    return rows


def _half_told(agent: GatingAgent, stream: Stream, experience: Experience, x: Asked) -> dict[str, Answers]:
    """Of a stream of two factors the answers where one of them is told: which experts are possible then."""
    answers = {}
    for level, name in enumerate(FACTORS if stream.factors else ()):
        own = stream.factors[experience.task][level]
        alike = (one for one in stream.experiences if stream.factors[one.task][level] == own)
        possible = {label for one in alike for label in one.classes}
        served = [label for expert in agent.experts for label in expert.classes if label in possible]
        answers[name] = without_label(agent, x, served)
    return answers


def session_rows(agent: GatingAgent, stream: Stream, after: int, session: Session) -> list[Row]:
    """Score on sessions that begin with the same task, mean over their trials, in every setting that applies."""
    answers: dict[str, Answers | None] = {}
    setting = stream.setting
    if setting in ("class", "task"):
        answers["task"] = sessions.told(agent, session)
        setting = "class"
    answers[setting] = None if needs_label(agent) else without_label(agent, session.x)
    known = {"after": after, "on": session.tasks[0].task, "split": sessions.SPLIT, "samples": len(session.x)}
    return _answer_rows(known, answers, stream.readout, lambda answer: session.score(answer, stream.readout))


def unseen_rows(
    after: int, experience: Experience, split: str, answers: Mapping[str, Answers], wanted: Wanted
) -> list[Row]:
    """Score on one part of a combination of factors that was never trained, by the setting."""
    known = {"after": after, "on": experience.task, "split": split, "samples": len(wanted)}
    return _answer_rows(known, answers, None, lambda answer: answer.score(wanted))


def _answer_rows(
    known: Row, answers: Mapping[str, Answers | None], readout: Readout | None, score: Callable[[Answers], float]
) -> list[Row]:
    """A row for every setting that has an answer, of samples of which some columns are known."""
    return [
        {
            **known,
            "setting": name,
            "score": "right" if readout is None else readout.score,
            "accuracy": score(answer),
            "spikes_per_sample": answer.spikes_per_sample,
            "hop_spikes_per_sample": answer.hop_spikes_per_sample,
            "operations_per_sample": answer.operations_per_sample,
            "gate_adds_per_sample": answer.gate.adds_per_sample,
            "gate_stored_values": answer.gate.stored_values,
            "gate_buffered_spikes": answer.gate.buffered_spikes,
            "gate_latency": answer.gate.latency,
            "multiplications_per_sample": answer.multiplications_per_sample,
            "gate_multiplications_per_sample": answer.gate.multiplications_per_sample,
            "gate_counted_spikes": answer.gate.counted_spikes,
            "latency": answer.latency,
            "corner_hop_spikes_per_sample": answer.corner_hop_spikes_per_sample,
            "roc_auc": math.nan,
            "average_precision": math.nan,
        }
        for name, answer in answers.items()
        if answer is not None
    ]


def switch_rows(after: int, on: int, split: str, switches: Iterable[Switch]) -> list[Row]:
    """How soon the right expert was found in blocks of trials of a task."""
    return [
        {
            "after": after,
            "on": on,
            "split": split,
            "believed": switch.believed,
            "expert": switch.right,
            "trials": switch.trials,
            "found": 0 <= switch.trials <= WITHIN,
            "kept": switch.kept,
        }
        for switch in switches
    ]


def fate_row(round_number: int, task: int, neuron: Row, found: Row) -> Row:
    """What was found of a neuron, of which its row in ``neurons`` is given."""
    age = round_number - int(str(neuron["birth_round"]))
    return {"round": round_number, "task": task, "neuron": neuron["neuron"], "age": age, **found}


@dataclass(frozen=True, kw_only=True)
class RoundFacts:
    """What the table ``rounds`` says of a round."""

    round: int
    experience: int  # its number in the stream
    task: int
    steps: int  # training steps of the run so far
    unit: str  # of the loss
    summary: TrainingSummary
    validation: float
    usage: Usage
    stored_values: int
    born: int
    retired: int
    given_back: int  # of them, by the expert in training
    lost: int  # links taken away by faults
    relaid: int  # of them laid again
    writes: int  # devices programmed
    most_written: int  # writes of the device that has had most, of the run so far
    changes: Changes
    novelty: float
    seconds: Seconds


def round_row(facts: RoundFacts) -> Row:
    """One round."""
    summary, usage, changes, seconds = facts.summary, facts.usage, facts.changes, facts.seconds
    return {
        "round": facts.round,
        "experience": facts.experience,
        "task": facts.task,
        "step": facts.steps,
        "unit": facts.unit,
        "loss": summary.loss,
        "accuracy": summary.accuracy,
        "validation": facts.validation,
        "neurons": usage.neurons,
        "links": usage.links,
        "devices": usage.devices,
        "wires": usage.wires,
        "spikes_per_sample": summary.spikes_per_sample,
        "hop_spikes_per_sample": summary.hop_spikes_per_sample,
        "operations": summary.operations,
        "writes": facts.writes,
        "most_written": facts.most_written,
        "stored_values": facts.stored_values,
        "hidden_rate": summary.rate,
        "born": facts.born,
        "retired": facts.retired,
        "given_back": facts.given_back,
        "lost": facts.lost,
        "relaid": facts.relaid,
        "pruned": changes.pruned,
        "rewired": changes.rewired,
        "swapped": len(changes.moved),
        "learning_rate": summary.learning_rate,
        "novelty": facts.novelty,
        "seconds_train": seconds.train,
        "seconds_evaluate": seconds.evaluate,
        "seconds_other": seconds.other,
        "seconds_compile": seconds.compile,
    }
