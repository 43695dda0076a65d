"""A training step of the benchmark's network in every peer, each compared with the reference before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from benchmarks.engines.peers.layer import Layer, Peer
from benchmarks.engines.peers.registry import build
from benchmarks.engines.peers.verification import deviation, reference
from benchmarks.engines.workload import LEARNING_RATE, Job, Problem

Say = Callable[[str], None]


def layer(of: Problem) -> Layer:
    """The hidden neurons of a chip and what they send to its outputs, as matrices."""
    network, hidden = of.network, of.hidden
    fabric, neurons = network.fabric, network.fabric.neurons
    matrix = torch.zeros(neurons + network.channels, neurons)
    for (source, tile), row in network.links.rows.items():
        matrix[source, tile * fabric.slots : (tile + 1) * fabric.slots] = network.state.weight.detach()[tile, row]
    recurrent, into = matrix[:neurons][hidden], matrix[neurons:]
    tiles = (torch.arange(neurons) // fabric.slots)[hidden]
    options, weights = network.options, (into[:, hidden], recurrent[:, hidden], recurrent[:, of.outputs])
    return Layer(*weights, tiles, options.leak, options.threshold, LEARNING_RATE)


def peer_jobs(of: Problem, names: Sequence[str], threads: int, say: Say) -> dict[str, Job]:
    """Those peers that are installed, fit this processor and compute what they should; of the others, why not."""
    jobs = dict[str, Job]()
    if not names:
        return jobs
    given, x = layer(of), of.x.transpose(0, 1).contiguous()
    right = reference(given, x, of.target)
    for name in names:
        try:
            made = build(name, given, threads)
        except ModuleNotFoundError as missing:
            say(f"{name} is left out: {missing}")
            continue
        if reason := made.slow_here():
            say(f"{name} is left out: {reason}")
            continue
        apart = deviation(made, right)
        if not apart.within(made.tolerance):
            say(f"{name} is left out at {len(given.tile)} neurons: it is wrong, {apart} (at most {made.tolerance:g})")
            continue
        rate = float(made.spikes(x).detach().mean())
        jobs[name] = Job(_step(made, of, x), threads if made.torch_computes else 1, rate, deviation=apart)
    return jobs


def _step(peer: Peer, of: Problem, x: torch.Tensor) -> Callable[[], object]:
    return lambda: peer.step(x, of.target)
