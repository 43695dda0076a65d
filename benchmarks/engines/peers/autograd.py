"""Networks whose hidden layer is a torch module and whose gradients are autograd's; and the plainest of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.engines.peers.layer import Gradients, Layer, Peer, shares


class Hidden(nn.Module, ABC):
    """From currents [T, B, N] to spikes [T, B, N]."""

    @abstractmethod
    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""

    @property
    @abstractmethod
    def recurrent(self) -> tuple[nn.Parameter, bool]:
        """W_rec as the library keeps it, and whether that is transposed."""


class Autograd(Peer):
    """One library's network."""

    def __init__(self, layer: Layer, hidden: Hidden) -> None:
        self.hidden = hidden
        self.weight_in, self.weight_out = nn.Parameter(layer.weight_in.clone()), nn.Parameter(layer.weight_out.clone())
        trained = [self.weight_in, hidden.recurrent[0], self.weight_out]
        self.optimiser = torch.optim.Adam(trained, lr=layer.learning_rate, fused=True)

    def spikes(self, x: Tensor) -> Tensor:
        """Spikes [T, B, N]."""
        spikes: Tensor = self.hidden(x @ self.weight_in)
        return spikes

    def gradients(self, x: Tensor, target: Tensor) -> Gradients:
        """Loss and gradients."""
        loss = self._backward(x, target)
        weight, transposed = self.hidden.recurrent
        recurrent = _grad(weight).T if transposed else _grad(weight)
        return Gradients(loss, _grad(self.weight_in), recurrent, _grad(self.weight_out))

    def step(self, x: Tensor, target: Tensor) -> float:
        """One step of Adam."""
        loss = self._backward(x, target)
        self.optimiser.step()
        return loss

    def _backward(self, x: Tensor, target: Tensor) -> float:
        logits = torch.tensordot(shares(len(x)).to(x.dtype), self.spikes(x), dims=1) @ self.weight_out
        loss = nn.functional.cross_entropy(logits, target)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        return float(loss.detach())


def _grad(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad


class _FastSigmoid(torch.autograd.Function):
    """Heaviside step whose derivative is 1 / (1 + |x|)^2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        adjoint: Tensor = grads[0] / (x.abs() + 1.0).square()
        return adjoint


class PlainHidden(Hidden):
    """The equation as a loop over time."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.weight_rec = nn.Parameter(layer.weight_rec.clone())
        self.leak, self.threshold = layer.leak, layer.threshold

    @property
    def recurrent(self) -> tuple[nn.Parameter, bool]:
        """W_rec."""
        return self.weight_rec, False

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        v, s, spikes = torch.zeros_like(current[0]), torch.zeros_like(current[0]), []
        for i in current:
            v = self.leak * v + torch.addmm(i, s, self.weight_rec) - self.threshold * s.detach()
            s = _FastSigmoid.apply(v - self.threshold)  # type: ignore[no-untyped-call]
            spikes.append(s)
        return torch.stack(spikes)
