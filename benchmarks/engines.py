"""One training step of the dense engine beside the same network in other libraries: seconds and memory.

    python benchmarks/engines.py --neurons 256 1024 --linear 4096 16384

A step is forward, backward and Adam on one batch. The chip has tiles of 32 neurons; every neuron reaches its own tile
and the tiles next to it, one routing tile away. Peers (``benchmarks.peers``) get its links as one masked matrix. Ten of
the neurons are output units. Weights are scaled until the hidden neurons fire at the rate wanted. All engines run in
one process, in turn, with denormal numbers flushed to zero. Peak memory is what a step takes beyond what was there,
by the kernel's count, where there is one.
"""

from __future__ import annotations

import ctypes
import gc
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks import peers
from model import dense
from model.fabric import Fabric, FabricOptions
from model.network import Network
from model.neuron import NetworkOptions
from model.optimiser import Moments, OptimiserOptions, step

TILE, OUTPUTS, INPUT_RATE, LEARNING_RATE = 32, 10, 0.1, 1e-3
Step = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Measure a training step.

    Attributes:
        neurons: sizes of the network, multiples of 32.
        linear: larger sizes, measured on the dense engine alone.
        rate: spikes per hidden neuron and step, about.
        engines: dense, and those of the peers plain, snntorch, norse and spikingjelly that are installed.
        steps: time steps of a sample.
        batch: samples of a batch.
        inputs: input channels.
        threads: threads of torch.
        repeats: steps timed of every engine.
        seed: of weights and input spikes.
        json: file for the results.
    """

    neurons: tuple[int, ...] = (256, 1024)
    linear: tuple[int, ...] = ()
    rate: float = 0.05
    engines: tuple[str, ...] = ("dense", "snntorch", "norse", "spikingjelly")
    steps: int = 100
    batch: int = 64
    inputs: int = 128
    threads: int = 2
    repeats: int = 5
    seed: int = 0
    json: Path | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "inputs", "threads", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")
        for name in ("neurons", "linear"):
            for size in getattr(self, name):
                if size < TILE or size % TILE:
                    raise ValueError(f"--{name} {size} must be a multiple of {TILE}, the neurons of a tile")
        unknown = set(self.engines) - {"dense", *peers.PEERS}
        if unknown:
            raise ValueError(f"--engines {' '.join(sorted(unknown))}: take some of dense {' '.join(peers.PEERS)}")
        if not 0 < self.rate < 0.5:
            raise ValueError(f"--rate {self.rate} must lie between 0 and 0.5")


@dataclass(frozen=True)
class Record:
    """One engine at one size."""

    engine: str
    neurons: int
    rate: float  # spikes per hidden neuron and step
    active: float  # share of hidden membranes inside the surrogate's support
    seconds: float  # of a step, median
    seconds_low: float
    seconds_high: float
    peak_bytes: int | None
    threads: int


@dataclass(frozen=True)
class Problem:
    """A network on its chip and a batch."""

    network: Network
    outputs: Tensor  # [O]
    x: Tensor  # [B, T, I]
    target: Tensor  # [B]

    @property
    def hidden(self) -> Tensor:
        """Neurons that are no output units [N] bool."""
        return self.network.state.alive & ~self.network.state.output

    def tape(self) -> dense.Tape:
        """A forward run."""
        network, columns = self.network, self.x.permute(1, 2, 0).contiguous()
        return dense.forward(network.state.weight.detach(), network.wiring(), network.dynamics(), columns)

    def rate(self) -> float:
        """Spikes per hidden neuron and step."""
        return float(self.tape().spikes[:, self.hidden].mean())

    def active(self) -> float:
        """Share of hidden membranes that pass gradients on."""
        options = self.network.options
        distance = (self.tape().membrane[:, self.hidden] - options.threshold).abs()
        return float((distance < options.surrogate_width).float().mean())


def chip(neurons: int, inputs: int, generator: torch.Generator) -> tuple[Network, Tensor]:
    """A full chip, as square as can be, with local and one-hop links and random devices; and its outputs [O]."""
    tiles = neurons // TILE
    rows = max(r for r in range(1, math.isqrt(tiles) + 1) if tiles % r == 0)
    options = FabricOptions(rows=rows, cols=tiles // rows, neurons_per_tile=TILE, wires=TILE, corner_wires=8)
    fabric = Fabric(options)
    network = Network(fabric, inputs, NetworkOptions())
    state, links = network.state, network.links
    outputs = torch.arange(neurons - OUTPUTS, neurons)
    state.alive[:] = True
    state.output[outputs] = True
    for slot in range(neurons - OUTPUTS):
        links.add_local(slot)
        for tile in fabric.neighbours(fabric.tile_of_slot(slot)):
            links.add(slot, tile)
    state.mask.copy_((state.source >= 0)[:, :, None])
    drawn = torch.randn(state.mask.shape, generator=generator) * state.mask
    with torch.no_grad():
        state.weight.copy_(drawn / state.mask.sum(1, keepdim=True).sqrt())
    return network, outputs


def problem(options: Engines, neurons: int) -> Problem:
    """A network that fires at the rate wanted on a random batch; the gain of all weights is found by bisection."""
    generator = torch.Generator().manual_seed(options.seed)
    network, outputs = chip(neurons, options.inputs, generator)
    x = (torch.rand(options.batch, options.steps, options.inputs, generator=generator) < INPUT_RATE).float()
    target = torch.randint(0, OUTPUTS, (options.batch,), generator=generator)
    found, weight = Problem(network, outputs, x, target), network.state.weight.detach()
    drawn, low, high = weight.clone(), 0.0, 64.0
    for _ in range(14):
        torch.mul(drawn, (low + high) / 2, out=weight)
        low, high = ((low + high) / 2, high) if found.rate() < options.rate else (low, (low + high) / 2)
    return found


def dense_step(of: Problem) -> Step:
    """A training step of the dense engine."""
    network, state = of.network, of.network.state
    moments, adam = Moments.fresh(state.weight), OptimiserOptions(clip=0)

    def train() -> None:
        loss = cross_entropy(network.read(network.run(of.x, of.outputs)), of.target)
        (gradient,) = torch.autograd.grad(loss, state.weight)
        step(state.weight, gradient, state.mask, moments, LEARNING_RATE, adam)

    return train


def peer(of: Problem, name: str) -> peers.Peer:
    """The same network in another library."""
    network, hidden = of.network, of.hidden
    fabric, neurons = network.fabric, network.fabric.neurons
    matrix = torch.zeros(neurons + network.channels, neurons)
    for (source, tile), row in network.links.rows.items():
        matrix[source, tile * fabric.slots : (tile + 1) * fabric.slots] = network.state.weight.detach()[tile, row]
    recurrent, into = matrix[:neurons][hidden], matrix[neurons:]
    return peers.build(
        name,
        into[:, hidden],
        recurrent[:, hidden],
        recurrent[:, of.outputs],
        leak=network.options.leak,
        threshold=network.options.threshold,
        learning_rate=LEARNING_RATE,
    )


def prepare(of: Problem, engine: str) -> tuple[Step, float]:
    """A training step of an engine, and the rate at which it fires before training."""
    if engine == "dense":
        return dense_step(of), of.rate()
    made, x = peer(of, engine), of.x.transpose(0, 1).contiguous()
    with torch.no_grad():
        rate = float(made.spikes(x).mean())
    return lambda: made.step(x, of.target), rate


def measure(options: Engines, neurons: int, engines: tuple[str, ...], say: Callable[[str], None]) -> list[Record]:
    """Time every engine at one size, one step each in turn."""
    of = problem(options, neurons)
    active, steps, rates, peaks = of.active(), {}, {}, {}
    for engine in engines:
        try:
            steps[engine], rates[engine] = prepare(of, engine)
        except ModuleNotFoundError as missing:
            say(f"{engine} is left out: {missing}")
    for engine, train in steps.items():
        train()
        peaks[engine] = peak_of(train)
    seconds: dict[str, list[float]] = {engine: [] for engine in steps}
    for _ in range(options.repeats):
        for engine, train in steps.items():
            begin = perf_counter()
            train()
            seconds[engine].append(perf_counter() - begin)
    return [
        Record(engine, neurons, rates[engine], active, median(s), min(s), max(s), peaks[engine], options.threads)
        for engine, s in seconds.items()
    ]


def peak_of(train: Step) -> int | None:
    """Bytes that a step takes at its peak beyond what is in use before it; None where the kernel does not count."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        train()
        return max(0, _resident("VmHWM") - before)
    except (AttributeError, OSError, KeyError):
        return None


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[field].split()[0]) * 1024


def table(records: list[Record]) -> Table:
    """A row for each engine and size."""
    found = Table(
        title="one training step; ratio: to the median of the fastest peer", box=SIMPLE_HEAD, collapse_padding=True
    )
    for heading in ("engine", "neurons", "seconds", "low", "high", "ratio", "rate", "active", "peak MB"):
        found.add_column(heading, justify="left" if heading == "engine" else "right")
    for one in records:
        others = [r.seconds for r in records if r.neurons == one.neurons and r.engine != "dense"]
        ratio = f"{one.seconds / min(others):.2f}" if others else "-"
        peak = "-" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:.0f}"
        times = (f"{s:.3f}" for s in (one.seconds, one.seconds_low, one.seconds_high))
        found.add_row(one.engine, str(one.neurons), *times, ratio, f"{one.rate:.3f}", f"{one.active:.2f}", peak)
    return found


def main(options: Engines) -> None:
    """Measure and print."""
    torch.set_flush_denormal(True)  # before any thread of torch starts, so that all have it
    torch.set_num_threads(options.threads)
    console, records = Console(), list[Record]()
    for neurons in options.neurons:
        records += measure(options, neurons, options.engines, console.print)
    for neurons in options.linear:
        records += measure(options, neurons, ("dense",), console.print)
    console.print(table(records))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(record) for record in records], indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Engines, description=__doc__))
