"""The network of a run as a graph, and measures of its structure. Knows no spikes.

A node is a living neuron (outputs included), an edge a device in use: a crosspoint between the row that a source
drives and the column of its target. Tables say which rows a source drives, the checkpoint which columns are in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx
import numpy as np
import pandas as pd

from smalti.analysis.runs import Run
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.routes import hops
from smalti.scheduler.configuration.config_io import from_mapping
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records.folder import open_run


def graph(run: Run) -> nx.DiGraph:
    """The network of a run now: a DiGraph as ``graph_of`` makes it, devices and target weights from the checkpoint.

    Raises:
        ValueError: no round is finished yet, or the checkpoint is damaged.
    """
    file = open_run(run.path).checkpoint
    if not file.exists():
        raise ValueError(f"{run.path} has no checkpoint; without it `graph_of` takes whole links from the tables")
    tensors = checkpoint.load(file).tensors
    mask, weight = tensors["state.mask"].numpy(), tensors["state.weight"].float().numpy()
    slots = int(run.config["fabric"]["neurons_per_tile"])
    return graph_of(run.table("neurons"), run.table("links"), slots, mask, weight)


def graph_of(
    neurons: pd.DataFrame,
    links: pd.DataFrame,
    slots: int,
    mask: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> nx.DiGraph:
    """A DiGraph of living neurons.

    Args:
        neurons, links: the tables of these names.
        slots: neuron slots of a tile (n).
        mask: devices in use [K, R, n] bool; without it a link reaches every living neuron of its tile, which is more
            than it does.
        weight: weights [K, R, n].

    Returns:
        Nodes are ids of neurons, with tile, slot (within its tile), kind, task and rule; edges have hops, kind (local
        or routed) and, where it is given, weight.
    """
    alive = neurons[neurons["retired_round"].isna()]
    made, at = nx.DiGraph(), {}
    for row in alive.to_dict("records"):
        place = int(row["tile"]), int(row["slot"]) % slots
        at[place] = int(row["neuron"])
        made.add_node(
            at[place],
            tile=place[0],
            slot=place[1],
            kind=str(row["kind"]),
            task=int(row["task"]),
            rule=str(row["rule"]),
        )
    used = links[links["retired_round"].isna() & (links["kind"] != "input")]
    columns = (used[name] for name in ("source", "target_tile", "row", "hops", "kind"))
    for source, tile, row, crossed, kind in zip(*columns, strict=True):
        for column in range(slots):
            if (tile, column) in at and (mask is None or mask[tile, row, column]):
                attributes = {} if weight is None else {"weight": float(weight[tile, row, column])}
                made.add_edge(int(source), at[tile, column], hops=int(crossed), kind=str(kind), **attributes)
    return made


def clustering(network: nx.DiGraph) -> float:
    """Mean clustering coefficient of a directed graph (Fagiolo 2007, Phys. Rev. E 76:026107).

    c_i = directed triangles through i / (2 (d_i (d_i - 1) - 2 d_i^both)), with d_i in- plus out-degree and d_i^both
    reciprocal edges; 0 where no triangle is possible. Self-loops are left out.
    """
    return float(nx.average_clustering(_without_loops(network)))


@dataclass(frozen=True)
class SmallWorld:
    """Clustering and path length beside those of random graphs."""

    sigma: float  # (clustering / random_clustering) / (path / random_path); above 1: a small world
    clustering: float
    path: float  # mean shortest path, edges
    random_clustering: float  # mean of the references
    random_path: float
    nodes: int  # of the component that was measured
    share: float  # of all nodes that are in it


def small_world(
    network: nx.DiGraph, references: int = 10, against: Literal["degrees", "edges"] = "degrees", seed: int = 0
) -> SmallWorld:
    """Small-world index sigma = (C / C_random) / (L / L_random) (Humphries & Gurney 2008, PLoS ONE 3:e0002051).

    C is the mean clustering coefficient and L the mean shortest path of the undirected graph, without self-loops, in
    its largest connected component. References have as many nodes and edges; L of one that falls apart is that of its
    largest component.

    Args:
        network: the graph.
        references: random graphs.
        against: ``degrees``: edges are swapped, every node keeps its degree (Maslov & Sneppen 2002, Science 296:910);
            ``edges``: edges are drawn uniformly.
        seed: of the references.

    Raises:
        ValueError: the component has fewer than four nodes or two edges, so that there is nothing to swap.
    """
    if against not in ("degrees", "edges"):
        raise ValueError(f"against = {against!r} is unknown; take degrees or edges")
    whole = nx.Graph(_without_loops(network))
    part = nx.convert_node_labels_to_integers(_largest(whole)) if len(whole) else whole
    if len(part) < 4 or part.number_of_edges() < 2:
        raise ValueError(f"the largest component has {len(part)} nodes; a small world needs at least four, connected")
    chance = np.random.default_rng(seed)
    measured = []
    for _ in range(references):
        number = int(chance.integers(2**31))
        if against == "degrees":
            other = _swapped(part, number)
        else:
            other = nx.gnm_random_graph(len(part), part.number_of_edges(), seed=number)
        measured.append((nx.average_clustering(other), nx.average_shortest_path_length(_largest(other))))
    c, path = nx.average_clustering(part), nx.average_shortest_path_length(part)
    c_random, path_random = (float(value) for value in np.mean(measured, axis=0))
    sigma = (c / c_random) / (path / path_random) if c_random else float("nan")
    return SmallWorld(sigma, c, path, c_random, path_random, len(part), len(part) / len(whole))


def modularity(network: nx.DiGraph, groups: Mapping[int, Any] | pd.Series[Any] | str = "task") -> float:
    """Newman's modularity of a partition, for directed graphs (Leicht & Newman 2008, Phys. Rev. Lett. 100:118703).

    Q = 1/m sum over i, j of [A_ij - k_i^out k_j^in / m] delta(g_i, g_j), with m edges; every edge counts 1.

    Args:
        network: the graph.
        groups: group of each node, or an attribute of the nodes (task, tile, kind, rule). Nodes without a group are
            left out of the graph.

    Raises:
        ValueError: no edge is left.
    """
    given = nx.get_node_attributes(network, groups) if isinstance(groups, str) else dict(groups.items())
    members: dict[Any, set[int]] = {}
    for node in network:
        if node in given:
            members.setdefault(given[node], set()).add(node)
    part = network.subgraph([node for node in network if node in given])
    if not part.number_of_edges():
        raise ValueError("no edge joins nodes that have a group; modularity needs at least one")
    return float(nx.community.modularity(part, members.values(), weight=None))


def best_modularity(network: nx.DiGraph, seed: int = 0, repeats: int = 10) -> tuple[float, dict[int, int]]:
    """The largest modularity that was found, and the group of each node there.

    The best of greedy merging (Clauset, Newman & Moore 2004) and ``repeats`` runs of Louvain (Blondel et al. 2008): a
    lower bound of the true maximum, which is hard to find.

    Raises:
        ValueError: the graph has no edge.
    """
    if not network.number_of_edges():
        raise ValueError("the network has no edge; modularity needs at least one")
    partitions = [nx.community.greedy_modularity_communities(network)]
    for repeat in range(repeats):
        partitions.append(nx.community.louvain_communities(network, weight=None, seed=seed + repeat))
    scored = [
        (float(nx.community.modularity(network, communities, weight=None)), communities) for communities in partitions
    ]
    best, communities = max(scored, key=lambda pair: pair[0])
    return best, {node: number for number, group in enumerate(communities) for node in group}


@dataclass(frozen=True)
class Locality:
    """How near each other connected neurons are, beside placements drawn at random."""

    local: float  # share of edges within a tile
    hops: float  # mean of all edges
    permuted_local: float  # the same, mean over permuted placements
    permuted_hops: float
    quantile: float  # share of permuted placements with no more hops than this one


def locality(network: nx.DiGraph, fabric: Fabric, permutations: int = 200, seed: int = 0) -> Locality:
    """Anatomical locality against chance: hidden neurons exchange their places at random, outputs keep theirs.

    hops is the mean over edges of the hops of the default route between the tiles of source and target (Dalgaty et al.
    2024; ``model.chip.routes.hops``): what the same wiring diagram costs in another place. Compare Liu et al. 2023
    (Growing Brains, arXiv 2310.07711), where locality is the mean wiring length.

    Args:
        network: the graph.
        fabric: the chip (``fabric_of``).
        permutations: placements drawn.
        seed: of the placements.

    Raises:
        ValueError: the graph has no edge.
    """
    edges = list(network.edges)
    if not edges:
        raise ValueError("the network has no edge; locality needs at least one")
    nodes = list(network)
    index = {node: k for k, node in enumerate(nodes)}
    ends = np.array([(index[a], index[b]) for a, b in edges])
    tiles = np.array([network.nodes[node]["tile"] for node in nodes])
    movable = np.flatnonzero([network.nodes[node]["kind"] == "hidden" for node in nodes])
    apart = np.array([[hops(fabric, a, b) for b in range(fabric.tiles)] for a in range(fabric.tiles)])

    def measure(place: np.ndarray) -> tuple[float, float]:
        a, b = place[ends[:, 0]], place[ends[:, 1]]
        return float((a == b).mean()), float(apart[a, b].mean())

    local, mean_hops = measure(tiles)
    chance, drawn = np.random.default_rng(seed), []
    for _ in range(permutations):
        other = tiles.copy()
        other[movable] = tiles[chance.permutation(movable)]
        drawn.append(measure(other))
    permuted = np.array(drawn)
    quantile = float((permuted[:, 1] <= mean_hops).mean())
    return Locality(local, mean_hops, float(permuted[:, 0].mean()), float(permuted[:, 1].mean()), quantile)


def fabric_of(run: Run) -> Fabric:
    """The chip of a run."""
    return Fabric(from_mapping(FabricOptions, run.config["fabric"]))


def _without_loops(network: nx.DiGraph) -> nx.DiGraph:
    copy = network.copy()
    copy.remove_edges_from(list(nx.selfloop_edges(copy)))
    return copy


def _largest(undirected: nx.Graph) -> nx.Graph:
    return undirected.subgraph(max(nx.connected_components(undirected), key=len)).copy()


def _swapped(undirected: nx.Graph, seed: int, sweeps: int = 10) -> nx.Graph:
    """A random graph of the same degrees: pairs of edges a-b, c-d become a-d, c-b where that makes no double edge."""
    chance = np.random.default_rng(seed)
    edges = [tuple(edge) for edge in undirected.edges]
    present = {frozenset(edge) for edge in edges}
    for first, second, turned in zip(
        chance.integers(len(edges), size=sweeps * len(edges)),
        chance.integers(len(edges), size=sweeps * len(edges)),
        chance.random(sweeps * len(edges)) < 0.5,
        strict=True,
    ):
        (a, b), (c, d) = edges[first], edges[second][::-1] if turned else edges[second]
        new = frozenset((a, d)), frozenset((c, b))
        if len({a, b, c, d}) < 4 or new[0] in present or new[1] in present:
            continue
        present -= {frozenset((a, b)), frozenset((c, d))}
        present |= set(new)
        edges[first], edges[second] = (a, d), (c, b)
    made = nx.Graph()
    made.add_nodes_from(undirected)
    made.add_edges_from(edges)
    return made
