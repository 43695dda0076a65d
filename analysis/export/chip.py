"""The chip of a run for other tools: a folder of CSV, JSON, safetensors and NumPy. ``FILES`` is its schema.

A wire has a number on its side: where it enters a neuron tile, that of its crossbar row on this side, so that row =
neurons_per_tile + side * wires + wire with sides N, E, S, W; elsewhere its place among the wires in use there, and
both ends of a wire have the same. A side of a routing tile with dead wires has numbers of its own, those of the fault
map, so that the ends of a wire may have two; each wire has one source.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

import smalti
from smalti.agents.expert import Expert
from smalti.analysis.export.places import Segment, faults_of, segments, wires_of
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run
from smalti.model.chip.fabric import SIDES
from smalti.model.chip.links import side_of_row
from smalti.model.gating.networks.staged import on_chip
from smalti.model.kinds import STEP_MS
from smalti.scheduler.records.atomic import scratch
from smalti.scheduler.simulation import Simulation

VERSION = 1  # of the schema
FILES = {
    "chip.json": {
        "geometry": "tiles, slots, wires, and tiles and routing tiles that are left out",
        "faults": "what is dead and acts, as a file for faults.map, and whether the mapper knew; null where nothing is",
        "neuron": "equation and constants of neurons",
    },
    "placement.csv": {
        "neuron": "id, as in the table neurons",
        "tile": "row * cols + col of its neuron tile",
        "column": "column of its crossbar",
        "kind": "hidden or output",
        "task": "task that it was born for",
        "leak": "share of its membrane that is left after a step",
    },
    "links.csv": {
        "source": "neuron id; for kind input the input channel",
        "kind": "local (within a tile), routed or input",
        "from_tile": "tile of the source; empty for inputs",
        "tile": "tile that it enters",
        "row": "crossbar row that it drives",
        "side": "side by which it enters: N, E, S, W, or local",
        "hops": "routing tiles crossed",
        "path": "these routing tiles, each grid_row * grid_cols + grid_col, in order, with blanks between",
    },
    "switches.csv": {
        "grid_row": "row of the routing tile in the grid of all tiles",
        "grid_col": "column of the routing tile there",
        "router": "r1 (on an edge) or r0 (at a corner)",
        "kind": "routed or input, as in links.csv",
        "source": "whose spikes are switched, as in links.csv",
        "from_side": "side by which they come",
        "from_wire": "number of the wire there",
        "to_side": "side by which they leave",
        "to_wire": "number of the wire there",
    },
    "weights.safetensors": {
        "weight": "[tiles, rows, columns] float: weight that every crosspoint is to be programmed to",
        "mask": "[tiles, rows, columns] 1 where a crosspoint is in use",
        "source": "[tiles, rows] slot (tile * columns + column) or slots + channel that drives a row; -1: free",
    },
    "weights.npz": {"weight, mask, source": "the same for NumPy"},
}
"""Files, and what is in them: columns of tables, arrays, sections."""


def export_chip(run: Run, out: Path) -> dict[str, int]:
    """Write the chip of a run into a new folder, whole or not at all; how many rows each table has.

    Args:
        run: the run, of which one round at least is finished.
        out: the folder, which does not exist.

    Raises:
        ValueError: the run has no checkpoint, or cannot be rebuilt.
    """
    simulation = restored(run)
    tables = {
        "placement.csv": list(_placement(simulation)),
        "links.csv": list(_links(simulation)),
        "switches.csv": list(_switches(simulation)),
    }
    arrays, building, buffer = _arrays(simulation), scratch(out), io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    contents: dict[str, bytes] = {
        "chip.json": (json.dumps(_facts(run, simulation), indent=2) + "\n").encode(),
        **{name: _csv(name, rows) for name, rows in tables.items()},
        "weights.safetensors": save(arrays),
        "weights.npz": buffer.getvalue(),
    }
    try:
        building.mkdir()
        for name, content in contents.items():
            (building / name).write_bytes(content)
        os.rename(building, out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return {name: len(rows) for name, rows in tables.items()}


def _facts(run: Run, simulation: Simulation) -> dict[str, Any]:
    options, network = simulation.fabric.options, simulation.network.options
    return {
        "schema": VERSION,
        "smalti": smalti.__version__,
        "run": run.path.absolute().name,
        "geometry": {
            "rows": options.rows,
            "cols": options.cols,
            "grid_rows": simulation.fabric.grid_rows,
            "grid_cols": simulation.fabric.grid_cols,
            "neurons_per_tile": options.neurons_per_tile,
            "wires": options.wires,
            "corner_wires": options.corner_wires,
            "inputs": options.inputs,
            "channels": simulation.network.channels,
            "dead_tiles": [list(place) for place in options.dead_tiles],
            "dead_routers": [list(place) for place in options.dead_routers],
        },
        "faults": faults_of(simulation.network),
        "neuron": {
            "equation": "V[t] = leak V[t-1] - reset(S[t-1]) + I[t], S[t] = 1 where V[t] >= threshold; inputs arrive in "
            "their step, spikes of neurons one later",
            "dt_ms": STEP_MS,
            "threshold": network.threshold,
            "reset": network.reset,
            "outputs_fire": network.readout == "spike_count",
            "readout": network.readout,
        },
        "experts": [
            {
                "number": e.number,
                "classes": list(e.classes),
                "outputs": [_neuron(simulation, s) for s in e.outputs],
                **_path(simulation, e),
            }
            for e in simulation.gating.experts
        ],
        **_gate(simulation),
        "files": FILES,
    }


def _path(simulation: Simulation, expert: Expert) -> dict[str, Any]:
    """Of a combination of parts, the hidden neurons that run, for the relay hears others as well."""
    if not expert.path:
        return {}
    north, south = expert.path
    runs = simulation.gating.levels.on((north, south))
    return {"north": north, "south": south, "runs": [_neuron(simulation, slot) for slot in runs]}


def _gate(simulation: Simulation) -> dict[str, Any]:
    """Columns of the gating network and what their sums lack to be log densities, where it stands on the chip."""
    chip = on_chip(simulation.gating.gate)
    if chip is None:
        return {}
    columns = [
        {"neuron": _neuron(simulation, one.slot), "class": one.label, "centre": one.centre, "window": one.window}
        for one in chip.columns
    ]
    offsets = [
        {"class": label, "centre": centre, "offset": offset}
        for (label, centre), offset in zip(chip.discriminants, chip.offsets.tolist(), strict=True)
    ]
    return {"gate": {"windows": chip.windows, "gain": chip.gain, "columns": columns, "offsets": offsets}}


def _placement(simulation: Simulation) -> Iterator[list[object]]:
    leak = simulation.network.state.constants(simulation.network.options)[0].tolist()
    for row in simulation.registry.neurons:
        if row["retired_round"] is None:
            slot = int(str(row["slot"]))
            tile, column = divmod(slot, simulation.fabric.slots)
            yield [row["neuron"], tile, column, row["kind"], row["task"], leak[slot]]


def _links(simulation: Simulation) -> Iterator[list[object]]:
    links, fabric = simulation.network.links, simulation.fabric
    for (source, tile), row in sorted(links.rows.items()):
        path, kind = links.paths[source, tile], links.kind(source, tile)
        start = "" if kind == "input" else fabric.tile_of_slot(source)
        cells = " ".join(map(str, path.cells))
        yield [_named(simulation, source), kind, start, tile, row, side_of_row(fabric, row), path.hops, cells]


def _switches(simulation: Simulation) -> Iterator[list[object]]:
    """Settings of the routing tiles, each once, by their place."""
    fabric, links = simulation.fabric, simulation.network.links
    wires, found = wires_of(fabric, links), set[tuple[int, int, Segment, Segment]]()
    for (source, tile), path in links.paths.items():
        way = segments(links.kind(source, tile), path)
        found |= {(cell, source, a, b) for cell, a, b in zip(path.cells, way[:-1], way[1:], strict=True)}
    for cell, source, arrives, leaves in sorted(found):
        place, kind = divmod(cell, fabric.grid_cols), "input" if source >= fabric.neurons else "routed"
        ends = wires[arrives, source].entering, wires[leaves, source].leaving
        sides = [arrives.side_in, ends[0], leaves.side_out, ends[1]]
        named = [SIDES[side] if k % 2 == 0 else side for k, side in enumerate(sides)]
        yield [*place, fabric.kind(cell), kind, _named(simulation, source), *named]


def _named(simulation: Simulation, source: int) -> int:
    """Id of a neuron, or number of a channel."""
    neurons = simulation.fabric.neurons
    return source - neurons if source >= neurons else _neuron(simulation, source)


def _neuron(simulation: Simulation, slot: int) -> int:
    return int(simulation.registry.id_of_slot[slot])


def _arrays(simulation: Simulation) -> dict[str, NDArray[Any]]:
    state = simulation.network.state
    return {
        "weight": state.weight.detach().cpu().numpy(),
        "mask": state.mask.cpu().numpy().astype(np.uint8),
        "source": state.source.numpy(),
    }


def _csv(name: str, rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FILES[name])
    writer.writerows(rows)
    return text.getvalue().encode()
