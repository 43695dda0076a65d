"""Names, units and meaning of what is measured: one list for tables, pages and commands. Knows no run."""

from __future__ import annotations

from dataclasses import dataclass

SETTING_NAMES = {
    "task": "task-incremental (label given)",
    "class": "class-incremental (no label)",
    "question": "question told, view by the gating network",
    "view": "view told, question by the gating network",
    "domain": "domain-incremental",
    "joint": "joint",
    "experts": "experts alone, chosen by the gating network",
    "gate": "gating network alone",
}
PARTS = ("experts", "gate")  # parts of an answer, not answers
HALF_TOLD = ("question", "view")  # one of two factors is told: settings beside those that a run is judged by


@dataclass(frozen=True)
class Metric:
    """A measure: how it is called, written and meant."""

    label: str
    meaning: str
    form: str = ",.0f"
    factor: float = 1.0

    def text(self, value: float) -> str:
        """A value as people read it."""
        return f"{self.factor * value:{self.form}}"


def _share(label: str, meaning: str, form: str = ".1f") -> Metric:
    return Metric(label, meaning, form, 100.0)


METRICS = {
    "accuracy": _share("accuracy, %", "after the last experience, mean over tasks; the stream's score, if it has one"),
    "accuracy_by_samples": _share("accuracy by samples, %", "the same over all samples of all tasks"),
    "experts_accuracy": _share("experts alone, %", "accuracy without the vote of the gating network"),
    "gate_accuracy": _share("gate alone, %", "accuracy of what the gating network answers by itself"),
    "roc_auc": Metric(
        "ROC-AUC", "anomaly against other class by log odds, mean over tasks after the last experience", ".3f"
    ),
    "average_precision": Metric("average precision", "of the anomalies by the same odds, mean over tasks", ".3f"),
    "forgetting": _share("forgetting", "best accuracy on a task since it came, less that at the end, points", "+.1f"),
    "backward_transfer": _share("backward transfer", "accuracy at the end less that when just learned, points", "+.1f"),
    "forward_transfer": _share("forward transfer", "accuracy just before learning less that at random, points", "+.1f"),
    "average_incremental_accuracy": _share("incremental accuracy, %", "mean over experiences of the accuracy so far"),
    "unseen": _share("held out, %", "accuracy on combinations of factors never trained, at the end, mean over them"),
    "worst_task": _share("worst task, %", "accuracy on the worst task after the last experience"),
    "tasks_90": Metric("tasks at 90 %", "tasks that reach it after the last experience", ".1f"),
    "tasks_95": Metric("tasks at 95 %", "tasks that reach it after the last experience", ".1f"),
    "accuracy_after": _share("after growth, %", "validation accuracy 500 steps after the last birth"),
    "steps_to_control": Metric("steps to control", "after the last birth, until as accurate as the control is then"),
    "compute_to_static": Metric(
        "compute to static", "operations until level with a static net, as a share of its", ".2f"
    ),
    "copies_first": _share(
        "copies, %", "accuracy on copies of the chip at the first of devices.ages, mean over copies"
    ),
    "copies_spread": _share("spread", "its standard deviation over copies, points", ".2f"),
    "copies_last": _share("copies later, %", "the same accuracy at the last of devices.ages"),
    "copies_worst": _share("worst copy, %", "accuracy of the worst copy then"),
    "detected": Metric("detected", "share of boundaries to new tasks that were noticed", ".2f"),
    "founded": Metric("founded", "share of boundaries to new tasks after which an expert was founded", ".2f"),
    "fired_again": Metric("returns noticed", "share of returns of a task with an alarm", ".2f"),
    "refounded": Metric("refounded", "share of returns after which an expert was founded", ".2f"),
    "delay": Metric("delay", "minibatches until a boundary was noticed", ".1f"),
    "false": Metric("false alarms", "in 100 minibatches", ".2f"),
    "found_within": Metric("found in 20", "share of blocks whose right expert was found within 20 trials", ".2f"),
    "trials_to_find": Metric("trials to find", "before the right expert was found, median over blocks", ".1f"),
    "neurons": Metric("neurons", "hidden neurons alive"),
    "outputs": Metric("outputs", "output neurons alive"),
    "slots": Metric("slots", "places for hidden neurons"),
    "seeds": Metric("seed experts", "tasks that got one", ".1f"),
    "parts": Metric("parts", "north and south parts born on two levels", ".1f"),
    "combined": Metric("combined", "tasks served by a combination of parts that there were", ".1f"),
    "links_read": Metric("links read", "hidden neurons and inputs that output units hear, summed over tasks"),
    "experts_run": Metric("experts run", "for an answer, in part or whole, mean over tasks", ".1f"),
    "late_births": Metric("late births", "hidden neurons of the later half of the tasks over those of the rest", ".2f"),
    "born": Metric("born", "neurons ever born, outputs and seed experts included"),
    "retired": Metric("retired", "neurons retired"),
    "given_back": Metric("given back", "of them, neurons that experts in training did without (growth.give_back)"),
    "links": Metric("links", "rows in use"),
    "devices": Metric("devices", "crosspoints in use"),
    "wires": Metric("wires", "in use, counted on every side of every tile, each source once a side"),
    "sides": Metric("wires there are", "on all sides of all tiles"),
    "hops": Metric("hops", "routing tiles crossed by all links between tiles"),
    "spikes_per_sample": Metric("spikes", "of neurons, per sample of the last evaluation", ",.1f"),
    "hop_spikes_per_sample": Metric("hops x spikes", "routing tiles crossed by spikes, per sample", ",.1f"),
    "operations_per_sample": Metric("adds on chip", "synaptic operations per sample"),
    "gate_adds_per_sample": Metric("adds of gate", "additions of the gating network per sample, off the chip"),
    "gate_stored_values": Metric("values of gate", "numbers that the gating network keeps"),
    "gate_buffered_spikes": Metric("spikes buffered", "of a sample, until the gating network has decided"),
    "gate_latency": Metric("gate latency", "time steps until the gating network has decided", ",.1f"),
    "adds": Metric("adds in all", "additions of an answer: on the chip, of the gating network, of what it counts"),
    "multiplications": Metric("multiplications", "of an answer: leaks on the chip, and the gating network's"),
    "bytes": Metric("bytes", "that an answer needs: devices, states, numbers of the gating network, what waits for it"),
    "latency": Metric("latency", "time steps from the beginning of a sample to its answer", ",.1f"),
    "stored_values": Metric("values stored", "numbers that protect old tasks, samples among them"),
    "training_hop_spikes": Metric("hops x spikes in training", "per sample of the last round"),
    "training_operations": Metric("training operations", "synaptic operations of all training", ".3g"),
    "synapses": Metric("between neurons", "crosspoints in use, those of inputs left out"),
    "neuron_hop_spikes": Metric("hops x spikes of neurons", "routing tiles that these cross, per sample", ",.1f"),
    "weighted_length": Metric("length of |w|", "tiles that a unit of |w| between neurons travels, mean", ".2f"),
    "taking_part": Metric("taking part", "hidden neurons that fire and from which devices lead on to an output"),
    "clusters": Metric("clusters", "of neurons by their task variance", ".1f"),
    "functional_modularity": Metric("functional", "silhouette of these clusters, less that at chance", ".3f"),
    "wiring_modularity": Metric("wiring", "modularity of these clusters in the graph of |w|, less chance", ".3f"),
    "anatomical_modularity": Metric("anatomical", "1 - distance within these clusters over that at chance", ".3f"),
    "anatomical_quantile": Metric("quantile", "share of chance draws with no larger distance", ".3f"),
    "lost": Metric("links lost", "that faults took away"),
    "relaid": Metric("laid again", "of them, elsewhere"),
    "writes": Metric("writes", "devices programmed, in learning and in growth"),
    "most_written": Metric("most written", "writes of the device that has had most"),
    "loss": Metric("loss", "training loss of the last round, per sample, in the unit of the table rounds", ".3f"),
    "loss_after": Metric("loss after growth", "training loss 500 steps after the last birth, per sample", ".3f"),
    "Footprint": Metric("Footprint", "NeuroBench: bytes of devices in use and of membranes"),
    "ConnectionSparsity": Metric("ConnectionSparsity", "NeuroBench: share of crosspoints that are not in use", ".4f"),
    "ActivationSparsity": Metric("ActivationSparsity", "NeuroBench: share of neuron steps without a spike", ".4f"),
    "Effective_ACs": Metric("Effective_ACs", "NeuroBench: additions that spikes ask for, per sample"),
    "Effective_MACs": Metric("Effective_MACs", "NeuroBench: multiplications, per sample"),
    "Dense": Metric("Dense", "NeuroBench: operations if every row were active all the time, per sample"),
    "MembraneUpdates": Metric("MembraneUpdates", "NeuroBench: neurons times time steps, per sample"),
    "seconds": Metric("seconds", "that all rounds took", ",.1f"),
    "overhead": _share("overhead, %", "share of the time beside training and evaluation"),
}
"""Every measure by name, most telling first."""

OF_MODULES = (
    "synapses",
    "neuron_hop_spikes",
    "weighted_length",
    "taking_part",
    "clusters",
    "functional_modularity",
    "wiring_modularity",
    "anatomical_modularity",
    "anatomical_quantile",
)
"""Measures of functional modules, for which the network of a run is asked anew (``analysis.chip.modules``)."""

SPENT = (
    "spikes_per_sample",
    "hop_spikes_per_sample",
    "operations_per_sample",
    "gate_adds_per_sample",
    "gate_stored_values",
    "gate_buffered_spikes",
    "gate_latency",
)
"""Measures that are means over the samples of the last evaluation."""
