"""Single trials of a run whose samples ask for targets: what went in, who fired, what came out. Writes nothing.

Validation data only; the task is told, so that its expert runs, with those whom it hears.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from smalti.analysis.anew.activity import hidden_neurons, spike_trains, who_runs
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.batches import VALIDATION
from smalti.scheduler.streams.scores import SCORES
from smalti.scheduler.streams.types import Readout

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trial:
    """One sample, and what the network made of it."""

    task: int
    name: str  # of the task
    names: tuple[str, ...]  # of the outputs
    inputs: NDArray[np.bool_]  # [T, I] spikes
    spikes: NDArray[np.bool_]  # [T, H] of the hidden neurons that run
    neurons: pd.DataFrame  # neuron, tile, slot, task of these, in the same order: by the task they were born for
    outputs: Floats  # [T, O]
    targets: Floats  # [T, O]
    weights: Floats  # [T] 0 where nothing is asked
    score: str  # which one; a name in ``scheduler.streams.scores.SCORES``
    value: float  # of this sample


def trials(run: Run | Simulation, experiences: Iterable[int] | None = None, sample: int = 0) -> list[Trial]:
    """A validation sample of each of some experiences.

    Args:
        run: the run, or the simulation that ``restored`` gave for it.
        experiences: their numbers in the stream; by default all whose tasks can be answered.
        sample: which of the samples.

    Raises:
        ValueError: samples of the stream ask for their class; there is no such experience or sample, or nobody has
            learned it yet.
    """
    simulation = restored(run)
    stream, readout = simulation.stream, simulation.stream.readout
    if readout is None:
        raise ValueError(f"samples of {stream.name} ask for their class, not for targets at single steps")
    known = answerable(simulation)
    chosen = known if experiences is None else [*experiences]
    for number in chosen:
        if number not in known:
            raise ValueError(f"experience {number} cannot be asked; take one of {known}")
    return [_trial(simulation, readout, stream.experiences[number], sample) for number in chosen]


def answerable(run: Run | Simulation) -> list[int]:
    """Numbers of the experiences whose tasks have an expert."""
    simulation = restored(run)
    served = {label for expert in simulation.gating.experts for label in expert.classes}
    return [n for n, one in enumerate(simulation.stream.experiences) if served.issuperset(one.classes)]


def _trial(simulation: Simulation, readout: Readout, experience: Experience, sample: int) -> Trial:
    x, wanted = simulation.batches_of(experience).evaluation(VALIDATION)
    if not 0 <= sample < len(x):
        raise ValueError(f"sample = {sample}: task {experience.task} has the validation samples 0 to {len(x) - 1}")
    network, rows = simulation.network, slice(sample, sample + 1)
    x, wanted = x[rows], wanted[rows]
    assert wanted.targets is not None  # as of all samples of a stream with a read-out
    assert wanted.weights is not None
    slots, mask = who_runs(simulation, experience, "expert")
    with torch.no_grad():
        answers = simulation.grower.judge.answers(network.run(x, slots, mask)).cpu()  # [1, T, O]
    neurons = hidden_neurons(simulation)
    running = neurons if mask is None else neurons[mask.cpu().numpy()[neurons["slot"]]]
    running = running.sort_values(["task", "slot"], ignore_index=True)
    return Trial(
        task=experience.task,
        name=experience.name,
        names=readout.names,
        inputs=x[0].numpy() > 0,
        spikes=spike_trains(network, x, mask)[:, :, 0].numpy()[:, running["slot"]] > 0,
        neurons=running,
        outputs=answers[0].numpy(),
        targets=wanted.targets[0].numpy(),
        weights=wanted.weights[0].numpy(),
        score=readout.score,
        value=float(SCORES[readout.score](answers, wanted.targets, wanted.weights)),
    )
