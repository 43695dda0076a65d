"""A run that begins with a net which was trained elsewhere: its folder, before the first round.

The net is one expert that serves all classes; `smalti resume` trains it on, and lets it grow.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from smalti.agents.expert import output_tiles
from smalti.model.grafting.graft import Birth, graft
from smalti.model.kinds import NO_KIND, Cell, time_constant
from smalti.model.mapping.net import Net
from smalti.model.mapping.routing import Mapped
from smalti.model.mapping.site import Site
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.writer import TableWriter
from smalti.scheduler.runner import created, save
from smalti.scheduler.simulation import Simulation

RULE = "mapped"  # that bore its neurons, in the table
BEFORE = -1  # the round of their birth: before the first


def fitting(config: Config, net: Net, outputs: NDArray[np.int64], readout: str) -> Config:
    """The configuration of a run with such neurons, and one expert for all classes.

    Raises:
        ValueError: the net cannot be such neurons.
    """
    of_outputs, hidden = net.leak[outputs], np.delete(net.leak, outputs)
    if len(np.unique(of_outputs)) > 1:
        raise ValueError("the output units of the net have several time constants, and those of a chip have one")
    if readout != "spike_count" and net.fires[outputs].any():
        raise ValueError(f"the output units of the net fire, and {readout} reads units that do not")
    network = replace(
        config.network,
        reset="hard" if net.hard else "soft",
        tau_ms=time_constant(float(np.median(hidden))) if len(hidden) else config.network.tau_ms,
        output_tau_ms=time_constant(float(of_outputs[0])),
        threshold=1.0,
        readout=cast(Any, readout),  # refused there if it is none
        kinds={},
    )
    return replace(config, network=network, gating=replace(config.gating, experts="shared"))


def ground(simulation: Simulation, outputs: int) -> tuple[int, Site]:
    """The tile for so many output units, and what of the chip a net may take, as its faults have left it.

    Raises:
        ValueError: no south tile has room for the output units.
    """
    network, fabric = simulation.network, simulation.fabric
    free = network.free_slots()
    homes = output_tiles(fabric, 0, free, outputs)
    if not homes:
        most = max(len(free[tile]) for tile in fabric.south_tiles)
        raise ValueError(
            f"{outputs} output units do not fit a south tile of this chip, of which none has more than {most} free "
            "slots: give fabric.neurons_per_tile more"
        )
    return homes[0], Site(network.links, free)


def planted(simulation: Simulation, net: Net, outputs: NDArray[np.int64], mapped: Mapped) -> None:
    """Bring a net to life on the chip of a simulation that has played no round.

    Args:
        simulation: of a ``fitting`` configuration.
        net, outputs: as for ``model.mapping.routing.mapped``.
        mapped: where it stands, and which synapses it keeps.

    Raises:
        ValueError: the stream has other channels or classes.
    """
    check(simulation, net, outputs)
    network, stream, kept = simulation.network, simulation.stream, net.without(mapped.lost_inputs, mapped.lost)
    home = int(mapped.tiles[outputs[0]])
    expert = simulation.gating.add_expert(tuple(range(stream.classes)), len(outputs), home)
    assert list(expert.outputs) == mapped.slots[outputs].tolist()
    network.links.load_state_dict(mapped.links.state_dict())
    sources = np.concatenate([mapped.slots, network.fabric.neurons + np.arange(net.channels)])
    weights, none = np.concatenate([kept.recurrent, kept.fan_in], axis=1), torch.zeros(0, dtype=torch.int64)
    ends = set(outputs.tolist())
    for neuron, slot in enumerate(mapped.slots.tolist()):
        heard = np.flatnonzero(weights[neuron])
        birth = Birth(
            slot=slot,
            output=neuron in ends,
            sources=torch.from_numpy(sources[heard]),
            fan_in=torch.from_numpy(weights[neuron, heard]),
            targets=none,
            fan_out=none.double(),
            cell=None if neuron in ends else Cell(NO_KIND, float(net.leak[neuron])),
        )
        graft(network, birth, simulation.moments)
        simulation.registry.born(network, slot, RULE, 0, BEFORE)
    expert.neurons = [slot for neuron, slot in enumerate(mapped.slots.tolist()) if neuron not in ends]
    simulation.registry.follow(network.links, BEFORE)


def check(simulation: Simulation, net: Net, outputs: NDArray[np.int64]) -> None:
    """Whether the data of a simulation are for a net.

    Raises:
        ValueError: they have other channels or classes, with both numbers.
    """
    stream = simulation.stream
    wanted = stream.outputs_for(tuple(range(stream.classes)))
    if stream.channels != net.channels:
        raise ValueError(
            f"the net has {net.channels} input channels and the stream {stream.name} gives {stream.channels}: name its "
            "data in the configuration (stream.name, stream.pool), and give fabric.wires that it is not pooled"
        )
    if wanted != len(outputs):
        raise ValueError(
            f"the net has {len(outputs)} output units and the stream {stream.name} wants {wanted}: name its data in "
            "the configuration (stream.name)"
        )


def written(simulation: Simulation, out: Path) -> RunFolder:
    """The folder of a run that has played no round, with a checkpoint; whole or not at all."""
    folder = created(simulation, out)
    try:
        save(simulation, folder, TableWriter(folder), dump(simulation.config))
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return folder
