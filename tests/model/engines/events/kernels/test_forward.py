"""The kernels on random chips, against the dense engine and against a plain loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricError, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions

pytest.importorskip("numba", reason="numba is not installed")


WORK = 300_000  # most membranes of an example: neurons x samples x steps
KINDS = ("bool", "uint8", "int64", "float32", "float64")


@dataclass(frozen=True)
class Case:
    """A random chip and a batch, in few numbers."""

    fabric: FabricOptions
    options: NetworkOptions
    channels: int
    density: float  # share of slots that hold a neuron
    reach: int  # tiles that a neuron asks to drive
    frozen: float  # share of devices that are frozen
    subset: bool  # only some neurons run
    gain: float
    kind: str  # type of the input
    batch: int
    steps: int
    seed: int


def pairs(rows: int, cols: int) -> Any:
    return st.lists(st.tuples(st.integers(0, rows - 1), st.integers(0, cols - 1)), max_size=2, unique=True).map(tuple)


@st.composite
def fabrics(draw: Any) -> FabricOptions:
    rows, cols = draw(st.sampled_from([2, 1, 3, 4])), draw(st.sampled_from([2, 1, 3, 4]))
    routers = pairs(2 * rows + 1, 2 * cols + 1)
    return FabricOptions(
        rows=rows,
        cols=cols,
        neurons_per_tile=draw(st.sampled_from([5, 1, 8]) | st.integers(9, 40)),
        wires=draw(st.integers(4, 12) | st.integers(1, 3)),
        corner_wires=draw(st.integers(0, 4)),
        dead_tiles=draw(pairs(rows, cols)) if rows * cols > 2 else (),
        dead_routers=tuple((row, col) for row, col in draw(routers) if not (row % 2 and col % 2)),
    )


def with_constants(reset_gradient: bool, surrogate_slope: float, **options: Any) -> NetworkOptions:
    """Options with other constants."""
    constants = {"reset_gradient": reset_gradient, "surrogate_slope": surrogate_slope}
    made: NetworkOptions = type("Changed", (NetworkOptions,), constants)(**options)
    return made


def neurons() -> Any:
    """Options of the network, in float64."""
    return st.builds(
        with_constants,
        engine=st.just("events"),
        precision=st.just("float64"),
        tau_ms=st.floats(2, 30),
        output_tau_ms=st.floats(2, 30),
        threshold=st.sampled_from([1.0, 0.7, 1.3]),
        reset=st.sampled_from(["soft", "hard"]),
        reset_gradient=st.booleans(),
        surrogate=st.sampled_from(["triangle", "fast_sigmoid"]),
        surrogate_width=st.sampled_from([1.0, 0.05]) | st.floats(0.1, 3),
        surrogate_height=st.floats(0.1, 1),
        surrogate_slope=st.floats(0.5, 20),
        readout=st.sampled_from(["membrane_mean", "membrane_max", "membrane_last", "spike_count"]),
    )


@st.composite
def cases(draw: Any) -> Case:
    fabric = draw(fabrics())
    slots = fabric.rows * fabric.cols * fabric.neurons_per_tile
    batch = draw(st.integers(1, 8) | st.integers(1, 70))
    return Case(
        fabric=fabric,
        options=draw(neurons()),
        channels=min(draw(st.sampled_from([6, 8, 1, 0])), fabric.wires),
        density=draw(st.sampled_from([1.0, 0.8, 0.3])),
        reach=draw(st.sampled_from([3, 6, 1, 0])),
        frozen=draw(st.sampled_from([0.0, 0.5, 0.97, 1.0])),
        subset=draw(st.booleans()),
        gain=draw(st.sampled_from([2.0, 1.0, 4.0])),
        kind=draw(st.sampled_from(KINDS)),
        batch=batch,
        steps=min(draw(st.sampled_from([12, 30, 2, 1])), max(1, WORK // (slots * batch))),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def populate(network: Network, case: Case, rng: np.random.Generator) -> None:
    """Neurons in some slots of living tiles, none in one tile in five; links, and devices in some places of them."""
    state, links, fabric = network.state, network.links, network.fabric
    living = np.isin(np.arange(fabric.tiles), fabric.live_tiles) & (rng.random(fabric.tiles) < 0.8)
    alive = np.repeat(living, fabric.slots) & (rng.random(fabric.neurons) < case.density)
    state.alive.copy_(torch.from_numpy(alive))
    state.output.copy_(torch.from_numpy(alive & (rng.random(fabric.neurons) < 0.2)))
    for slot in np.flatnonzero(alive).tolist():
        if rng.random() < 0.8:
            links.add_local(slot)
        for tile in rng.permutation(fabric.tiles)[: case.reach].tolist():
            offer = links.offer(slot, tile) if tile != fabric.tile_of_slot(slot) else None
            if isinstance(offer, Offer):
                links.lay(offer)
    used = (links.source >= 0)[:, :, None] & alive.reshape(fabric.tiles, 1, -1)
    used &= rng.random(used.shape) < rng.choice([0.9, 0.3])
    frozen = used & (rng.random(used.shape) < case.frozen)
    frozen |= used & (rng.random((fabric.tiles, 1, fabric.slots)) < 0.3) & (case.frozen > 0)
    crowd = max(1.0, used.sum(1).max() / 8)
    weight = rng.normal(0.15, 0.5, used.shape) * used * case.gain / crowd**0.5
    state.mask.copy_(torch.from_numpy(used))
    state.frozen.copy_(torch.from_numpy(frozen))
    with torch.no_grad():
        state.weight.copy_(torch.from_numpy(weight))


def draw_input(case: Case, rng: np.random.Generator) -> Tensor:
    """Spikes [B, T, I]; of numbers other than bool, some are neither 0 nor 1, and some floats are negative."""
    shape = case.batch, case.steps, case.channels
    here = torch.from_numpy(rng.random(shape) < rng.choice([0.05, 0.4]))
    if case.kind == "bool":
        return here
    dtype = getattr(torch, case.kind)
    size = rng.normal(1, 1, shape) if dtype.is_floating_point else rng.integers(1, 4, shape)
    return (here * torch.from_numpy(size)).to(dtype)


def make(case: Case) -> tuple[Network, Tensor, Tensor, Tensor | None]:
    """Network, input, output slots (units or not, running or not, in any order) and the neurons that run."""
    rng = np.random.default_rng(case.seed)
    try:
        network = Network(Fabric(case.fabric), case.channels, case.options)
    except FabricError:
        assume(False)
    populate(network, case, rng)
    units = torch.nonzero(network.state.output).flatten().numpy()
    read = np.concatenate([units[:5], rng.integers(0, network.fabric.neurons, rng.integers(1, 3))])
    running = torch.from_numpy(rng.random(network.fabric.neurons) < 0.7) if case.subset else None
    return network, draw_input(case, rng), torch.from_numpy(np.unique(rng.permutation(read))), running


def on_dense(network: Network) -> Network:
    """The same network, state and all, on the dense engine."""
    other = Network(network.fabric, network.channels, replace(network.options, engine="dense"))
    other.links, other.state = network.links, network.state
    return other


def close(found: Tensor, expected: Tensor) -> None:
    """Equal but for rounding, by the size of the largest number."""
    scale = max(1.0, float(expected.detach().abs().max()))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * scale)


@settings(max_examples=250)
@given(case=cases())
def test_random_chips_run_as_the_dense_engine_and_the_loop_do(oracle: Any, case: Case) -> None:
    network, x, outputs, running = make(case)
    assume(oracle.nudge(network, x, running, margin=1e-7, tries=5) is not None)
    learns = network.state.mask & ~network.state.frozen
    activity, other = network.run(x, outputs, running), on_dense(network).run(x, outputs, running)
    weight = network.state.weight.detach().clone().requires_grad_()
    plain = oracle.run(network, weight, x, outputs, running)
    (expected,) = torch.autograd.grad(oracle.objective(network, plain), weight)
    found, of_dense = oracle.gradient(network, activity), oracle.gradient(network, other)
    for reference, gradient in ((plain, expected), (other, of_dense)):
        close(activity.membrane, reference.membrane)
        assert torch.equal(activity.counts, reference.counts)
        close(found, gradient * learns)
    assert not found[~learns].any()


@settings(max_examples=150)
@given(case=cases())
def test_probes_of_random_chips_are_those_of_the_dense_engine(oracle: Any, case: Case) -> None:
    """Adjoints of all neurons, whatever is frozen."""
    network, x, outputs, running = make(case)
    assume(oracle.nudge(network, x, running, margin=1e-7, tries=5) is not None)
    shares = torch.linspace(0.5, 2, len(outputs), dtype=torch.float64)

    def loss(logits: Tensor) -> Tensor:
        return (logits - 1).square() @ shares

    everyone = torch.arange(network.fabric.neurons)
    found = network.probe(x, outputs, loss, running, everyone)
    expected = on_dense(network).probe(x, outputs, loss, running, everyone)
    assert torch.equal(found.presynaptic, expected.presynaptic)
    assert torch.equal(found.counts, expected.counts)
    close(found.loss, expected.loss)
    close(found.delta, expected.delta)
