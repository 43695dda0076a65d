"""snnTorch, Norse and SpikingJelly, each used as its documentation recommends for recurrence.

The constants of the equation are folded into each library's own parameters. W_rec is dense: its zeros take part in
every product and are trained like all other weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.engines.peers.autograd import Hidden
from benchmarks.engines.peers.layer import Layer, library


class SnnTorchHidden(Hidden):
    """``snntorch.RLeaky`` in a loop over time; its recurrent layer has a bias, kept at zero."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        weight_rec, leak, threshold = layer.weight_rec, layer.leak, layer.threshold
        snn, surrogate = library("snntorch"), library("snntorch.surrogate")
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

    @property
    def recurrent(self) -> tuple[nn.Parameter, bool]:
        """W_rec, transposed."""
        return self.cell.recurrent.weight, True

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        spk, mem = torch.zeros_like(current[0]), torch.zeros_like(current[0])
        spikes = []
        for i in current:
            spk, mem = self.cell(i, spk, mem)
            spikes.append(spk)
        return torch.stack(spikes)


class NorseHidden(Hidden):
    """``norse.torch.LIFBoxCell`` in a loop over time.

    Its membrane is v + (1 - a) (i - v), so currents are divided by 1 - a. It leaks after the reset, so the
    reset, a parameter of the cell, subtracts theta / a.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        weight_rec, leak, threshold = layer.weight_rec, layer.leak, layer.threshold
        norse = library("norse.torch")
        box = library("norse.torch.functional.lif_box")

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

    @property
    def recurrent(self) -> tuple[nn.Parameter, bool]:
        """W_rec."""
        return self.weight_rec, False

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        z, spikes = torch.zeros_like(current[0]), []
        state = self.state(v=torch.zeros_like(current[0]))
        for i in current * self.gain:
            z, state = self.cell(torch.addmm(i, z, self.weight_rec, alpha=self.gain), state)
            spikes.append(z)
        return torch.stack(spikes)


class SpikingJellyHidden(Hidden):
    """``LIFNode`` in an ``ElementWiseRecurrentContainer``, multi-step.

    It leaks after the reset, so the reset takes only a theta away; the rest is subtracted with the input.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        weight_rec, leak, threshold = layer.weight_rec, layer.leak, layer.threshold
        base = "spikingjelly.activation_based"
        neuron, containers, surrogate = (library(f"{base}.{part}") for part in ("neuron", "layer", "surrogate"))
        self.functional = library(f"{base}.functional")
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
        self.net = containers.ElementWiseRecurrentContainer(node, element_wise_function=recur, step_mode="m")

    @property
    def recurrent(self) -> tuple[nn.Parameter, bool]:
        """W_rec."""
        return self.weight_rec, False

    def forward(self, current: Tensor) -> Tensor:
        """Spikes of all time steps."""
        self.functional.reset_net(self.net)
        spikes: Tensor = self.net(current)
        return spikes
