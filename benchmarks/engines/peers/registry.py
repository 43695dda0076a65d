"""All peers by name. A new one is a subclass of ``layer.Peer`` with a line here."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.engines.peers.autograd import Autograd, PlainHidden
from benchmarks.engines.peers.blocks import Blocks
from benchmarks.engines.peers.brain_events import EventsByDense, EventsByLinks
from benchmarks.engines.peers.by_hand import Bfloat16, Dense
from benchmarks.engines.peers.jax_scan import BlockScan, Scan
from benchmarks.engines.peers.layer import Layer, Peer
from benchmarks.engines.peers.libraries import NorseHidden, SnnTorchHidden, SpikingJellyHidden

PEERS: dict[str, Callable[[Layer, int], Peer]] = {
    "plain": lambda layer, _: Autograd(layer, PlainHidden(layer)),
    "snntorch": lambda layer, _: Autograd(layer, SnnTorchHidden(layer)),
    "norse": lambda layer, _: Autograd(layer, NorseHidden(layer)),
    "spikingjelly": lambda layer, _: Autograd(layer, SpikingJellyHidden(layer)),
    "torch-dense": lambda layer, _: Dense(layer),
    "torch-bf16": lambda layer, _: Bfloat16(layer),
    "torch-blocks": lambda layer, _: Blocks(layer),
    "jax-dense": Scan,
    "jax-blocks": BlockScan,
    "brainevent-dense": EventsByDense,
    "brainevent-csr": EventsByLinks,
}
"""Name -> peer from a layer and a number of threads. Torch's threads are set by whoever runs it."""


def build(name: str, layer: Layer, threads: int = 1) -> Peer:
    """A peer ready to be trained; it copies the weights.

    Args:
        name: one of ``PEERS``.
        layer: weights and constants.
        threads: of libraries other than torch.

    Raises:
        ValueError: an unknown name.
        ModuleNotFoundError: the library is not installed; the message says how to install it.
        RuntimeError: JAX runs in this process with another number of threads.
    """
    if name not in PEERS:
        raise ValueError(f"peer {name!r} is unknown; give one of {list(PEERS)}")
    return PEERS[name](layer, threads)
