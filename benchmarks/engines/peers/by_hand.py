"""Backpropagation through time by hand in torch, with dense products in float32 or bfloat16.

Adjoints, lambda[t] = dL/dV[t]:    lambda[t] = a lambda[t+1] + psi[t] (g share[t] + W_rec lambda[t+1])
with psi the surrogate and g = dL/d(mean of y) W_out^T, the same at all steps but for the share that each has in the
mean. The tape is V and S; everything else happens in place, a step at a time, where it is still in the cache.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.engines.peers.layer import Gradients, Layer, Peer, shares


class ByHand(Peer):
    """Time loops over a state of any shape; what is multiplied, and how, is the business of those below."""

    def __init__(self, layer: Layer, weights: list[Tensor]) -> None:
        self.layer = layer
        self.weights = weights  # in, recurrent, out, as the products like them
        self.optimiser = torch.optim.Adam(self.weights, lr=layer.learning_rate, fused=True)

    @abstractmethod
    def currents(self, x: Tensor) -> Tensor:
        """Input currents of all steps [T, *state]; membranes are written over them."""

    @abstractmethod
    def send(self, spikes: Tensor, current: Tensor) -> None:
        """Add what the spikes of a step send to the current of the next."""

    @abstractmethod
    def ask(self, adjoint: Tensor, behind: Tensor) -> None:
        """Add what the adjoints of a step ask of the spikes before."""

    @abstractmethod
    def weight_gradients(self, x: Tensor, spikes: Tensor, adjoints: Tensor) -> tuple[Tensor, Tensor]:
        """Of the weights in and recurrent."""

    @abstractmethod
    def neurons(self, state: Tensor) -> Tensor:
        """State of one step -> [B, N]."""

    @abstractmethod
    def state(self, neurons: Tensor) -> Tensor:
        """[B, N] -> state of one step."""

    def ready(self) -> None:
        """Called before each pass: whatever is made of the weights is made here."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Membranes and spikes [T, *state]."""
        self.ready()
        leak, theta, v = self.layer.leak, self.layer.threshold, self.currents(x)
        s = torch.empty_like(v)
        for t in range(len(v)):
            if t > 0:
                v[t].add_(v[t - 1], alpha=leak).sub_(s[t - 1], alpha=theta)
                self.send(s[t - 1], v[t])
            torch.gt(v[t], theta, out=s[t])
        return v, s

    def backward(self, v: Tensor, g: Tensor, share: list[float]) -> Tensor:
        """Adjoints [T, *state]."""
        adjoints, slope, behind = torch.empty_like(v), torch.empty_like(g), torch.empty_like(g)
        for t in reversed(range(len(v))):
            torch.sub(v[t], self.layer.threshold, out=slope).abs_().add_(1.0).square_()
            torch.mul(g, share[t], out=behind)
            if t + 1 < len(v):
                self.ask(adjoints[t + 1], behind)
            torch.div(behind, slope, out=adjoints[t])
            if t + 1 < len(v):
                adjoints[t].add_(adjoints[t + 1], alpha=self.layer.leak)
        return adjoints

    @torch.no_grad()
    def learn(self, x: Tensor, target: Tensor) -> float:
        """Loss; gradients are left in the weights."""
        v, s = self.forward(x)
        share, into, between, out = shares(len(x)), *self.weights
        heard = self.neurons(torch.tensordot(share.to(s.dtype), s, dims=1))
        logits = heard @ out
        slope = logits.softmax(1)
        slope[torch.arange(len(target)), target] -= 1.0
        slope /= len(target)
        adjoints = self.backward(v, self.state(slope @ out.T), share.tolist())
        into.grad, between.grad = self.weight_gradients(x, s, adjoints)
        out.grad = heard.T @ slope
        return float(cross_entropy(logits, target))

    def step(self, x: Tensor, target: Tensor) -> float:
        """One step of Adam."""
        loss = self.learn(x, target)
        self.optimiser.step()
        return loss

    @torch.no_grad()
    def spikes(self, x: Tensor) -> Tensor:
        """Spikes [T, B, N]."""
        return torch.stack([self.neurons(spikes) for spikes in self.forward(x)[1]])


class Dense(ByHand):
    """W_rec as a matrix; its zeros take part in every product and are trained."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer, [w.clone() for w in (layer.weight_in, layer.weight_rec, layer.weight_out)])

    def currents(self, x: Tensor) -> Tensor:
        """[T, B, N]."""
        return x @ self.weights[0]

    def send(self, spikes: Tensor, current: Tensor) -> None:
        """S W_rec."""
        current.addmm_(spikes, self.weights[1])

    def ask(self, adjoint: Tensor, behind: Tensor) -> None:
        """lambda W_rec^T."""
        behind.addmm_(adjoint, self.weights[1].T)

    def weight_gradients(self, x: Tensor, spikes: Tensor, adjoints: Tensor) -> tuple[Tensor, Tensor]:
        """One product each over all of time."""
        return x.flatten(0, 1).T @ adjoints.flatten(0, 1), spikes[:-1].flatten(0, 1).T @ adjoints[1:].flatten(0, 1)

    def neurons(self, state: Tensor) -> Tensor:
        """As it is."""
        return state

    def state(self, neurons: Tensor) -> Tensor:
        """As it is."""
        return neurons

    def gradients(self, x: Tensor, target: Tensor) -> Gradients:
        """Loss and gradients."""
        loss = self.learn(x, target)
        into, between, out = (w.grad for w in self.weights)
        assert into is not None
        assert between is not None
        assert out is not None
        return Gradients(loss, into, between, out)


class Bfloat16(Dense):
    """The same with recurrent products in bfloat16; weights, membranes and adjoints are kept in float32."""

    tolerance = 0.5  # spikes near the threshold come out otherwise, and others follow

    @classmethod
    def slow_here(cls) -> str:
        """Whether oneDNN has such products for this processor; torch's own are a hundred times slower."""
        supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return "" if supported else "this processor has no products in bfloat16 (that takes avx512)"

    def ready(self) -> None:
        """Round the weights."""
        self.rounded = self.weights[1].bfloat16()

    def send(self, spikes: Tensor, current: Tensor) -> None:
        """S W_rec."""
        current.add_(spikes.bfloat16() @ self.rounded)

    def ask(self, adjoint: Tensor, behind: Tensor) -> None:
        """lambda W_rec^T."""
        behind.add_(adjoint.bfloat16() @ self.rounded.T)

    def weight_gradients(self, x: Tensor, spikes: Tensor, adjoints: Tensor) -> tuple[Tensor, Tensor]:
        """One product each over all of time; that of W_rec in bfloat16."""
        before, after = spikes[:-1].flatten(0, 1).bfloat16(), adjoints[1:].flatten(0, 1).bfloat16()
        return x.flatten(0, 1).T @ adjoints.flatten(0, 1), (before.T @ after).float()
