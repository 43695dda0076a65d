"""What the network of a run answers to new samples. Writes nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from smalti.analysis.restored import restored
from smalti.analysis.tables import RunTables
from smalti.scheduler.answers import evaluation
from smalti.scheduler.randomness import Use, entropy
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Samples
from smalti.scheduler.streams.coding.encode import draw
from smalti.scheduler.streams.readers.convert import array_of

NEW = 3  # the part that new samples are, beside train, validation and test


def answers(run: RunTables | Simulation, x: Any, task: int | None = None) -> pd.DataFrame:
    """Classes, experts and spikes for new samples; one row a sample.

    Args:
        run: the run, of which at least one round is finished; or its simulation, for who asks many things.
        x: [samples, features] or [samples, time, channels], as the run's data before it was pooled.
        task: the task that all of them belong to; None leaves the choice of the expert to the gating network.

    Returns:
        Columns class, name (of the class), expert (who answered) and spikes (of all neurons that ran for the sample).
        Where samples ask for targets at single steps: outputs (an array [T, O]) and spikes.

    Raises:
        ValueError: samples that are unfit, a task that does not exist, or a gate that must be told the task.
    """
    simulation = restored(run)
    agent, stream = simulation.gating, simulation.stream
    spikes = spikes_of_samples(simulation, x)
    if task is None:
        if evaluation.needs_label(agent):
            who = "gating.network = 'label'" if agent.belief is None else "feedback, of which samples have none,"
            raise ValueError(f"{who} cannot choose an expert; say which task the samples are of")
        said = evaluation.without_label(agent, spikes)
    else:
        classes = {e.task: e.classes for e in stream.experiences}
        served = {label for expert in agent.experts for label in expert.classes}
        if task not in classes or served.isdisjoint(classes[task]):
            known = [number for number, labels in classes.items() if not served.isdisjoint(labels)]
            raise ValueError(f"task = {task} is none that the run has learned; those are {known}")
        said = evaluation.with_task(agent, spikes, classes[task])
    assert said.spikes is not None
    spent = said.spikes.counts.sum(0).round().numpy().astype(np.int64)
    if said.steps is not None:
        return pd.DataFrame({"outputs": list(said.steps.numpy()), "spikes": spent})
    chosen = said.classes.tolist()
    expert_of = {label: expert.number for expert in agent.experts for label in expert.classes}
    return pd.DataFrame(
        {
            "class": np.asarray(chosen, dtype=np.int64),
            "name": [stream.class_names[label] for label in chosen],
            "expert": np.asarray([expert_of[label] for label in chosen], dtype=np.int64),
            "spikes": spent,
        }
    )


def spikes_of_samples(simulation: Simulation, x: Any) -> Tensor:
    """New samples as the chip hears them: uint8 [S, T, I], always the same for the same samples and seed.

    Raises:
        ValueError: another number of features or time steps than the run's data have, or values outside 0..1.
    """
    stream = simulation.stream
    values = array_of(x)
    if values.ndim in (2, 3) and not len(values):
        raise ValueError("x holds no samples; give one at least")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError("x holds NaN; give firing probabilities a time step, 0..1")
    if values.dtype.kind not in "biuf" or values.ndim not in (2, 3):
        raise ValueError(
            f"x has shape {values.shape} and type {values.dtype}; give numbers [samples, features] or "
            "[samples, time, channels]; a single sample is x[None]"
        )
    values = np.ascontiguousarray(values[:, None, :] if values.ndim == 2 else values, dtype=np.float32)
    channels = math.prod(stream.raw)
    if values.shape[2] != channels:
        raise ValueError(f"x has {values.shape[2]} features, the data of the run {channels}; give as many")
    if values.shape[1] not in (1, stream.frames, stream.steps):
        raise ValueError(f"x has {values.shape[1]} time steps, the run {stream.steps}; give as many, or no time axis")
    if not (float(values.min()) >= 0 and float(values.max()) <= 1):
        raise ValueError(f"x lies in {values.min():g}..{values.max():g}; give firing probabilities a time step, 0..1")
    ready, count = stream.ready(values), len(values)
    nothing = np.zeros(count, dtype=np.int64)
    key = entropy(simulation.config.run.seed, Use.SPIKES, NEW)
    return torch.from_numpy(draw(Samples(ready, nothing, nothing), stream.steps, key))
