"""The wiring of a run as a graph file: GraphML, or the DOT language of Graphviz.

Nodes are living neurons (n17) and input channels (i3); edges are devices in use, with weight and hops.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch

from smalti.analysis.chip.structure import graph as wiring
from smalti.analysis.export.population import who_runs
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.scheduler.records.atomic import write_bytes_atomic
from smalti.scheduler.simulation import Simulation

DOT = (".dot", ".gv")
ENDINGS = (".graphml", *DOT)
SHAPES = {"input": "triangle", "hidden": "circle", "output": "box"}


def export_graph(run: Run, out: Path, expert: int | None = None) -> nx.DiGraph:
    """Write the wiring of a run, or of what runs when one expert is asked; what was written.

    Args:
        run: the run, of which one round at least is finished.
        out: the file; its name ends with .graphml, .dot or .gv.
        expert: number of the expert; None for all.

    Raises:
        ValueError: another ending, no such expert, or no checkpoint.
    """
    if out.suffix not in ENDINGS:
        raise ValueError(f"{out} ends with {out.suffix or 'nothing'}; give a name that ends with {', '.join(ENDINGS)}")
    network = graph_with_inputs(run, restored(run), expert)
    text = dot(network) if out.suffix in DOT else graphml(network)
    write_bytes_atomic(out, text.encode())
    return network


def graph_with_inputs(run: Run, simulation: Simulation, expert: int | None = None) -> nx.DiGraph:
    """``analysis.chip.structure.graph`` with input channels and their devices, under names that no neuron shares."""
    network = nx.relabel_nodes(wiring(run), lambda neuron: f"n{neuron}")
    fabric, state = simulation.fabric, simulation.network.state
    name_at = {facts["tile"] * fabric.slots + facts["slot"]: name for name, facts in network.nodes.items()}
    weight, paths = state.weight.detach().cpu().numpy(), simulation.network.links.paths
    for tile, row, column in torch.nonzero(state.mask).tolist():
        source = int(state.source[tile, row])
        if source >= fabric.neurons:
            channel = f"i{source - fabric.neurons}"
            network.add_node(channel, kind="input")
            facts = {"weight": float(weight[tile, row, column]), "hops": paths[source, tile].hops, "kind": "input"}
            network.add_edge(channel, name_at[tile * fabric.slots + column], **facts)
    runs = {name_at[slot] for slot in np.flatnonzero(who_runs(simulation, expert).numpy()).tolist()}
    heard = {a for a, b in network.edges if a.startswith("i") and b in runs}
    part: nx.DiGraph = network.subgraph(runs | heard).copy()
    return part


def graphml(network: nx.DiGraph) -> str:
    """The graph as GraphML."""
    file = io.BytesIO()
    nx.write_graphml(network, file)
    return file.getvalue().decode()


def dot(network: nx.DiGraph) -> str:
    """The graph in the DOT language, a cluster a tile; edges that inhibit end in a T."""
    lines, tiles = ["digraph net {", "  rankdir = TB"], dict[int, list[str]]()
    for name, facts in network.nodes.items():
        attributes = _said({"shape": SHAPES[facts["kind"]], **facts})
        tiles.setdefault(facts.get("tile", -1), []).append(f"{name} [{attributes}]")
    for tile, nodes in sorted(tiles.items()):
        inside = [f"    {node}" for node in nodes]
        name = "inputs" if tile < 0 else f"tile_{tile}"
        lines += [f"  subgraph cluster_{name} {{", f'    label = "{name.replace("_", " ")}"', *inside, "  }"]
    for a, b, facts in network.edges(data=True):
        head = "tee" if facts["weight"] < 0 else "normal"
        lines.append(f"  {a} -> {b} [{_said({'arrowhead': head, **facts})}]")
    return "\n".join([*lines, "}", ""])


def _said(facts: Mapping[str, Any]) -> str:
    """Attributes as DOT has them; text is quoted."""
    quoted = {name: str(value).replace("\\", "\\\\").replace('"', '\\"') for name, value in facts.items()}
    return ", ".join(f'{name} = "{value}"' for name, value in quoted.items())
