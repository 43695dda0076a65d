"""The tables of a run: every column with its type, unit and meaning. Knows no files.

Columns that depend on the clock start with ``seconds``; the same seed reproduces the values of all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from smalti.scheduler.records.columns import BOOL, FLOAT, INT32, INT64, INTS, TEXT, Column, schema_of

SCHEMA_VERSION = 13

APPENDED = (
    "rounds",
    "bids",
    "ports",
    "evaluations",
    "detections",
    "openings",
    "repairs",
    "switches",
    "fates",
    "copies",
)
"""Tables that grow round by round."""

REWRITTEN = ("neurons", "links")
"""Tables of a single part that is replaced."""

ROUND = Column("round", INT32, "number", "round, counted from 0 over the whole run")

TABLES: Mapping[str, tuple[Column, ...]] = {
    "rounds": (
        ROUND,
        Column("experience", INT32, "number", "experience in training, counted from 0"),
        Column("task", INT32, "number", "task that this experience brings"),
        Column("step", INT64, "number", "minibatches trained since the run began"),
        Column("unit", TEXT, "name", "unit of the loss per sample, and of values and prices in bids: nats, or another"),
        Column(
            "loss",
            FLOAT,
            "unit",
            "mean training loss of the round: cross-entropy (by training.class_weights), or that of the stream",
        ),
        Column("accuracy", FLOAT, "share", "training samples answered rightly in the round, or the stream's score"),
        Column("validation", FLOAT, "share", "the same of validation samples after the round; NaN if not asked"),
        Column("neurons", INT64, "number", "hidden neurons alive after the round"),
        Column("links", INT64, "number", "crossbar rows in use after the round, inputs included"),
        Column("devices", INT64, "number", "crosspoints in use after the round"),
        Column("wires", INT64, "number", "wires in use after the round, over all sides of all tiles"),
        Column("spikes_per_sample", FLOAT, "spikes per sample", "spikes of neurons, mean over training"),
        Column("hop_spikes_per_sample", FLOAT, "spikes x hops per sample", "routing tiles crossed by spikes"),
        Column("operations", FLOAT, "number", "synaptic operations of the round's training, forward and backward"),
        Column("writes", INT64, "number", "devices programmed, in learning (devices.learning) and in growth"),
        Column("most_written", INT64, "number", "writes of the device that has had most, since the run began"),
        Column("stored_values", INT64, "number", "numbers held to keep old tasks: trials, importances, anchors"),
        Column("hidden_rate", FLOAT, "spikes per step", "mean firing rate of the hidden neurons that ran"),
        Column("born", INT64, "number", "neurons born in the round, seeds and outputs included"),
        Column("retired", INT64, "number", "neurons retired in the round"),
        Column("given_back", INT64, "number", "of these, neurons that the expert in training does without"),
        Column("lost", INT64, "number", "links taken away in the round for faults that came and were known"),
        Column("relaid", INT64, "number", "of these, links laid again with their devices (faults.heal)"),
        Column("pruned", INT64, "number", "devices removed by pruning in the round"),
        Column("rewired", INT64, "number", "links laid elsewhere by rewiring in the round"),
        Column("swapped", INT64, "number", "neurons that changed their slot in the round"),
        Column("learning_rate", FLOAT, "1", "learning rate of the round's last minibatch"),
        Column("novelty", FLOAT, "standard deviations", "novelty of the experience's inputs; NaN if unknown"),
        Column("seconds_train", FLOAT, "s", "time spent on training"),
        Column("seconds_evaluate", FLOAT, "s", "time spent on evaluations"),
        Column("seconds_other", FLOAT, "s", "time spent on all else in the round"),
        Column("seconds_compile", FLOAT, "s", "time spent on compiling kernels, which the other three leave out"),
    ),
    "bids": (
        ROUND,
        Column("candidate", INT64, "number", "running number of the candidate, never reused in a run"),
        Column("tile", INT32, "number", "tile in which the candidate wants to be born"),
        Column("slot", INT32, "number", "slot given, 0..N-1; -1 for a lost bid"),
        Column(
            "twin", INT32, "number", "slot of the second neuron of a pair, 0..N-1; -1 for a single neuron or a lost bid"
        ),
        Column("task", INT32, "number", "task that the neuron is for"),
        Column("rule", TEXT, "name", "growth rule that made the candidate"),
        Column("cell", TEXT, "name", "kind of neuron that it would be, of network.kinds; empty without kinds"),
        Column("value", FLOAT, "unit", "predicted decrease of the mean loss"),
        Column("cost", FLOAT, "unit", "resources taken, at base prices"),
        Column("price", FLOAT, "unit", "resources taken, at the prices when the bid was settled"),
        Column("surplus", FLOAT, "unit", "value minus price"),
        Column("won", BOOL, "truth", "whether the neuron was born"),
        Column("reason", TEXT, "name", "why the bid was won or lost"),
    ),
    "ports": (
        ROUND,
        Column("grid_row", INT32, "number", "row of the cell in the grid of all tiles, 0 in the north"),
        Column("grid_col", INT32, "number", "column of the cell in the grid of all tiles, 0 in the west"),
        Column("kind", TEXT, "name", "tile (of neurons), r1 (routing, on an edge) or r0 (at a corner)"),
        Column("side", TEXT, "name", "side of the cell: N, E, S or W"),
        Column("direction", TEXT, "name", "in or out of the cell"),
        Column("used", INT32, "wires", "wires in use after the round"),
        Column("capacity", INT32, "wires", "wires there are, without those known to be dead"),
    ),
    "evaluations": (
        Column("after", INT32, "number", "experience learned last; -1 before the first"),
        Column("on", INT32, "number", "experience whose samples were asked; of a session the one that it begins with"),
        Column(
            "setting",
            TEXT,
            "name",
            "task, class, domain, joint, question or view (of two factors that one alone is told), experts "
            "(without the vote of the gating network), gate (by itself)",
        ),
        Column(
            "split",
            TEXT,
            "name",
            "validation, test, novel (a second test part, unlike what is trained), session (stream.session), or "
            "unseen_validation, unseen_test (of combinations that are held out, at the end)",
        ),
        Column("score", TEXT, "name", "what accuracy is: right (share of right answers), or the score of the stream"),
        Column("accuracy", FLOAT, "share", "samples answered rightly, or the stream's score; the higher, the better"),
        Column("samples", INT64, "number", "samples asked"),
        Column("spikes_per_sample", FLOAT, "spikes per sample", "spikes of neurons it took, mean"),
        Column("hop_spikes_per_sample", FLOAT, "spikes x hops per sample", "routing tiles crossed by spikes"),
        Column("operations_per_sample", FLOAT, "number", "synaptic operations it took: additions on the chip"),
        Column(
            "gate_adds_per_sample", FLOAT, "number", "additions of the gating network, off the chip; 0 if not asked"
        ),
        Column("gate_stored_values", INT64, "number", "numbers that the gating network holds; 0 if not asked"),
        Column("gate_buffered_spikes", FLOAT, "spikes per sample", "input spikes that wait for the gate to decide"),
        Column("gate_latency", FLOAT, "steps", "time steps by which the answer is late because of the gate, mean"),
        Column("multiplications_per_sample", FLOAT, "number", "multiplications it took on the chip: leaks of states"),
        Column("gate_multiplications_per_sample", FLOAT, "number", "multiplications of the gating network"),
        Column("gate_counted_spikes", FLOAT, "spikes per sample", "spikes that the gating network adds to its counts"),
        Column("latency", FLOAT, "steps", "time steps from the beginning of a sample to its (last) answer, mean"),
        Column("corner_hop_spikes_per_sample", FLOAT, "spikes x hops per sample", "of the hops, those at corners (R0)"),
        Column(
            "roc_auc",
            FLOAT,
            "share",
            "pairs of an anomaly and another sample whose anomaly has the higher log odds; NaN without stream.anomaly",
        ),
        Column(
            "average_precision",
            FLOAT,
            "share",
            "area under precision against recall of the anomalies by the same odds; NaN likewise",
        ),
    ),
    "detections": (
        ROUND,
        Column("step", INT64, "number", "minibatch, counted from 0 over the whole run, before which it happened"),
        Column(
            "event",
            TEXT,
            "name",
            "alarm, or what followed: new (an expert founded), again (gone back to one), extended (labels taken on), "
            "refused (no room for a new one: served by what there is)",
        ),
        Column(
            "detector", TEXT, "name", "gating.detect.by for an alarm; else what decided: gate, labels, hold or belief"
        ),
        Column(
            "value",
            FLOAT,
            "1",
            "what the detector measured; for new and extended novelty of what waited; by belief a loss in usual ones",
        ),
        Column("threshold", FLOAT, "1", "value above which it alarms, or an expert is founded"),
        Column("expert", INT32, "number", "expert chosen; for an alarm the one that was in training"),
        Column("classes", INTS, "number", "classes that got outputs; for an alarm those in the minibatch"),
    ),
    "openings": (
        ROUND,
        Column("task", INT32, "number", "task that is opened"),
        Column("name", TEXT, "name", "what the stream calls it"),
        Column(
            "step",
            TEXT,
            "name",
            "what was tried: experts (the best one as it is), readout, seed, columns (outputs of others); later again; "
            "gate: columns of the gating network, when the experience has ended; on two levels combination (of old "
            "parts), north or south (a new part under or over an old one), both",
        ),
        Column("expert", INT32, "number", "expert that answers, or would"),
        Column("loss", FLOAT, "unit", "loss on validation data; NaN for a seed, which has yet to learn"),
        Column("score", FLOAT, "share", "score on validation data, as in evaluations; NaN likewise"),
        Column("taken", BOOL, "truth", "whether the task was opened so, or again"),
        Column("served", BOOL, "truth", "whether that is enough: growth.reuse.enough, or neurons of its own"),
        Column("refused", TEXT, "name", "why there was no room for a seed or columns; empty where none was refused"),
        Column("bought", INT32, "number", "neurons bought back from old experts for it"),
        Column("paid", FLOAT, "unit", "rise of the losses of their tasks, on samples that are kept"),
        Column("taps", INT32, "number", "neurons of other experts that its outputs hear"),
        Column("inputs", INT32, "number", "input channels that its outputs hear"),
        Column("experts_run", INT32, "number", "other experts that must run for them, in part"),
        Column("neurons_run", INT32, "number", "neurons that must run for them"),
        Column(
            "centres",
            INT32,
            "number",
            "step gate: means of the class with fewest that have columns",
        ),
    ),
    "repairs": (
        ROUND,
        Column("task", INT32, "number", "task whose loss has risen, for faults or age (faults.heal = auction)"),
        Column("expert", INT32, "number", "expert that serves it, and holds the auction"),
        Column(
            "repair",
            TEXT,
            "name",
            "what was tried: link (one that faults took away), links (all of them), readout, outputs (in another "
            "tile), neurons, copy (which learned beside the chip), refresh (its devices once more); or nothing, where "
            "nothing was worth its price",
        ),
        Column("loss_before", FLOAT, "unit", "loss on samples kept of the task, before it"),
        Column("loss_promised", FLOAT, "unit", "the same after it as its trial had it: what it was chosen by"),
        Column(
            "loss_after",
            FLOAT,
            "unit",
            "the same after it: as tried; of one that is taken as it came out, for writes have errors",
        ),
        Column("writes", INT64, "number", "devices that it programs"),
        Column("price", FLOAT, "unit", "asked for them (auction.write_price) and for links, slots and spikes"),
        Column("taken", BOOL, "truth", "whether it was done; else it was taken back"),
    ),
    "switches": (
        Column("after", INT32, "number", "experience learned last; -1 before the first"),
        Column("on", INT32, "number", "task whose trials came as a block"),
        Column("split", TEXT, "name", "validation, test or novel, as in evaluations"),
        Column("believed", INT32, "number", "expert of another task, which was believed in before the first trial"),
        Column("expert", INT32, "number", "the right one: the last to be trained on the task"),
        Column(
            "trials",
            INT32,
            "trials",
            "before the right expert answered ten in a row, or all to the end; -1: never",
        ),
        Column("found", BOOL, "truth", "whether these were 20 at most"),
        Column("kept", FLOAT, "share", "trials from then on that the right expert answered; 0 if it was never found"),
    ),
    "fates": (
        ROUND,
        Column("task", INT32, "number", "task in training"),
        Column("neuron", INT32, "number", "id of a hidden neuron of its expert, as in neurons"),
        Column("age", INT32, "rounds", "since the one of its birth"),
        Column("gradient_in", FLOAT, "unit", "norm of the loss's gradient over its fan-in, on training samples"),
        Column("gradient_out", FLOAT, "unit", "the same over its fan-out"),
        Column("worth", FLOAT, "unit", "rise of the loss on validation samples while it is silent"),
        Column("loss", FLOAT, "unit", "loss on these samples while it is not"),
    ),
    "copies": (
        ROUND,
        Column("draw", INT32, "number", "copy of the chip, counted from 0"),
        Column("seconds", FLOAT, "s", "time after the end of the run at which it was asked"),
        Column("setting", TEXT, "name", "as in evaluations: task, class, domain or joint"),
        Column("split", TEXT, "name", "validation or test"),
        Column("task", INT32, "number", "task that was asked"),
        Column("accuracy", FLOAT, "share", "samples answered rightly, or the stream's score"),
    ),
    "neurons": (
        Column("neuron", INT32, "number", "id in order of birth, never reused"),
        Column("tile", INT32, "number", "tile that holds it, or held it last"),
        Column("slot", INT32, "number", "slot in which it is or was last, 0..N-1; swaps move neurons"),
        Column("birth_slot", INT32, "number", "slot in which it was born, as in the bid that it won"),
        Column("kind", TEXT, "name", "hidden or output"),
        Column("task", INT32, "number", "task that it was born for"),
        Column("rule", TEXT, "name", "growth rule that made it; seed for a seed expert and its outputs, gate: columns"),
        Column("cell", TEXT, "name", "kind of neuron, of network.kinds; empty for outputs and without kinds"),
        Column("tau_ms", FLOAT, "ms", "time constant of its membrane"),
        Column("synapse_ms", FLOAT, "ms", "time constant of its slow synapse; 0 for none"),
        Column("birth_round", INT32, "number", "round of its birth"),
        Column("retired_round", INT32, "number", "round of its retirement; null while alive", nullable=True),
    ),
    "links": (
        Column("source", INT32, "number", "neuron id; for kind input the input channel"),
        Column("kind", TEXT, "name", "local (within a tile), routed or input"),
        Column("target_tile", INT32, "number", "tile that it enters"),
        Column("row", INT32, "number", "crossbar row that it drives"),
        Column("side", TEXT, "name", "side by which it enters: N, E, S or W; local for local links"),
        Column("hops", INT32, "routing tiles", "routing tiles crossed"),
        Column("path", INTS, "number", "cells crossed, grid_row * (2 cols + 1) + grid_col; empty for local"),
        Column("birth_round", INT32, "number", "round in which it was laid; again when its source moves"),
        Column("retired_round", INT32, "number", "round that took it away; null while in use", nullable=True),
    ),
}


@cache
def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of a table.

    Raises:
        ValueError: there is no such table.
    """
    if table not in TABLES:
        raise ValueError(f"there is no table {table!r}; take one of {', '.join(TABLES)}")
    return schema_of(TABLES[table])
