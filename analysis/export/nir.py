"""Nets as NIR files (Pedersen et al. 2024, Nat. Commun. 15:8122; extra ``nir``, format 1.0), and NIR files as nets.

Two forms, both with one population and an edge back into it, which delivers one step later, as spikes do here:

    lif      input -> fan_in -> LIF -> output,                LIF -> recurrence -> LIF
    exact    input -> fan_in -> LI -> Threshold -> output,    Threshold -> recurrence -> LI

Importers step a membrane as v += dt / tau (v_leak - v + r i). With tau = dt / (1 - a), r = 1 and weights that are
divided by 1 - a, that is a v + w. A hard reset is the LIF's own; a soft one is a synapse of weight -theta of every
neuron onto itself, for which ``exact`` has the Threshold apart. Output units are neurons whose weights are divided by
``membrane_scale``, so that they never reach the threshold that all share.

A file has one Linear for the inputs and one for the recurrence: between populations of tiles some edges would be
stepped in the order of the graph and arrive at once.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from smalti.model.kinds import STEP_MS
from smalti.model.mapping.net import Net
from smalti.scheduler.records.atomic import write_bytes_atomic

DT = STEP_MS / 1000  # seconds
SILENT = 2.0**20  # what the weights of output units that never fire are divided by
Form = Literal["lif", "exact"]
NODES: dict[Form, tuple[str, ...]] = {"lif": ("neurons",), "exact": ("neurons", "threshold")}


def package() -> Any:
    """The package nir.

    Raises:
        ValueError: it is not installed, with how to install it.
    """
    try:
        return import_module("nir")
    except ImportError as error:
        raise ValueError(f'NIR files need the package nir ({error}): pip install "smalti[nir]"') from None


def exact_form(net: Net) -> Form:
    """The form in which a net keeps all of its spikes."""
    return "lif" if net.hard else "exact"


def graph_of(net: Net, form: Form, facts: Mapping[str, Any]) -> Any:
    """A net as a NIRGraph.

    Args:
        net: the net.
        form: lif or exact.
        facts: metadata beside those of the form; what is empty is left out.

    Raises:
        ValueError: a hard reset in the form ``exact``, which has none.
    """
    if form == "exact" and net.hard:
        raise ValueError("the form exact is that of soft resets, and this net has hard ones: give --form lif")
    nir, kind = package(), net.leak.dtype
    scale = np.where(net.fires, 1.0, SILENT)
    gain = (1 / ((1 - net.leak.astype(np.float64)) * scale))[:, None]
    back = net.recurrent.astype(np.float64)
    if form == "exact":
        back = back - np.diag(np.where(net.fires, net.threshold, 0.0))
    ones = np.ones(net.neurons, dtype=kind)
    cell = {"tau": (DT / (1 - net.leak.astype(np.float64))).astype(kind), "r": ones, "v_leak": 0 * ones}
    theta = net.threshold.astype(kind)
    nodes = {
        "input": nir.Input({"input": np.array([net.channels])}),
        "fan_in": nir.Linear((net.fan_in * gain).astype(kind)),
        "neurons": nir.LI(**cell) if form == "exact" else nir.LIF(**cell, v_threshold=theta, v_reset=0 * ones),
        **({"threshold": nir.Threshold(theta)} if form == "exact" else {}),
        "recurrence": nir.Linear((back * gain).astype(kind)),
        "output": nir.Output({"output": np.array([net.neurons])}),
    }
    fires = NODES[form][-1]
    edges = [("input", "fan_in"), ("fan_in", "neurons"), ("recurrence", "neurons"), (fires, "recurrence")]
    edges += [(fires, "output"), *([("neurons", "threshold")] if form == "exact" else [])]
    own = {"dt": DT, "form": form, "reset": "hard" if net.hard else "soft", "membrane_scale": scale.astype(kind)}
    told = {name: value for name, value in {**facts, **own}.items() if np.size(value)}
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=told)


def write(path: Path, graph: Any) -> None:
    """Write a NIRGraph, whole or not at all."""
    file = io.BytesIO()
    package().write(file, graph)
    write_bytes_atomic(path, file.getbuffer())


def write_spikes(path: Path, form: Form, x: NDArray[Any], spikes: NDArray[np.bool_]) -> None:
    """Write samples and what the net does, as ``data_ir``: observable ``spikes`` of the input and of who fires.

    Args:
        path: the file; nir.read_data reads it.
        form: of the graph.
        x: input spikes [B, T, I].
        spikes: of the neurons [B, T, P].
    """
    nir = package()
    parts = {"input": x.astype(np.bool_), NODES[form][-1]: spikes}
    nodes = {
        name: nir.NIRNodeData({"spikes": nir.TimeGriddedData(np.ascontiguousarray(data), DT)})
        for name, data in parts.items()
    }
    file = io.BytesIO()
    nir.write_data(file, nir.NIRGraphData(nodes))
    write_bytes_atomic(path, file.getbuffer())


def read(path: Path) -> Any:
    """The NIRGraph of a file.

    Raises:
        ValueError: there is no such file, or it holds none.
    """
    nir = package()
    if not path.is_file():
        raise ValueError(f"{path} is no file; give one that NIR wrote")
    try:
        return nir.read(path)
    except Exception as error:  # h5py and nir raise whatever a damaged file leads them to
        what = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} cannot be read as NIR ({what}); write it anew with the tool that made it") from error
