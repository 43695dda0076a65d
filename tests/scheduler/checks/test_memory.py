"""What is too large for any machine is refused before it is built, by the field that makes it so."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from smalti.model import memory
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.state import device_bytes
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fabric.rows": 10_000, "fabric.cols": 10_000}, r"a chip of 10,000 x 10,000 tiles, .* lower fabric\.rows"),
        ({"fabric.rows": 4000, "fabric.cols": 4000, "fabric.wires": 4}, r"a chip of 4,000 x 4,000 tiles, "),
        (
            {"fabric.neurons_per_tile": 10_000, "fabric.wires": 10_000, "fabric.cols": 100},
            r"10,000 neurons and 10,000 wires a side each, would take at least .* lower .*fabric\.wires",
        ),
        (
            {"stream.transform": "permuted", "stream.setting": "domain", "stream.tasks": 1_000_000},
            r"1,000,000 copies of 1,797 samples would take at least .* lower stream\.tasks",
        ),
        (
            {"stream.steps": 1_000_000},
            r"(samples would take|input spikes of) .* 1,?000,?000 time steps.* stream\.steps",
        ),
        (
            {"stream.steps": 1000, "gating.windows": 1000, "gating.network": "lda", "fabric.wires": 20},
            r"gating\.network = 'lda' with 64,000 features .* lower gating\.windows",
        ),
        (
            {"stream.steps": 1000, "gating.windows": 1000, "gating.network": "staged", "fabric.wires": 20},
            r"gating\.network = 'staged' with 64,000 features .* lower gating\.windows",
        ),
        (
            {"network.engine": "dense", "fabric.neurons_per_tile": 256, "stream.steps": 20_000},
            r"a run of 3,072 neurons over .* lower stream\.steps",
        ),
    ],
)
def test_what_no_machine_holds(options: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device=None: 16 * 10**9)
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        Simulation(configure(options))
    assert time.perf_counter() - begin < 5


def test_a_chip_alone_is_refused_too() -> None:
    with pytest.raises(ValueError, match=r"10,000 tiles would take at least 8\.15 TB"):
        Fabric(FabricOptions(rows=10_000, cols=10_000, neurons_per_tile=10_000))


def test_the_estimate_of_the_devices_is_what_they_take() -> None:
    fabric, options = Fabric(FabricOptions(rows=2, cols=3)), NetworkOptions(engine="dense")
    network = Network(fabric, 8, options)
    state, moments = network.state, Moments.fresh(network.state.weight)
    held = [state.weight, state.weight, state.mask, state.frozen, state.stage]  # the weight again: its gradient
    held += [moments.first, moments.second, moments.count]
    held.append(network.memristors.wear.counts)
    held.append(state.mask.long())  # as torch counts what is in use
    assert device_bytes(options) * fabric.options.devices == sum(one.nbytes for one in held)
    assert network.links.source.nbytes + 3 * fabric.capacity.nbytes < fabric.options.host_bytes


def test_estimates_never_refuse_what_ran(tiny: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device=None: 2_000_000)
    Simulation(tiny())


def test_capacities_are_those_of_every_cell() -> None:
    options = FabricOptions(rows=3, cols=2, wires=5, corner_wires=2, dead_tiles=((1, 1),), dead_routers=((0, 0),))
    fabric = Fabric(options)
    limits = {"tile": 5, "r1": 5, "r0": 2}
    by_hand = [0 if cell in fabric.dead_cells else limits[fabric.kind(cell)] for cell in range(fabric.cells)]
    assert fabric.capacity.tolist() == np.repeat(by_hand, 8).tolist()
