"""How narrow may the surrogate's support be? The share of neurons that pass a gradient, beside the accuracy.

    smalti compare surrogate --fsdd free-spoken-digit-dataset.zip --out runs/surrogate
    python benchmarks/surrogate.py runs/surrogate

The first command trains networks with several surrogates and compares their accuracies; this looks at what it left. The
active fraction is the share of (step, running hidden neuron, sample) within the support, on a training batch of the
trained network, mean over experiences. Test data is not read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean

import pandas as pd
import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import finished_trials, script
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.scheduler.simulation import Simulation


def activity(simulation: Simulation) -> tuple[float, float]:
    """Active fraction, and spikes per step, of the running hidden neurons; mean over the experiences learned."""
    network, agent = simulation.network, simulation.gating
    inside, fired = [], []
    torch.set_num_threads(simulation.config.run.threads)
    for experience in simulation.stream.experiences:
        expert = agent.find(experience.classes)
        if expert is None:
            continue
        running = agent.running(expert)
        hidden = running & network.state.alive & ~network.state.output
        x, _ = simulation.batches_of(experience).training(0)
        dynamics, tape = network.dynamics(running), network.tape(x, running)
        slope = dynamics.surrogate(tape.membrane - dynamics.threshold)
        inside.append(float((slope[:, hidden] > 0).double().mean()))
        fired.append(float(tape.spikes[:, hidden].double().mean()))
    return mean(inside), mean(fired)


def measure(folder: Path) -> pd.DataFrame:
    """A row a finished trial of the experiment in a folder: stream, variant, accuracy, active, rate, neurons.

    Raises:
        ValueError: no trial has finished there.
    """
    done = finished_trials(folder, "surrogate")
    activities = [activity(restored(load_run(folder / "trials" / name))) for name in done["trial"]]
    active, rate = zip(*activities, strict=True)
    return done[["stream", "variant", "accuracy", "neurons"]].assign(active=active, rate=rate)


def view(measured: pd.DataFrame) -> Table:
    """Means and standard deviations over seeds."""
    table = Table(title="mean ± standard deviation over seeds; accuracy: validation, %", title_justify="left")
    for column in ("stream", "surrogate", "seeds", "accuracy", "active", "rate", "neurons"):
        table.add_column(column, justify="left" if column in ("stream", "surrogate") else "right", no_wrap=True)
    for (stream, variant), part in measured.groupby(["stream", "variant"], sort=False):
        middle, spread = part.mean(numeric_only=True), part.std(numeric_only=True)
        accuracy = f"{100 * middle['accuracy']:.1f} ± {100 * spread['accuracy']:.1f}"
        shares = (f"{middle[name]:.3f} ± {spread[name]:.3f}" for name in ("active", "rate"))
        table.add_row(str(stream), str(variant), str(len(part)), accuracy, *shares, f"{middle['neurons']:.0f}")
    return table


def main(folder: tyro.conf.Positional[Path] = Path("runs/surrogate")) -> None:
    """Look at a finished `smalti compare surrogate`.

    Args:
        folder: where it is.
    """
    Console(width=None if sys.stdout.isatty() else 150).print(view(measure(folder)))


if __name__ == "__main__":
    script(lambda: tyro.cli(main, description=__doc__))
