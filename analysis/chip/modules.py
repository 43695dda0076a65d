"""Functional modules of a network, whether they are wired among themselves, and where on the chip they sit.

Functional clusters are those of Yang et al. 2019 (``activity.functional_clusters``): k-means of normalised task
variance, by the label of the samples, which names the task where all tasks are learned at once. Neurons that are silent
or from which no devices lead on to an output take no part and are left out. Three measures of them,
each less what chance gives; for Growing Brains (Liu et al. 2023, arXiv 2310.07711), anatomical modularity is the latter
two together.

- functional: mean silhouette (Rousseeuw 1987) of the clusters, less that of clusters found after every neuron's
  variances have been shuffled among the tasks.
- wiring: Newman's modularity, directed and weighted (Leicht & Newman 2008, Phys. Rev. Lett. 100:118703), of the
  clusters in the graph of |w| between clustered neurons,

      Q = sum over i, j of [A_ij / m - s_i^out s_j^in / m^2] delta(g_i, g_j),  m the sum of A

  less its mean where labels are drawn anew among the neurons.
- anatomical: 1 - d / d', with d the mean distance of two neurons of one cluster, in rows plus columns of tiles, and d'
  its mean where labels are drawn anew: 0 at chance, 1 where every cluster sits in a tile of its own. ``quantile`` is
  the share of those draws with no larger distance.

A caution: neurons of the north row alone hear inputs, and all sit where they were born unless swaps move them; so some
of it comes without any cost of wires, and a run is to be read beside one without.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smalti.analysis.anew import activity
from smalti.analysis.chip import structure, wiring
from smalti.analysis.chip.matching import matched
from smalti.analysis.moments import moments
from smalti.analysis.quantities import OF_MODULES
from smalti.analysis.runs import Run
from smalti.model.chip.fabric import Fabric
from smalti.model.wiring_cost import tiles_between

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
FEWEST = 4  # clustered neurons


@dataclass(frozen=True)
class Anatomy:
    """Where clusters sit and how they are wired."""

    wiring: float  # modularity of the clusters in the graph of |w|, less that at chance
    anatomical: float  # 1 - distance within clusters / that at chance
    quantile: float  # share of draws with no larger distance
    distance: float  # tiles between two neurons of one cluster, mean


def of_run(run: Run, seed: int = 0) -> dict[str, float]:
    """The measures of a run by name, as ``quantities.METRICS`` has them; those of clusters only where there are two.

    Raises:
        ValueError: no round is finished yet, or the run cannot be asked.
    """
    network = structure.graph(run)
    counts = activity.spike_counts(run, by="label")
    spikes = counts.groupby(level="task").mean().mean()
    values = {
        "synapses": float(network.number_of_edges()),
        "neuron_hop_spikes": float(spikes.mul(wiring.crossed(run), fill_value=0).sum()),
        "weighted_length": weighted_length(network, structure.fabric_of(run)),
    }
    variance = _variance(network, counts)
    values["taking_part"] = float(len(variance))
    if len(variance) < FEWEST or variance.shape[1] < 2:
        return values
    labels, silhouette = activity.clustered(variance, seed)
    if labels.nunique() < 2 or not weight_between(network, labels.index.tolist()).any():
        return values
    found = anatomy(network, labels, structure.fabric_of(run), seed=seed)
    return {
        **values,
        "clusters": float(labels.nunique()),
        "functional_modularity": silhouette - shuffled_silhouette(variance, seed),
        "wiring_modularity": found.wiring,
        "anatomical_modularity": found.anatomical,
        "anatomical_quantile": found.quantile,
    }


def clusters(run: Run, seed: int = 0) -> pd.Series[int]:
    """Functional cluster of every neuron that takes part, by its id, as ``plots.draw_chip`` takes them."""
    variance = _variance(structure.graph(run), activity.spike_counts(run, by="label"))
    return activity.functional_clusters(variance, seed)


def along(run: Run, seed: int = 0) -> pd.DataFrame:
    """The measures along training, of a run that keeps snapshots (``run.snapshots``); about two seconds a row.

    Returns:
        A row a snapshot, and one for the last round: round, step (training steps until its end), accuracy (of its
        minibatches) and validation from the table ``rounds``, then the measures of ``of_run``, NaN where it has none.

    Raises:
        ValueError: no round is finished yet, or the run cannot be asked.
    """
    rows = pd.DataFrame({number: of_run(then, seed) for number, then in moments(run).items()}).T
    rounds = run.table("rounds").set_index("round")
    facts = rounds.loc[rows.index, ["step", "accuracy", "validation"]]
    return facts.join(rows.reindex(columns=list(OF_MODULES))).rename_axis("round").reset_index()


def clusters_along(run: Run, rounds: Collection[int] = (), seed: int = 0) -> dict[int, pd.Series[int]]:
    """``clusters`` at moments of a run, by round; a number stays with its cluster (``matched``); a second each.

    Args:
        run: the run.
        rounds: of which moments; by default of every snapshot, and of the last round.
        seed: of k-means.

    Raises:
        ValueError: it does not keep what it was after such a round, or it cannot be asked.
    """
    there = moments(run)
    if lost := sorted({*rounds} - there.keys()):
        known = ", ".join(map(str, there))
        raise ValueError(f"{run.path} does not keep what it was after round {lost[0]}; there are the rounds {known}")
    return matched({number: clusters(there[number], seed) for number in rounds or there})


def _variance(network: nx.DiGraph, counts: pd.DataFrame) -> pd.DataFrame:
    taking_part = leading_on(network)
    return activity.normalised_variance(counts[[neuron for neuron in counts if neuron in taking_part]])


def shuffled_silhouette(variance: pd.DataFrame, seed: int = 0, draws: int = 5) -> float:
    """Mean silhouette of clusters found after every neuron's variances have been shuffled among the tasks.

    Args:
        variance: as ``activity.normalised_variance`` gives it.
        seed: of the draws and of k-means.
        draws: how many.
    """
    chance, values = np.random.default_rng(seed), variance.to_numpy(float)
    found = [
        activity.clustered(pd.DataFrame(chance.permuted(values, axis=1), variance.index), seed)[1] for _ in range(draws)
    ]
    return float(np.mean(found))


def anatomy(
    network: nx.DiGraph, clusters: pd.Series[int], fabric: Fabric, permutations: int = 500, seed: int = 0
) -> Anatomy:
    """How the clusters of neurons are wired among themselves, and where they sit; see the module.

    Args:
        network: the graph, with weights (``structure.graph``).
        clusters: cluster of each clustered neuron, by its id.
        fabric: the chip.
        permutations: draws of labels.
        seed: of the draws.

    Raises:
        ValueError: no cluster has two neurons, or nothing but loops weighs anything.
    """
    neurons, labels = clusters.index.tolist(), clusters.to_numpy(np.int64)
    tiles = np.array([network.nodes[neuron]["tile"] for neuron in neurons])
    apart = tiles_between(fabric, tiles[:, None], tiles)
    return placed(weight_between(network, neurons), apart, labels, permutations, seed)


def placed(weight: Floats, apart: Floats, labels: Ints, permutations: int = 500, seed: int = 0) -> Anatomy:
    """``anatomy`` of any net whose units have places.

    Args:
        weight: |w| between units [n, n], source by target, 0 on the diagonal.
        apart: distance between units [n, n].
        labels: cluster of each unit [n].
        permutations: draws of labels.
        seed: of the draws.

    Raises:
        ValueError: no cluster has two units, or nothing weighs anything.
    """
    if len(np.unique(labels)) == len(labels) or not weight.any():
        raise ValueError("there is no cluster of two neurons, or no weight between them")
    chance = np.random.default_rng(seed)
    drawn = [labels[chance.permutation(len(labels))] for _ in range(permutations)]
    distance = distance_within(apart, labels)
    distances = np.array([distance_within(apart, other) for other in drawn])
    by_chance = np.mean([weighted_modularity(weight, other) for other in drawn])
    mean = float(distances.mean())
    return Anatomy(
        wiring=weighted_modularity(weight, labels) - float(by_chance),
        anatomical=1 - distance / mean if mean else 0.0,
        quantile=float((distances <= distance).mean()),
        distance=distance,
    )


def leading_on(network: nx.DiGraph) -> set[int]:
    """Neurons from which a chain of devices with a weight leads to an output; outputs among them."""
    weighing = nx.DiGraph([(a, b) for a, b, weight in network.edges(data="weight") if weight])
    outputs = {node for node, kind in network.nodes(data="kind") if kind == "output"}
    return outputs.union(*(nx.ancestors(weighing, output) for output in outputs if output in weighing))


def weight_between(network: nx.DiGraph, neurons: Sequence[int]) -> Floats:
    """|w| between some neurons [n, n], source by target; loops and what is not linked weigh nothing."""
    part = nx.to_numpy_array(network.subgraph(neurons), nodelist=list(neurons), weight="weight")
    weight: Floats = np.abs(part)
    np.fill_diagonal(weight, 0.0)
    return weight


def distance_within(apart: Floats, labels: Ints) -> float:
    """Mean distance of two different neurons of one cluster, every pair weighing alike.

    Args:
        apart: distance between neurons [n, n].
        labels: cluster of each neuron [n]; one of them has two at least.
    """
    same = labels[:, None] == labels
    np.fill_diagonal(same, False)
    return float(apart[same].mean())


def weighted_modularity(weight: Floats, labels: Ints) -> float:
    """Newman's modularity of clusters [n] in a directed graph of weights [n, n], source by target."""
    total = weight.sum()
    expected = np.outer(weight.sum(1), weight.sum(0)) / total
    return float((weight - expected)[labels[:, None] == labels].sum() / total)


def weighted_length(network: nx.DiGraph, fabric: Fabric) -> float:
    """Rows plus columns of tiles that a unit of |w| between neurons travels, mean; 0 without weight."""
    edges = list(network.edges(data="weight"))
    if not edges:
        return 0.0
    tile = nx.get_node_attributes(network, "tile")
    ends = np.array([(tile[a], tile[b]) for a, b, _ in edges])
    weight = np.abs([w for *_, w in edges])
    length = tiles_between(fabric, ends[:, 0], ends[:, 1])
    return float((weight * length).sum() / weight.sum()) if weight.any() else 0.0
