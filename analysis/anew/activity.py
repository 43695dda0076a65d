"""What the neurons of a run do: the run is rebuilt from its checkpoint and asked again. Writes nothing.

Validation data only. A neuron answers for a task while the expert of that task runs, with those it listens to, as at
test time when the task is told; ``running="all"`` lets every neuron of the chip run at once instead, and shows what
those of other experts, which stay silent otherwise, would make of the same inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.model.network import Network
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.batches import VALIDATION

Running = Literal["expert", "all"]
SILENT = 1e-3  # total variance (spikes^2) up to which a neuron counts as silent


@dataclass(frozen=True)
class Raster:
    """Spikes of some samples of one experience."""

    spikes: pd.DataFrame  # sample, kind (input, hidden, output), unit (input channel, or id of the neuron), step
    neurons: pd.DataFrame  # neuron, tile, slot, task of all living hidden neurons, by tile and slot
    labels: tuple[int, ...]  # class of every sample
    task: int
    steps: int  # time steps of a sample (1 ms each on the default chip)
    channels: int  # input channels


def spike_counts(
    run: Run | Simulation, running: Running = "expert", by: Literal["task", "label"] = "task"
) -> pd.DataFrame:
    """Spikes of every hidden neuron in every validation sample.

    Args:
        run: the run, or the simulation that ``restored`` gave for it.
        running: ``expert``: the expert of the sample's task; ``all``: every neuron.
        by: what the index calls task: the task of the experience, or the ``label`` of the sample, which tells tasks
            with answers in time apart where the stream has them all at once.

    Returns:
        One row a sample, index (task, sample); one column a living hidden neuron, by its id.
    """
    simulation = restored(run)
    hidden, parts = hidden_neurons(simulation), {}
    slots = hidden["slot"].to_numpy()
    for experience in _learned(simulation):
        x, wanted = simulation.batches_of(experience).evaluation(VALIDATION)
        outputs, mask = who_runs(simulation, experience, running)
        with torch.no_grad():
            counts = simulation.network.run(x, outputs, mask).counts.cpu()
        table = pd.DataFrame(counts.T.numpy()[:, slots], columns=hidden["neuron"].to_numpy())
        if by == "task":
            parts[experience.task] = table
        else:
            labels = wanted.labels.numpy()
            parts |= {int(label): table[labels == label].reset_index(drop=True) for label in np.unique(labels)}
    return pd.concat(parts, names=["task", "sample"]).rename_axis(columns="neuron")


def spikes_per_sample(run: Run, counts: pd.DataFrame | None = None) -> pd.Series[float]:
    """Spikes of every living neuron per validation sample, tasks weighing equally; 0 for outputs that do not fire.

    Args:
        run: the run.
        counts: what ``spike_counts`` gave, where it was asked already.
    """
    counts = spike_counts(run) if counts is None else counts
    mean = counts.groupby(level="task").mean().mean()
    neurons = run.table("neurons")
    alive = neurons.loc[neurons["retired_round"].isna(), "neuron"]
    return mean.reindex(alive, fill_value=0.0).rename("spikes")


def input_spikes(run: Run | Simulation) -> pd.Series[float]:
    """Spikes of every input channel per validation sample, tasks weighing equally."""
    simulation = restored(run)
    means = [
        simulation.batches_of(experience).evaluation(VALIDATION)[0].sum(1).double().mean(0).cpu()  # [I]
        for experience in _learned(simulation)
    ]
    spikes: pd.Series[float] = pd.Series(torch.stack(means).mean(0).numpy(), name="spikes").rename_axis("channel")
    return spikes


def task_variance(run: Run, running: Running = "expert") -> pd.DataFrame:
    """Normalised task variance of the hidden neurons (Yang et al. 2019, Nat. Neurosci. 22:297, doi
    10.1038/s41593-018-0310-2).

    TV_i(A) = variance of the spike count of neuron i over the validation samples of task A, divided by the largest
    TV_i over the tasks, so that every neuron has a 1. The paper takes the variance of a firing rate over conditions at
    each time and averages over time; here a sample is the condition, and its spikes are counted over all of its time.

    Returns:
        One row a hidden neuron (by id), one column a task. Neurons whose variances add up to less than 0.001 are
        silent and left out, as in the paper.
    """
    return normalised_variance(spike_counts(run, running))


def normalised_variance(counts: pd.DataFrame) -> pd.DataFrame:
    """``task_variance`` from a table as ``spike_counts`` gives it."""
    return normalised(counts.groupby(level="task").var(ddof=0).T)


def normalised(variance: pd.DataFrame) -> pd.DataFrame:
    """Variances, a row a unit and a column a task, divided by each unit's largest; silent units are left out."""
    variance = variance[variance.sum(axis=1) > SILENT]
    return variance.div(variance.max(axis=1), axis=0)


def functional_clusters(variance: pd.DataFrame, seed: int = 0, most: int = 10) -> pd.Series[int]:
    """Clusters of neurons by their normalised task variance, as in Yang et al. 2019.

    k-means for k = 2 ... ``most`` clusters; the k with the largest mean silhouette (Rousseeuw 1987) is taken.

    Args:
        variance: as ``task_variance`` gives it.
        seed: of k-means.
        most: largest number of clusters that is tried.

    Returns:
        Cluster of each neuron, by id; all in cluster 0 where fewer than two different rows are there.
    """
    return clustered(variance, seed, most)[0]


def clustered(variance: pd.DataFrame, seed: int = 0, most: int = 10) -> tuple[pd.Series[int], float]:
    """``functional_clusters``, and their mean silhouette; -inf where there is one cluster alone."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    values = variance.to_numpy(float)
    different = len(np.unique(values.round(9), axis=0))
    best, chosen = -np.inf, np.zeros(len(values), dtype=int)
    for count in range(2, min(most, different, len(values) - 1) + 1):
        labels = KMeans(count, n_init=10, random_state=seed).fit_predict(values)
        score = float(silhouette_score(values, labels))
        if score > best:
            best, chosen = score, labels
    return pd.Series(chosen.astype(int), index=variance.index, name="cluster"), best


def spikes_of(run: Run | Simulation, experience: int, samples: int = 1, running: Running = "expert") -> Raster:
    """Spike times for the first validation samples of an experience.

    Args:
        run: as in ``spike_counts``.
        experience: number of the experience in the stream.
        samples: how many of its samples.
        running: as in ``spike_counts``.

    Raises:
        ValueError: there is no such experience, nobody has learned it yet, or it has fewer samples.
    """
    simulation = restored(run)
    stream = simulation.stream.experiences
    if not 0 <= experience < len(stream):
        raise ValueError(f"experience = {experience}: the stream has the experiences 0 to {len(stream) - 1}")
    chosen = stream[experience]
    x, wanted = simulation.batches_of(chosen).evaluation(VALIDATION)
    if not 1 <= samples <= len(x):
        raise ValueError(f"samples = {samples}: experience {experience} has 1 to {len(x)} validation samples")
    x = x[:samples]
    _, mask = who_runs(simulation, chosen, running)
    network = simulation.network
    fired = spike_trains(network, x, mask)
    registry = simulation.registry
    kinds = {slot: str(registry.neurons[number]["kind"]) for slot, number in registry.id_of_slot.items()}
    step, slot, sample = (index.numpy() for index in torch.nonzero(fired, as_tuple=True))
    hidden_columns = {"kind": [kinds[s] for s in slot], "unit": [registry.id_of_slot[s] for s in slot], "step": step}
    input_spikes = torch.nonzero(x)  # sample, step, channel
    inputs = {"kind": "input", "unit": input_spikes[:, 2].numpy(), "step": input_spikes[:, 1].numpy()}
    parts = [
        pd.DataFrame({"sample": sample, **hidden_columns}),
        pd.DataFrame({"sample": input_spikes[:, 0].numpy(), **inputs}),
    ]
    return Raster(
        spikes=pd.concat([part for part in parts if len(part)], ignore_index=True),
        neurons=hidden_neurons(simulation),
        labels=tuple(wanted.labels[:samples].tolist()),
        task=chosen.task,
        steps=x.shape[1],
        channels=x.shape[2],
    )


def spike_trains(network: Network, x: Tensor, mask: Tensor | None) -> Tensor:
    """Which neuron fires when [T, N, B], for inputs x [B, T, I], while the neurons of a mask [N] run (None: all)."""
    with torch.no_grad():
        return network.tape(x, mask).spikes.cpu()


def hidden_neurons(simulation: Simulation) -> pd.DataFrame:
    """Living hidden neurons: neuron, tile, slot, task; by tile and slot."""
    registry = simulation.registry
    rows = [registry.neurons[number] for _, number in sorted(registry.id_of_slot.items())]
    names = ["neuron", "tile", "slot", "task"]
    return pd.DataFrame([[r[n] for n in names] for r in rows if r["kind"] == "hidden"], columns=names, dtype=np.int64)


def _learned(simulation: Simulation) -> list[Experience]:
    """Experiences of different tasks whose classes have outputs."""
    served = {label for expert in simulation.gating.experts for label in expert.classes}
    tasks = {experience.task: experience for experience in simulation.stream.experiences}
    return [experience for experience in tasks.values() if served.issuperset(experience.classes)]


def who_runs(simulation: Simulation, experience: Experience, running: Running) -> tuple[Tensor, Tensor | None]:
    """Outputs that are read, and neurons that run [N] bool (None: all), for the samples of an experience."""
    if running not in ("expert", "all"):
        raise ValueError(f"running = {running!r} is unknown; take expert or all")
    agent, classes = simulation.gating, set(experience.classes)
    asked = [expert for expert in agent.experts if classes & set(expert.classes)]
    if not classes <= {label for expert in asked for label in expert.classes}:
        raise ValueError(f"nobody has learned task {experience.task} yet")
    outputs = torch.tensor([slot for expert in asked for slot in expert.outputs], device=simulation.network.device)
    if running == "all":
        return outputs, None
    return outputs, torch.stack([agent.running(expert) for expert in asked]).any(0)
