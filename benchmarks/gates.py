"""Gating networks beside each other on digits, class-incremental, and what each of them costs.

    python benchmarks/gates.py --seeds 2 --out runs/gates

By default a gating network has no say in how the network learns, so one run a seed is enough: every gating network is
shown the training samples of that run, experience after experience, in the order and with the spikes that it would have
had, and is asked at the end. Numbers are of validation data, after the last task, everything else as in the default
configuration. The command goes on where it was stopped. ``crossbar`` stands on the chip and wants room there, so that
it is not among them (``work.py``).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.gating import GatingOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.gating.networks import GATING
from smalti.model.gating.networks.staged import on_chip
from smalti.model.gating.running import resolved
from smalti.scheduler.answers import evaluation, hearing, reliability
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.experiments.running import run_all
from smalti.scheduler.growth.gate_columns import GateColumns, spare
from smalti.scheduler.records.rows import evaluation_rows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

COSTS = ("spikes_per_sample", "gate_adds_per_sample", "gate_stored_values", "gate_buffered_spikes", "gate_latency")


@dataclass(frozen=True)
class Gates:
    """Compare gating networks.

    Attributes:
        seeds: runs.
        out: folder of the runs.
    """

    seeds: int = 2
    out: Path = Path("runs/gates")


def conditions() -> Mapping[str, GatingOptions]:
    """Name -> options of the gate."""
    return {
        **{name: GatingOptions(network=name) for name in GATING if name not in ("crossbar", "levels")},
        "softmax, eigen": GatingOptions(network="softmax", learned=LearnedGateOptions(balance="eigen")),
        "softmax, loss_free": GatingOptions(network="softmax", learned=LearnedGateOptions(balance="loss_free")),
        "softmax, rehearsal 200": GatingOptions(network="softmax", learned=LearnedGateOptions(rehearsal=200)),
        "gaussian, top 0": GatingOptions(top=0),
        "gaussian, listen 10": GatingOptions(listen=10),
        "seed, listen 10": GatingOptions(network="seed", listen=10),
    }


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Gates, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    trials = {f"seed{seed}": Config(run=RunOptions(seed=seed)) for seed in range(options.seeds)}
    failed = run_all(trials, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False))
    runs = [restored(load_run(options.out / name)) for name in trials if name not in failed]
    console.print(view({name: [measure(run, gate) for run in runs] for name, gate in conditions().items()}))


def measure(simulation: Simulation, options: GatingOptions) -> dict[str, float]:
    """Accuracies of a gating network and what its answers take, means over experiences, validation data.

    Args:
        simulation: finished; its gating network is replaced.
        options: of the gating network.

    Returns:
        ``answer`` without a label (of the oracle: with one), ``gate`` alone (NaN where it does not answer), and costs.
    """
    agent, stream = simulation.gating, simulation.stream
    listen(simulation, options)
    rows = []
    for experience in stream.experiences:
        x, wanted = simulation.batches_of(experience).evaluation(VALIDATION)
        after = stream.experiences[-1].task
        rows += evaluation_rows(agent, stream, after, experience, "validation", x, wanted)
    asked = "task" if evaluation.needs_label(agent) else "class"
    answers = [row for row in rows if row["setting"] == asked]
    alone = [float(str(row["accuracy"])) for row in rows if row["setting"] == "gate"]
    means = {name: mean(float(str(row[name])) for row in answers) for name in ("accuracy", *COSTS)}
    return {"answer": means.pop("accuracy"), "gate": mean(alone) if alone else math.nan, **means}


def listen(simulation: Simulation, options: GatingOptions) -> None:
    """Give a finished simulation another gating network, and show it the samples that it would have been shown."""
    agent, stream = simulation.gating, simulation.stream
    options = resolved(options, stream.steps, stream.frames)
    agent.gate, agent.options = GATING[options.network](options, options.windows * stream.channels), options
    experts, agent.experts = agent.experts, []
    for number, experience in enumerate(stream.experiences):
        batches, expert = simulation.batches_of(experience), next(e for e in experts if experience.task in e.tasks)
        agent.experts = [*agent.experts, expert]
        agent.gate.assignment.assign(expert.number, expert.classes)
        if agent.gate.hears == "experts":  # what has been learned is protected, so they fire as they did then
            hearing.show_experts(agent, expert, batches)
        else:
            for x, wanted in batches.once():
                agent.gate.observe(*hearing.lessons(agent, x, wanted.labels), experience.task)
        bear_columns(simulation, number)
        x, wanted = batches.evaluation(VALIDATION)
        hearing.tune(agent, x, wanted.labels)
        reliability.weigh(agent, expert, x, wanted.labels)


def bear_columns(simulation: Simulation, number: int) -> None:
    """Let a gating network that stands on the chip have its columns after so many experiences and one."""
    chip, stream, grower = on_chip(simulation.gating.gate), simulation.stream, simulation.grower
    if chip is not None:
        to_come = {label for later in stream.experiences[number + 1 :] for label in later.classes} - {*chip.classes}
        task, free = stream.experiences[number].task, spare(grower, {})
        GateColumns(grower, chip, task, len(to_come), free).run()


def view(results: Mapping[str, list[dict[str, float]]]) -> Table:
    """Results as a table to look at: accuracies of every seed, means of the rest."""
    table = Table(title="digits, class-incremental, validation, one accuracy a seed", title_justify="left")
    for column in ("gate", "answer %", "gate alone %", "spikes", "adds", "values", "spikes waiting", "steps late"):
        table.add_column(column, justify="left" if column == "gate" else "right", no_wrap=True)
    for name, runs in results.items():
        accuracies = [" / ".join(percent(run[column]) for run in runs) for column in ("answer", "gate")]
        table.add_row(name, *accuracies, *(f"{mean(run[column] for run in runs):.0f}" for column in COSTS))
    return table


def percent(share: float) -> str:
    """In percent; a dash where there is none."""
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


if __name__ == "__main__":
    script(main)
