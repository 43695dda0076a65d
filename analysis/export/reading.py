"""Somebody else's NIR graph as a net for a chip: what of it a chip can be, and what it cannot.

Neurons are nodes LIF (hard reset), or LI and Threshold (soft reset, by a synapse of each neuron onto itself; without
one there is none). Nodes LI that no Threshold follows are output units. Linear and Affine nodes without a bias lie
between them, several in a row are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.analysis.export import nir
from smalti.model.mapping.net import Net

WIRING = ("Linear", "Affine")
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """A net, and what a chip does otherwise than the graph."""

    net: Net
    outputs: NDArray[np.int64]  # [O] its output units
    readout: str  # membrane_mean, or spike_count
    notes: list[str]


@dataclass(frozen=True)
class _Group:
    """Neurons of one node."""

    name: str  # of the node that hears
    fires: str  # of the node whose spikes others hear; empty for output units
    first: int  # place of the first of them among all
    tau: Matrix
    gain: Matrix  # r
    threshold: Matrix

    @property
    def places(self) -> slice:
        return slice(self.first, self.first + len(self.tau))


def read_net(path: Path, outputs: int | None = None, dt: float | None = None) -> Read:
    """The net of a NIR file.

    Args:
        path: the file.
        outputs: how many of the last neurons are output units, where the file does not say.
        dt: length of a step in seconds, where the file does not say; else 0.001.

    Raises:
        ValueError: what a chip cannot be, with the node.
    """
    graph = nir.read(path)
    facts = graph.metadata
    step = _step(path, facts, dt)
    groups = _groups(graph, path)
    size = sum(len(group.tau) for group in groups)
    entry = _only(path, "inputs", list(graph.inputs))
    channels = int(np.prod(graph.nodes[entry].input_type["input"]))
    leak = 1 - step / np.concatenate([group.tau for group in groups])
    if (leak < 0).any():
        raise ValueError(f"{path}: some time constants are shorter than a step of {step} s; give --dt less")
    gain = np.concatenate([group.gain for group in groups]) * (1 - leak)
    threshold = np.concatenate([group.threshold for group in groups])
    fan_in, back = np.zeros((size, channels)), np.zeros((size, size))
    start = {entry: (fan_in, slice(None)), **{g.fires: (back, g.places) for g in groups if g.fires}}
    at = {group.name: group for group in groups}
    for source, (matrix, columns) in start.items():
        for name, weight in _ways(graph, path, source, at):
            matrix[at[name].places, columns] += np.eye(matrix[:, columns].shape[1]) if weight is None else weight
    soft = any(type(graph.nodes[g.name]).__name__ == "LI" and g.fires for g in groups)
    fan_in, back, fires = (
        fan_in * gain[:, None],
        back * gain[:, None],
        np.array([g.fires != "" for g in groups for _ in g.tau]),
    )
    scale = _numbers(path, "membrane_scale", facts.get("membrane_scale", np.ones(size)))
    if scale.shape != (size,):
        raise ValueError(f"{path}: membrane_scale has {scale.size} values for {size} neurons; write the file anew")
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(f"{path}: a membrane_scale is no number above 0; write the file anew")
    fires = fires & (scale == 1)
    if soft:
        back = back + np.diag(np.where(fires, threshold, 0))
    ends, readout, notes = _outputs(graph, path, groups, outputs, fires, size)
    factor = (scale / threshold)[:, None]
    net = Net(
        fan_in=(fan_in * factor).astype(np.float32),
        recurrent=_cleaned(back * factor).astype(np.float32),
        leak=leak.astype(np.float32),
        threshold=np.ones(size, dtype=np.float32),
        fires=fires,
        hard=not soft,
    )
    return Read(net, ends, str(facts.get("readout", readout)), notes)


def _step(path: Path, facts: Mapping[str, Any], dt: float | None) -> float:
    """Seconds of a time step: those given, or those of the file."""
    told = _numbers(path, "dt", facts.get("dt", nir.DT))
    if dt is None and told.size != 1:
        raise ValueError(f"{path}: dt has {told.size} values; say how long a step is: --dt 0.001")
    step = float(told.item() if dt is None else dt)
    if not 0 < step < np.inf:
        whose = f"{path}: its" if dt is None else "the"
        raise ValueError(f"{whose} dt = {step} s is no length of a time step; say how long one is: --dt 0.001")
    return step


def _numbers(path: Path, name: str, values: object) -> Matrix:
    """Metadata that are numbers, flat."""
    try:
        return np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise ValueError(f"{path}: {name} of its metadata holds what is no number; write the file anew") from None


def _named(path: Path, ends: Matrix, size: int) -> NDArray[np.int64]:
    """Output units that metadata name, which others must be left beside."""
    if not (np.isin(ends, np.arange(size))).all():
        raise ValueError(f"{path}: outputs names neurons that are not among its {size}; write the file anew")
    if len(np.unique(ends)) < len(ends):
        raise ValueError(f"{path}: outputs names a neuron twice; write the file anew")
    if not 0 < len(ends) < size:
        raise ValueError(
            f"{path}: outputs names {len(ends)} of its {size} neurons; name one or more, and leave some beside"
        )
    return ends.astype(np.int64)


def _groups(graph: Any, path: Path) -> list[_Group]:
    """Neurons of the graph, node by node."""
    groups, first, soft, hard = list[_Group](), 0, 0, 0
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind in ("Input", "Output", *WIRING) or (kind == "Threshold" and _hears_li(graph, name)):
            continue
        if kind not in ("LI", "LIF"):
            raise ValueError(f"{path}: node {name} is of kind {kind}; a chip takes LIF, LI, Threshold, Linear, Affine")
        if np.any(node.v_leak != 0) or (kind == "LIF" and np.any(node.v_reset != 0)):
            raise ValueError(f"{path}: node {name} rests or is reset at another membrane than 0; shift it to 0")
        after = [b for a, b in graph.edges if a == name and type(graph.nodes[b]).__name__ == "Threshold"]
        if kind == "LIF":
            fires, threshold, hard = name, node.v_threshold, hard + 1
        elif after:
            fires, threshold, soft = after[0], graph.nodes[after[0]].threshold, soft + 1
        else:
            fires, threshold = "", np.ones_like(node.tau)
        if not np.all(np.isfinite(node.tau)) or not np.all(np.isfinite(node.r)) or np.any(node.tau <= 0):
            raise ValueError(f"{path}: tau or r of node {name} is no number above 0; write the file anew")
        if not np.all(np.asarray(threshold) > 0):
            raise ValueError(f"{path}: a threshold of node {name} is not above 0; its neurons would fire for ever")
        flat = [np.asarray(values, dtype=np.float64).ravel() for values in (node.tau, node.r, threshold)]
        groups.append(_Group(name, fires, first, *flat))
        first += flat[0].size
    if not any(group.fires for group in groups):
        raise ValueError(f"{path} has no spiking neurons (LIF, or LI and Threshold); give a spiking net")
    if soft and hard:
        raise ValueError(f"{path} has LIF and LI with Threshold; neurons of a chip are all reset in one way")
    return groups


def _hears_li(graph: Any, name: str) -> bool:
    return all(type(graph.nodes[a]).__name__ == "LI" for a, b in graph.edges if b == name)


def _ways(graph: Any, path: Path, source: str, ends: dict[str, _Group]) -> Iterator[tuple[str, Matrix | None]]:
    """Groups that hear a node, each with the matrix on the way, or None where nothing lies on it."""
    left: list[tuple[str, Matrix | None, int]] = [(b, None, 0) for a, b in graph.edges if a == source]
    while left:
        name, weight, length = left.pop()
        node = graph.nodes[name]
        if name in ends:
            yield name, weight
            continue
        if type(node).__name__ not in WIRING:
            continue  # an output, or the threshold of the group itself
        if length > len(graph.nodes):
            raise ValueError(f"{path}: node {name} leads back to itself without a neuron between")
        if np.any(getattr(node, "bias", 0)):
            raise ValueError(f"{path}: node {name} has a bias, and a chip has no current that comes from nowhere")
        own = np.asarray(node.weight, dtype=np.float64)
        if not np.isfinite(own).all():
            raise ValueError(f"{path}: node {name} has weights that are no numbers; write the file anew")
        whole = own if weight is None else own @ weight
        left += [(b, whole, length + 1) for a, b in graph.edges if a == name]


def _outputs(
    graph: Any, path: Path, groups: list[_Group], asked: int | None, fires: NDArray[np.bool_], size: int
) -> tuple[NDArray[np.int64], str, list[str]]:
    """Output units, how they are read, and what a chip does otherwise."""
    notes = []
    spiking = [group for group in groups if group.fires]
    if len(groups) > 1:
        notes.append("spikes of one node reach the next one step later on a chip: answers come as many steps later")
    if "outputs" in graph.metadata:
        return _named(path, _numbers(path, "outputs", graph.metadata["outputs"]), size), "membrane_mean", notes
    silent = [np.arange(size)[group.places] for group in groups if not group.fires]
    if asked is not None:
        if not 0 < asked < size:
            raise ValueError(f"outputs = {asked} must be between 1 and {size - 1}, for the net has {size} neurons")
        return np.arange(size - asked, size), "spike_count", notes
    if silent:
        return np.concatenate(silent), "membrane_mean", notes
    last = {a for a, b in graph.edges if b in graph.outputs} & {group.fires for group in spiking}
    leads = {a for a, b in graph.edges if b not in graph.outputs}
    ends_of = [group for group in spiking if group.fires in last - leads]
    if not ends_of or len(spiking) == 1:
        raise ValueError(
            f"{path} does not say which neurons are its output units; say how many of the last: --outputs 10"
        )
    return np.concatenate([np.arange(size)[group.places] for group in ends_of]), "spike_count", notes


def _cleaned(back: Matrix) -> Matrix:
    """Without what rounding left of the resets that were taken out of the diagonal."""
    own = np.diag(back).copy()
    np.fill_diagonal(back, np.where(np.abs(own) < 1e-5, 0, own))
    return back


def _only(path: Path, what: str, names: list[str]) -> str:
    if len(names) != 1:
        raise ValueError(f"{path} has {len(names)} {what}; give a graph with one")
    return names[0]
