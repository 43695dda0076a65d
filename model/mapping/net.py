"""A recurrent spiking net without places: what a chip's net is to other tools, and theirs to a chip.

    V[t] = a V[t-1] - reset(S[t-1]) + U x[t] + W S[t-1],   S[t] = 1 where V[t] >= theta

as in ``model.neuron``: spikes of neurons arrive one step later, those of inputs at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Net:
    """P neurons that hear I channels and one another."""

    fan_in: Floats  # [P, I] U: weight of every channel
    recurrent: Floats  # [P, P] W: to (row) from (column)
    leak: Floats  # [P] a: share of a membrane that is left after a step
    threshold: Floats  # [P] theta
    fires: Flags  # [P] bool: False for output units that only integrate
    hard: bool  # whether a spike sets the membrane back to 0, or takes theta from it

    @property
    def neurons(self) -> int:
        """P."""
        return len(self.leak)

    @property
    def channels(self) -> int:
        """I."""
        return int(self.fan_in.shape[1])

    @property
    def synapses(self) -> int:
        """Weights that are not 0."""
        return int(np.count_nonzero(self.fan_in) + np.count_nonzero(self.recurrent))

    def run(self, x: NDArray[np.generic]) -> tuple[Flags, Floats]:
        """Spikes and membranes [B, T, P] of samples [B, T, I]."""
        batch, steps, _ = x.shape
        shape = (batch, steps, self.neurons)
        spikes, membranes = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=self.leak.dtype)
        membrane = np.zeros((batch, self.neurons), dtype=self.leak.dtype)
        fired = np.zeros_like(membrane)
        theta = np.where(self.fires, self.threshold, np.inf).astype(self.leak.dtype)
        for t in range(steps):
            left = membrane * self.leak
            left = left * (1 - fired) if self.hard else left - self.threshold * fired
            membrane = left + x[:, t].astype(left.dtype) @ self.fan_in.T + fired @ self.recurrent.T
            spikes[:, t], membranes[:, t] = membrane >= theta, membrane
            fired = spikes[:, t].astype(left.dtype)
        return spikes, membranes

    def without(self, inputs: Flags, recurrent: Flags) -> Net:
        """The net without the synapses that these masks [P, I], [P, P] mark."""
        return replace(
            self,
            fan_in=np.where(inputs, 0, self.fan_in).astype(self.fan_in.dtype),
            recurrent=np.where(recurrent, 0, self.recurrent).astype(self.recurrent.dtype),
        )
