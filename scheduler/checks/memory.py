"""What a simulation takes of memory, told before it is built: too large a chip, or too much data, is refused at once.

Every number here is a lower bound: what is certain to be held at the same time. The training part of an experience is
drawn all at once, and beside it the part that is asked in an evaluation.
"""

from __future__ import annotations

import torch

from smalti.model.chip.fabric import Fabric
from smalti.model.gating import GatingOptions
from smalti.model.gating.densities.scatter import scatter_values
from smalti.model.gating.running import resolved
from smalti.model.memory import require
from smalti.model.state import device_bytes
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.streams import Stream

AGENT = 1000  # bytes of a tile agent
DOUBLE = 8  # bytes of a float64


def check_chip(config: Config) -> None:
    """Whether the chip of a configuration, and what its devices need to be trained, fits into memory.

    Raises:
        ValueError: it does not, with the estimate and what there is.
    """
    options = config.fabric
    what = f"a chip of {options.rows:,} x {options.cols:,} tiles, {options.neurons_per_tile:,} neurons and "
    what += f"{options.wires:,} wires a side each,"
    cure = "fabric.rows, fabric.cols, fabric.neurons_per_tile or fabric.wires"
    device, stored = torch.device(config.network.device), device_bytes(config.network) * options.devices
    books = options.host_bytes + AGENT * options.tiles
    if device.type == "cpu":
        require(stored + books, what, cure)
    else:
        require(books, what, cure)
        require(stored, what, cure, device)


def check_samples(config: Config, fabric: Fabric, stream: Stream) -> None:
    """Whether the spikes of a part of the data, and what a run of the network keeps of them, fit into memory.

    Raises:
        ValueError: they do not, with the estimate and what there is.
    """
    steps, channels, cure = stream.steps, stream.channels, "stream.steps or stream.limit"
    trials = config.stream.session
    samples = max(len(e.train) + max(len(e.validation), trials * len(e.test)) for e in stream.experiences)
    what = f"the input spikes of {samples:,} samples of {steps:,} time steps and {channels:,} channels"
    require(samples * steps * channels, what, cure)
    if config.network.engine == "dense":
        size = 8 if config.network.precision == "float64" else 4
        asked = max(max(len(e.validation), trials * len(e.test)) for e in stream.experiences)
        tape = size * asked * steps * (2 * fabric.neurons + channels)
        what = f"a run of {fabric.neurons:,} neurons over {asked:,} samples of {steps:,} time steps"
        require(tape, what, f"{cure}, or fabric.rows or fabric.cols", torch.device(config.network.device))
    _check_gate(config.gating, stream)


def _check_gate(options: GatingOptions, stream: Stream) -> None:
    """Whether what the gating network keeps of its features fits into memory."""
    features = resolved(options, stream.steps, stream.frames).windows * stream.channels
    kept = {"gaussian": stream.classes * scatter_values(features, options.rank), "lda": features**2}
    networks = options.stages.networks if options.network == "staged" else (options.network,)
    what = f"gating.network = {options.network!r} with {features:,} features"
    held = sum(kept.get(name, features) for name in networks)
    require(DOUBLE * held, what, "gating.windows, or take 'prototype'")
