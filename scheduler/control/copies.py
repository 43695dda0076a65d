"""Copies of an expert's net on a chip, each with weights of its own, step by step: what evolution strategies ask.

The equations are those of ``model.neuron``, with ideal devices. The state of a copy stays between calls, as long as its
episode lasts. Only neurons that run take part, and only their devices have weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.model.network import Network
from smalti.scheduler.control.worlds import Reals

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Circuit:
    """What copies have in common: neurons [M] that run, hidden ones and outputs, and D devices between them."""

    devices: tuple[Tensor, Tensor, Tensor]  # tiles, rows and columns [D]
    source: Ints  # [D] place of who drives a device: a neuron 0..M-1, or M + input channel
    target: Ints  # [D] place of whom it drives, 0..M-1
    outputs: Ints  # [O] places of the output units
    leak: Reals  # [M]
    synapse: Reals  # [M]
    strength: Reals  # [M] of adapting thresholds
    recovery: Reals  # [M]
    threshold: Reals  # [M] infinite where a neuron never fires
    theta: float
    hard: bool
    channels: int  # I

    @staticmethod
    def of(network: Network, running: Tensor, outputs: tuple[int, ...]) -> Circuit:
        """The circuit of the neurons that run [N] bool.

        Raises:
            ValueError: devices have errors or faults, which copies do not share.
        """
        if not network.memristors.exact or network.links.faults is not None:
            raise ValueError("copies in episodes have ideal devices; set devices.kind = ideal, and no faults")
        state, fabric = network.state, network.fabric
        slots = torch.nonzero(running & state.alive).flatten()
        place = torch.full((fabric.neurons + network.channels,), -1)
        place[slots] = torch.arange(len(slots))
        place[fabric.neurons :] = torch.arange(network.channels) + len(slots)
        tiles, rows, columns = torch.nonzero(state.mask, as_tuple=True)
        source, target = place[state.source[tiles, rows]], place[tiles * fabric.slots + columns]
        there = (source >= 0) & (target >= 0)
        leak, synapse, strength, recovery = (
            values.numpy().astype(np.float32) for values in state.constants(network.options, slots)
        )
        fires = network.fires(running)[slots].numpy()
        return Circuit(
            (tiles[there], rows[there], columns[there]),
            source[there].numpy(),
            target[there].numpy(),
            place[list(outputs)].numpy(),
            leak,
            synapse,
            strength,
            recovery,
            np.where(fires, network.options.threshold, np.inf).astype(np.float32),
            network.options.threshold,
            network.options.reset == "hard",
            network.channels,
        )

    @property
    def neurons(self) -> int:
        """M."""
        return len(self.leak)

    def weights(self, network: Network) -> Reals:
        """What the devices hold now [D]."""
        held: Reals = network.state.weight.detach()[self.devices].numpy().astype(np.float32)
        return held


class Copies:
    """Copies at work.

    Args:
        circuit: what they have in common.
        weights: of their devices [P, D].
    """

    def __init__(self, circuit: Circuit, weights: Reals) -> None:
        copies, neurons = len(weights), circuit.neurons
        self.circuit = circuit
        self._matrix = np.zeros((copies, neurons + circuit.channels, neurons), dtype=np.float32)
        self._matrix[:, circuit.source, circuit.target] = weights
        self._driving = np.zeros((copies, 1, neurons + circuit.channels), dtype=np.float32)
        self._membrane = np.zeros((copies, neurons), dtype=np.float32)
        self._current = np.zeros_like(self._membrane)
        self._trace = np.zeros_like(self._membrane)

    def keep(self, going: NDArray[np.bool_]) -> None:
        """Let go of copies whose episode is over; those [P] bool go on."""
        self._matrix, self._driving = self._matrix[going], self._driving[going]
        self._membrane, self._current = self._membrane[going], self._current[going]
        self._trace = self._trace[going]

    def step(self, x: Reals) -> NDArray[np.float64]:
        """Let all hear input spikes [P, I] for one step; how many neurons fire in each [P]."""
        circuit, neurons = self.circuit, self.circuit.neurons
        before = self._driving[:, 0, :neurons]
        self._driving[:, 0, neurons:] = x
        self._current *= circuit.synapse
        self._current += np.matmul(self._driving, self._matrix)[:, 0]
        self._membrane *= circuit.leak
        self._membrane -= self._membrane * before if circuit.hard else circuit.theta * before
        self._membrane += self._current
        self._trace = self._trace * circuit.recovery + before
        fired = self._membrane - circuit.strength * self._trace >= circuit.threshold
        self._driving[:, 0, :neurons] = fired
        spikes: NDArray[np.float64] = fired.sum(1, dtype=np.float64)
        return spikes

    @property
    def outputs(self) -> Reals:
        """Membranes of the output units [P, O]."""
        said: Reals = self._membrane[:, self.circuit.outputs]
        return said
