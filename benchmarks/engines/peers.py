"""The same recurrent LIF network in snnTorch, Norse, SpikingJelly and a plain torch loop, to measure against.

    V[t] = a V[t-1] + W_in^T x[t] + W_rec^T S[t-1] - theta S[t-1],    S[t] = V[t] > theta,    reset detached
    dS/dV = 1 / (1 + |V - theta|)^2                       fast sigmoid (SuperSpike, Zenke & Ganguli 2018)
    y[t] = b y[t-1] + W_out^T S[t],   loss = cross-entropy of the mean of y over time

Each library is used as its documentation recommends for recurrence, with these helps: input currents of all
time steps are one product, the readout is the closed form of the leaky integrator, and the constants of the
equation are folded into each library's own parameters. The surrogate's slope is 1: Norse 1.1 has no other.
W_rec is dense: its zeros take part in every product and are trained like all other weights.
Knows nothing of this project's engines.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

READOUT_LEAK = 0.95  # b


def _library(name: str) -> Any:
    """The module ``name``; the warnings of an import are not ours to mend."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        package = name.split(".")[0]
        raise ModuleNotFoundError(f"{package} is not installed; pip install {package}", name=package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


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


class PlainHidden(nn.Module):
    """The equation as a loop over time; from currents [T, B, N] to spikes [T, B, N], as all classes below."""

    def __init__(self, weight_rec: Tensor, leak: float, threshold: float) -> None:
        super().__init__()
        self.weight_rec = nn.Parameter(weight_rec.clone())
        self.leak, self.threshold = leak, threshold

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        v, s, spikes = torch.zeros_like(current[0]), torch.zeros_like(current[0]), []
        for i in current:
            v = self.leak * v + torch.addmm(i, s, self.weight_rec) - self.threshold * s.detach()
            s = _FastSigmoid.apply(v - self.threshold)  # type: ignore[no-untyped-call]
            spikes.append(s)
        return torch.stack(spikes)


class SnnTorchHidden(nn.Module):
    """``snntorch.RLeaky`` in a loop over time; its recurrent layer has a bias, kept at zero."""

    def __init__(self, weight_rec: Tensor, leak: float, threshold: float) -> None:
        super().__init__()
        snn, surrogate = _library("snntorch"), _library("snntorch.surrogate")
        self.cell = snn.RLeaky(
            beta=leak,
            linear_features=len(weight_rec),
            threshold=threshold,
            spike_grad=surrogate.fast_sigmoid(slope=1),
            reset_mechanism="subtract",
        )
        with torch.no_grad():
            self.cell.recurrent.weight.copy_(weight_rec.T)
            self.cell.recurrent.bias.zero_().requires_grad_(False)

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        spk, mem = torch.zeros_like(current[0]), torch.zeros_like(current[0])
        spikes = []
        for i in current:
            spk, mem = self.cell(i, spk, mem)
            spikes.append(spk)
        return torch.stack(spikes)


class NorseHidden(nn.Module):
    """``norse.torch.LIFBoxCell`` in a loop over time.

    Its membrane is v + (1 - a) (i - v), so currents are divided by 1 - a. It leaks after the reset, so the
    reset, a parameter of the cell, subtracts theta / a.
    """

    def __init__(self, weight_rec: Tensor, leak: float, threshold: float) -> None:
        super().__init__()
        norse = _library("norse.torch")
        box = _library("norse.torch.functional.lif_box")

        def subtract(z: Tensor, v: Tensor, reset: Tensor, theta: Tensor) -> Tensor:
            return v - (theta / leak) * z.detach()

        dt = 0.001
        parameters = box.LIFBoxParameters(
            tau_mem_inv=torch.tensor((1.0 - leak) / dt),
            v_th=torch.tensor(threshold),
            method="super",
            reset_method=subtract,
        )
        self.cell = norse.LIFBoxCell(p=parameters, dt=dt)
        self.state = box.LIFBoxFeedForwardState
        self.weight_rec = nn.Parameter(weight_rec.clone())
        self.gain = 1.0 / (1.0 - leak)

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        z, spikes = torch.zeros_like(current[0]), []
        state = self.state(v=torch.zeros_like(current[0]))
        for i in current * self.gain:
            z, state = self.cell(torch.addmm(i, z, self.weight_rec, alpha=self.gain), state)
            spikes.append(z)
        return torch.stack(spikes)


class SpikingJellyHidden(nn.Module):
    """``LIFNode`` in an ``ElementWiseRecurrentContainer``, multi-step.

    It leaks after the reset, so the reset takes only a theta away; the rest is subtracted with the input.
    """

    def __init__(self, weight_rec: Tensor, leak: float, threshold: float) -> None:
        super().__init__()
        base = "spikingjelly.activation_based"
        neuron, layer, surrogate = (_library(f"{base}.{part}") for part in ("neuron", "layer", "surrogate"))
        self.functional = _library(f"{base}.functional")
        weight = nn.Parameter(weight_rec.clone())
        rest = (1.0 - leak) * threshold

        def recur(y: Tensor, x: Tensor) -> Tensor:
            return torch.addmm(x, y, weight) - rest * y.detach()

        node = neuron.LIFNode(
            tau=1.0 / (1.0 - leak),
            decay_input=False,
            v_threshold=float(threshold),
            v_reset=None,
            surrogate_function=surrogate.SuperSpike(alpha=1.0),
            detach_reset=True,
        )
        self.weight_rec = weight
        self.net = layer.ElementWiseRecurrentContainer(node, element_wise_function=recur, step_mode="m")

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        self.functional.reset_net(self.net)
        spikes: Tensor = self.net(current)
        return spikes


PEERS: dict[str, Callable[[Tensor, float, float], nn.Module]] = {
    "plain": PlainHidden,
    "snntorch": SnnTorchHidden,
    "norse": NorseHidden,
    "spikingjelly": SpikingJellyHidden,
}
"""Name -> hidden layer from W_rec [N, N], a and theta."""


class Peer:
    """One library's network with its optimiser."""

    def __init__(self, hidden: nn.Module, weight_in: Tensor, weight_out: Tensor, learning_rate: float) -> None:
        self.hidden = hidden
        self.weight_in = nn.Parameter(weight_in.clone())  # [I, N]
        self.weight_out = nn.Parameter(weight_out.clone())  # [N, O]
        trained = [p for p in hidden.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam([self.weight_in, *trained, self.weight_out], lr=learning_rate)

    def spikes(self, x: Tensor) -> Tensor:
        """Hidden spikes [T, B, N] of inputs x [T, B, I]."""
        spikes: Tensor = self.hidden(x @ self.weight_in)
        return spikes

    def step(self, x: Tensor, target: Tensor) -> float:
        """Forward, backward and one step of Adam on inputs x [T, B, I] and classes [B]; the loss in nats."""
        steps = len(x)
        left = torch.arange(steps, 0, -1, dtype=x.dtype, device=x.device)  # steps that a spike still acts on
        share = (1.0 - READOUT_LEAK**left) / ((1.0 - READOUT_LEAK) * steps)  # of it in the mean of y
        logits = torch.tensordot(share, self.spikes(x), dims=1) @ self.weight_out
        loss = nn.functional.cross_entropy(logits, target)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach())


def build(
    name: str,
    weight_in: Tensor,
    weight_rec: Tensor,
    weight_out: Tensor,
    *,
    leak: float,
    threshold: float = 1.0,
    learning_rate: float = 1e-3,
) -> Peer:
    """A peer ready to be trained; it copies the weights.

    Args:
        name: one of ``PEERS``.
        weight_in: from input channels [I, N].
        weight_rec: from neuron (row) to neuron (column) [N, N], masked already.
        weight_out: to outputs [N, O].
        leak: a, the share of the membrane kept in a step, 0 to 1 and neither.
        threshold: theta.
        learning_rate: of Adam.

    Raises:
        ValueError: an unknown name, or a leak that a library cannot have.
        ModuleNotFoundError: the library is not installed; the message says how to install it.
    """
    if name not in PEERS:
        raise ValueError(f"peer {name!r} is unknown; give one of {list(PEERS)}")
    if not 0.0 < leak < 1.0:
        raise ValueError(f"leak = {leak} must lie between 0 and 1")
    hidden = PEERS[name](weight_rec, leak, threshold).to(weight_rec.device)
    return Peer(hidden, weight_in, weight_out, learning_rate)
