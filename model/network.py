"""The spiking network on its chip: one storage, its links, and the engine that runs it.

Nothing is ever reallocated: growth fills in slots, rows and devices of the fixed storage. Which classes the outputs
stand for and which neurons form an expert is decided above this layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model import dense
from model.fabric import Fabric
from model.links import Links
from model.neuron import SURROGATES, Dynamics, NetworkOptions


@dataclass(frozen=True)
class ChipState:
    """Storage of the chip; tensors are changed in place, never replaced."""

    weight: Tensor  # [K, R, n] float: crossbar devices, zero where not in use
    mask: Tensor  # [K, R, n] bool: devices in use
    frozen: Tensor  # [K, R, n] bool: devices protected from learning
    source: Tensor  # [K, R] int: what drives a row: slot 0..N-1, channel N..N+I-1, or FREE = -1; written by Links
    alive: Tensor  # [N] bool: slots that hold a neuron
    output: Tensor  # [N] bool: those of them that are output units


@dataclass(frozen=True)
class Activity:
    """What a run of the network shows."""

    outputs: Tensor  # [O] int: slots of the output units asked for
    membrane: Tensor  # [T, O, B]: their membranes
    counts: Tensor  # [N, B]: spikes of every neuron over the sample


@dataclass(frozen=True)
class Probe:
    """Spikes and adjoints of one batch: what growth and bids are computed from."""

    presynaptic: Tensor  # [T + 1, N + I + 1, B]: S[t-1] of neurons, x[t] of channels
    delta: Tensor  # [T, N, B]: adjoint of every neuron's input current, of the per-sample loss
    counts: Tensor  # [N, B]
    loss: Tensor  # [B]: loss per sample


class Network:
    """A spiking network on a fabric."""

    def __init__(self, fabric: Fabric, channels: int, options: NetworkOptions) -> None:
        self.fabric, self.channels, self.options = fabric, channels, options
        self.links = Links(fabric, channels)
        self.device = torch.device(options.device)
        shape = (fabric.tiles, fabric.rows_per_tile, fabric.slots)
        self.state = ChipState(
            weight=torch.zeros(shape, dtype=options.dtype, device=self.device).requires_grad_(),
            mask=torch.zeros(shape, dtype=torch.bool, device=self.device),
            frozen=torch.zeros(shape, dtype=torch.bool, device=self.device),
            source=torch.from_numpy(self.links.source),
            alive=torch.zeros(fabric.neurons, dtype=torch.bool, device=self.device),
            output=torch.zeros(fabric.neurons, dtype=torch.bool, device=self.device),
        )
        self._wiring: dense.Wiring | None = None
        self._wired_version = -1

    def run(self, x: Tensor, outputs: Tensor, running: Tensor | None = None) -> Activity:
        """Run a batch; gradients flow from membranes and counts to ``state.weight``.

        Args:
            x: input spikes [B, T, I], any number or bool type.
            outputs: slots of the output units to read [O].
            running: neurons that take part [N] bool; the others stay silent. By default all that are alive.
        """
        membrane, counts = dense.simulate(
            self.state.weight, self.wiring(), self.dynamics(running), self._columns(x), outputs
        )
        return Activity(outputs, membrane, counts)

    def read(self, activity: Activity) -> Tensor:
        """Logits [B, O] of the outputs by the configured readout."""
        if self.options.readout == "spike_count":
            return activity.counts[activity.outputs].T
        if self.options.readout == "membrane_max":
            return activity.membrane.amax(0).T
        return activity.membrane.mean(0).T

    def probe(
        self,
        x: Tensor,
        outputs: Tensor,
        loss: Callable[[Tensor], Tensor],
        running: Tensor | None = None,
    ) -> Probe:
        """Spikes and adjoints of a batch, without touching any gradient of the weights.

        Args:
            x, outputs, running: as in ``run``.
            loss: from logits [B, O] to the loss of each sample [B].
        """
        weight, wiring, dynamics = self.state.weight.detach(), self.wiring(), self.dynamics(running)
        tape = dense.forward(weight, wiring, dynamics, self._columns(x))
        counts = tape.spikes.sum(0).requires_grad_()
        membrane = tape.membrane[:, outputs].requires_grad_()
        losses = loss(self.read(Activity(outputs, membrane, counts)))
        read = torch.autograd.grad(losses.sum(), (membrane, counts), materialize_grads=True)
        delta = dense.adjoints(weight, wiring, dynamics, tape, outputs, *read)
        return Probe(tape.presynaptic, delta, counts.detach(), losses.detach())

    def wiring(self) -> dense.Wiring:
        """Links as the engine reads them, remade when they have changed."""
        if self._wiring is None or self._wired_version != self.links.version:
            source = self.state.source.to(self.device)
            self._wiring = dense.Wiring.of(source, self.fabric.neurons, self.channels)
            self._wired_version = self.links.version
        return self._wiring

    def dynamics(self, running: Tensor | None = None) -> Dynamics:
        """Leak and threshold of every slot; whoever does not run has an infinite threshold."""
        state, options = self.state, self.options
        fires = state.alive if running is None else state.alive & running
        if options.readout != "spike_count":
            fires = fires & ~state.output
        leak = torch.full(fires.shape, options.leak, dtype=options.dtype, device=self.device)
        leak[state.output] = options.output_leak
        threshold = torch.full_like(leak, options.threshold).masked_fill_(~fires, float("inf"))
        surrogate = SURROGATES[options.surrogate]
        return Dynamics(
            leak=leak[:, None],
            threshold=threshold[:, None],
            theta=options.threshold,
            hard=options.reset == "hard",
            reset_gradient=options.reset_gradient,
            surrogate=lambda distance: surrogate(distance, options),
        )

    def newborn_dynamics(self) -> Dynamics:
        """Leak and threshold of one hidden neuron, as [1, 1] tensors."""
        options = self.options

        def single(value: float) -> Tensor:
            return torch.full((1, 1), value, dtype=options.dtype, device=self.device)

        everyone = self.dynamics()
        return replace(everyone, leak=single(options.leak), threshold=single(options.threshold))

    def _columns(self, x: Tensor) -> Tensor:
        """[B, T, I] of any type -> [T, I, B] of the network's."""
        if x.dim() != 3 or x.shape[2] != self.channels:
            raise ValueError(
                f"input spikes have the shape {list(x.shape)}; give [samples, steps, {self.channels} input channels]"
            )
        return x.to(self.device).permute(1, 2, 0).to(self.options.dtype).contiguous()
