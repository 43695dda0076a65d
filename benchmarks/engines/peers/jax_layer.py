"""What peers in JAX have in common: threads, arrays that torch lends, Adam, and one compiled function for a step.

XLA fixes its threads when it starts, so they are told to it before JAX is imported. It flushes denormal numbers always.
"""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.engines.peers.layer import Gradients, Layer, Peer, library, shares

FIRST, SECOND, LEAST = 0.9, 0.999, 1e-8  # Adam's, as in torch


def jax_with(threads: int) -> Any:
    """JAX, which computes with so many threads.

    Raises:
        RuntimeError: it has been imported with another number.
    """
    if "jax" in sys.modules and os.environ.get("NPROC") != str(threads):
        begun = os.environ.get("NPROC", "no number")
        raise RuntimeError(f"JAX has started with {begun} of threads; {threads} of them need a new process")
    if "jax" not in sys.modules:
        os.environ["NPROC"] = str(threads)  # size of XLA's pool
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else slow compilation is told of as an error
        several = str(threads > 1).lower()
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={several}".strip()
    return library("jax")


class JaxPeer(Peer):
    """Weights in a tuple: in, recurrent, out."""

    torch_computes = False

    def __init__(self, layer: Layer, weights: Sequence[Tensor], threads: int) -> None:
        self.layer = layer
        self.jax = jax = jax_with(threads)
        self.np = jax.numpy
        self.weights = tuple(self.np.array(weight.numpy()) for weight in weights)
        self.moments = tuple((self.np.zeros_like(w), self.np.zeros_like(w)) for w in self.weights)
        self.steps = 0
        self._learn = jax.jit(self._adam, donate_argnums=(0, 1))
        self._gradients = jax.jit(self.loss_and_gradients)
        self._forward = jax.jit(self.forward)

    @abstractmethod
    def forward(self, weights: Any, x: Any) -> Any:
        """Spikes [T, B, N]."""

    @abstractmethod
    def loss_and_gradients(self, weights: Any, x: Any, target: Any) -> Any:
        """Loss and the gradient of every weight."""

    def matrices(self, into: Tensor, between: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of the weights as those of a ``Layer``."""
        return into, between, out

    def spikes(self, x: Tensor) -> Tensor:
        """Spikes [T, B, N]."""
        return lent(self._forward(self.weights, self.borrow(x)))

    def gradients(self, x: Tensor, target: Tensor) -> Gradients:
        """Loss and gradients."""
        loss, gradients = self._gradients(self.weights, self.borrow(x), self.borrow(target))
        return Gradients(float(loss), *self.matrices(*(lent(gradient) for gradient in gradients)))

    def step(self, x: Tensor, target: Tensor) -> float:
        """One step of Adam."""
        self.steps += 1
        done = self._learn(self.weights, self.moments, float(self.steps), self.borrow(x), self.borrow(target))
        self.weights, self.moments, loss = done
        self.jax.block_until_ready(self.weights)
        return float(loss)

    def borrow(self, values: Tensor) -> Any:
        """A tensor as an array, without a copy."""
        return self.jax.dlpack.from_dlpack(values.contiguous())

    def readout(self, heard: Any, out: Any, target: Any) -> tuple[Any, Any]:
        """Loss, and its gradient with respect to the logits, from the mean of y without its weights [B, N]."""
        jax, np = self.jax, self.np
        chosen = jax.nn.one_hot(target, out.shape[1])
        logs = jax.nn.log_softmax(heard @ out)
        return -np.mean(np.sum(logs * chosen, 1)), (np.exp(logs) - chosen) / len(target)

    def share(self, steps: int) -> Any:
        """``shares`` as an array."""
        return self.np.asarray(shares(steps).numpy(), dtype=self.np.float32)

    def _adam(self, weights: Any, moments: Any, steps: Any, x: Any, target: Any) -> Any:
        loss, gradients = self.loss_and_gradients(weights, x, target)
        learned, kept = [], []
        for weight, gradient, (first, second) in zip(weights, gradients, moments, strict=True):
            first = FIRST * first + (1 - FIRST) * gradient
            second = SECOND * second + (1 - SECOND) * gradient**2
            spread = self.np.sqrt(second / (1 - SECOND**steps)) + LEAST
            learned.append(weight - self.layer.learning_rate * first / (1 - FIRST**steps) / spread)
            kept.append((first, second))
        return tuple(learned), tuple(kept), loss


def lent(values: Any) -> Tensor:
    """An array as a tensor; it must not be written to."""
    return torch.utils.dlpack.from_dlpack(values)
