"""A small net and its optimiser: what gating networks that learn by gradient descent are made of. Knows no gate.

Everything is float64, so that a net of some hundred weights learns the same however it is laid out in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pad

DECAY = (0.9, 0.999)
TINY = 1e-8


@dataclass(kw_only=True)
class Learner:
    """Weights [in, out] and biases [out] of each layer, and the moments of Adam (Kingma & Ba 2015, arXiv 1412.6980)."""

    weights: list[Tensor]
    first: list[Tensor]  # running mean of each gradient
    second: list[Tensor]  # running mean of its square
    steps: int = 0

    @property
    def stored_values(self) -> int:
        """Weights and both moments."""
        return 3 * sum(w.numel() for w in self.weights) + 1

    @property
    def adds(self) -> int:
        """Additions of one forward pass: one for every weight and bias."""
        return sum(w.numel() for w in self.weights)

    @property
    def products(self) -> int:
        """Multiplications of one forward pass: one for every weight that is no bias."""
        return sum(w.numel() for w in self.weights[::2])

    def step(self, loss: Callable[[Sequence[Tensor]], Tensor], rate: float) -> None:
        """One step of Adam down the gradient of ``loss(weights)``."""
        with torch.enable_grad():
            free = [w.clone().requires_grad_() for w in self.weights]
            gradients = torch.autograd.grad(loss(free), free)
        self.steps += 1
        for weight, gradient, first, second in zip(self.weights, gradients, self.first, self.second, strict=True):
            first.lerp_(gradient, 1.0 - DECAY[0])
            second.lerp_(gradient.square(), 1.0 - DECAY[1])
            mean, square = (m / (1.0 - d**self.steps) for m, d in zip((first, second), DECAY, strict=True))
            weight -= rate * mean / (square.sqrt() + TINY)

    def widen(self, outputs: int) -> None:
        """Add outputs of zero weight, so that there are ``outputs``."""
        more = outputs - len(self.weights[-1])
        for held in (self.weights, self.first, self.second):
            held[-2:] = [pad(held[-2], (0, more)), pad(held[-1], (0, more))]

    def state_dict(self, prefix: str) -> dict[str, Tensor]:
        """All that is held, as tensors whose names begin with ``prefix``."""
        parts = {"weight": self.weights, "first": self.first, "second": self.second}
        state = {f"{prefix}{name}{i}": t.clone() for name, held in parts.items() for i, t in enumerate(held)}
        return state | {f"{prefix}steps": torch.tensor([self.steps])}

    @classmethod
    def from_state(cls, state: dict[str, Tensor], prefix: str, layers: int) -> Learner:
        """What ``state_dict`` gave, of a net of so many layers."""

        def held(name: str) -> list[Tensor]:
            return [state[f"{prefix}{name}{i}"].clone() for i in range(2 * layers)]

        steps = int(state[f"{prefix}steps"][0])
        return cls(weights=held("weight"), first=held("first"), second=held("second"), steps=steps)


def fresh(sizes: Sequence[int], seed: int) -> Learner:
    """A net with Gaussian weights of variance 2 / fan-in (He et al. 2015, arXiv 1502.01852), last layer and biases 0.

    Args:
        sizes: units of every layer, inputs first.
        seed: of the weights.
    """
    chance = torch.Generator().manual_seed(seed)
    weights: list[Tensor] = []
    for fan_in, units in pairwise(sizes):
        drawn = torch.randn(fan_in, units, generator=chance, dtype=torch.float64) * math.sqrt(2.0 / fan_in)
        weights += [drawn, torch.zeros(units, dtype=torch.float64)]
    weights[-2].zero_()
    zeros = [torch.zeros_like(w) for w in weights]
    return Learner(weights=weights, first=zeros, second=[z.clone() for z in zeros])


def forward(weights: Sequence[Tensor], f: Tensor) -> Tensor:
    """Outputs [B, out] of a rectified net for features [B, in]."""
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        f = torch.relu(f @ weight + bias)
    return f @ weights[-2] + weights[-1]
