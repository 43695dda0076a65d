"""A NIR graph stepped in numpy, node by node as the standard says: what a file that was written does.

    LIF, LI     v += dt / tau (v_leak - v + r i); a LIF fires where v >= v_threshold and is set to v_reset
    Threshold   fires where v >= threshold
    Linear      W i;   Affine  W i + b

A value goes along an edge in the step in which it was made, but along one that leads back one step later. Knows
nothing of chips.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def spikes_of(graph: Any, x: Values, dt: float) -> dict[str, Values]:
    """What every node of a graph gives for samples: name -> [B, T, size].

    Args:
        graph: a NIRGraph with one input.
        x: [B, T, I].
        dt: length of a step, in seconds.

    Raises:
        ValueError: a node of a kind that is not above.
    """
    order, (entry,) = _in_order(graph), graph.inputs
    kind = np.float64 if any(_wide(node) for node in graph.nodes.values()) else np.float32
    sizes = {name: int(np.prod(next(iter(node.output_type.values())))) for name, node in graph.nodes.items()}
    given = {name: np.zeros((len(x), x.shape[1], size), dtype=kind) for name, size in sizes.items()}
    given[entry] = x.astype(kind)
    steps = {name: _stepper(name, graph.nodes[name], dt) for name in order}
    sources: dict[str, list[tuple[str, int]]] = {name: [] for name in order}
    for source, target in graph.edges:
        sources[target].append((source, int(order.index(source) >= order.index(target))))
    for t in range(x.shape[1]):
        for name in order:
            if name != entry:
                arriving = [given[source][:, t - late] for source, late in sources[name] if t >= late]
                total = sum(arriving, np.zeros((len(x), _size_in(graph.nodes[name])), dtype=kind))
                given[name][:, t] = steps[name](total)
    return given


def _in_order(graph: Any) -> list[str]:
    """Nodes from the input on, each after one that it hears; what leads against this order leads back."""
    order = list(graph.inputs)
    for name in order:  # grows meanwhile
        order += dict.fromkeys(b for a, b in graph.edges if a == name and b not in order)
    return order


def _size_in(node: Any) -> int:
    return int(np.prod(next(iter(node.input_type.values()))))


def _wide(node: Any) -> bool:
    return any(isinstance(value, np.ndarray) and value.dtype == np.float64 for value in vars(node).values())


def _stepper(name: str, node: Any, dt: float) -> Callable[[Values], Values]:
    """A step of a node, which keeps its own membrane."""
    kind = type(node).__name__
    if kind in ("Input", "Output"):
        return lambda i: i
    if kind in ("Linear", "Affine"):
        bias = node.bias if kind == "Affine" else 0
        return lambda i: i @ node.weight.T + bias
    if kind == "Threshold":
        return lambda i: (i >= node.threshold).astype(i.dtype)
    if kind not in ("LI", "LIF"):
        raise ValueError(f"node {name} is of kind {kind}; only Linear, Affine, LI, LIF and Threshold can be stepped")
    membrane: list[Values] = []

    def step(i: Values) -> Values:
        v = membrane.pop() if membrane else np.zeros_like(i)
        v = v + (dt / node.tau).astype(i.dtype) * (node.v_leak - v + node.r * i)
        fired = (v >= node.v_threshold).astype(i.dtype) if kind == "LIF" else i
        membrane.append(np.where(fired > 0, node.v_reset, v).astype(i.dtype) if kind == "LIF" else v)
        return fired if kind == "LIF" else v

    return step
