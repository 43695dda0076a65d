"""The neuron: leaky integrate-and-fire with a surrogate gradient, and its options.

    V[t] = a V[t-1] - reset(S[t-1]) + I[t],   S[t] = 1 where V[t] >= theta,   a = exp(-dt / tau)

Symbols: V membrane, I input current of the step (spikes x weights), theta threshold (all dimensionless); a leak per
step, dt = 1 ms, tau in ms. Soft reset subtracts theta S[t-1]; hard reset multiplies a V[t-1] by (1 - S[t-1]). Output
units integrate with their own leak and, unless spikes are counted, never fire. The recurrence with the reset one step
late is that of the Mosaic reference (Dalgaty et al. 2024); surrogate gradients: Neftci, Mostafa, Zenke 2019.

Kinds of hidden neurons (``model.kinds``) may remember longer, by a slow synapse and by an adapting threshold:

    J[t] = k J[t-1] + I[t]        and J[t] instead of I[t] above
    A[t] = r A[t-1] + S[t-1],     S[t] = 1 where V[t] - b A[t] >= theta

Symbols: J synaptic current, k = exp(-dt / tau_synapse); A trace of the neuron's own spikes, r = exp(-dt / tau_A), b its
strength. The synapse is snnTorch's ``Synaptic`` and NIR's ``CubaLIF``; the threshold Bellec et al. 2018 (1803.09574).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from smalti.model.kinds import NO_KIND, Cell, KindOptions, check_kinds, decay
from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Neurons, readout and engine.

    Attributes:
        engine: who computes: events (for CPUs, cost follows the spikes, needs numba) or dense (vectorised torch, any
            device); auto takes events where it can run.
        tau_ms: membrane time constant of hidden neurons in ms.
        output_tau_ms: membrane time constant of output units in ms.
        threshold: firing threshold theta.
        reset: soft subtracts the threshold after a spike, hard sets the membrane to zero.
        surrogate: derivative of the spike used backward: triangle or fast_sigmoid, both cut at surrogate_width.
        surrogate_width: half-width of the surrogate's support around the threshold; the narrower, the cheaper is
            training with events. The default costs no accuracy (docs/performance.md).
        surrogate_height: value of the surrogate at the threshold.
        readout: what the outputs say: membrane_mean, membrane_max or spike_count over time, or membrane_last, for
            tasks whose answer is ready at the end of a sample.
        precision: float32, or float64 for checks.
        device: torch device that computes, such as cpu or cuda.
        kinds: kinds of hidden neurons by name, such as [network.kinds.slow] with tau_ms and synapse_ms; with none, all
            hidden neurons have tau_ms and nothing else that remembers.
    """

    engine: Literal["auto", "dense", "events"] = "auto"
    tau_ms: float = 20.0
    output_tau_ms: float = 20.0
    threshold: float = 1.0
    reset: Literal["soft", "hard"] = "soft"
    surrogate: Literal["triangle", "fast_sigmoid"] = "fast_sigmoid"
    surrogate_width: float = 0.5
    surrogate_height: float = 0.45
    readout: Literal["membrane_mean", "membrane_max", "membrane_last", "spike_count"] = "membrane_mean"
    precision: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    kinds: Mapping[str, KindOptions] = field(default_factory=dict, hash=False)

    reset_gradient: ClassVar[bool] = False  # whether gradients pass through the reset, or take it for a constant
    surrogate_slope: ClassVar[float] = 1.0  # steepness of the fast sigmoid, 1 / (slope |V - theta| + 1)^2

    def __post_init__(self) -> None:
        settle(self, "network")
        ranges.positive("network", self, "tau_ms", "output_tau_ms", most=1e9)
        ranges.positive("network", self, "threshold", "surrogate_width", "surrogate_height", most=1e6)
        check_kinds(self.kinds)

    @property
    def leak(self) -> float:
        """Factor a by which a hidden membrane decays in one step."""
        return decay(self.tau_ms)

    @property
    def output_leak(self) -> float:
        """Factor by which an output membrane decays in one step."""
        return decay(self.output_tau_ms)

    @property
    def plain_cell(self) -> Cell:
        """A hidden neuron where no kinds are told apart."""
        return Cell(NO_KIND, self.leak)

    @property
    def dtype(self) -> torch.dtype:
        """Torch type of weights and membranes."""
        return torch.float64 if self.precision == "float64" else torch.float32


def triangle(distance: Tensor, options: NetworkOptions) -> Tensor:
    """height max(0, 1 - |V - theta| / width), from the distance V - theta."""
    return (1 - distance.abs() / options.surrogate_width).clamp_(min=0).mul_(options.surrogate_height)


def fast_sigmoid(distance: Tensor, options: NetworkOptions) -> Tensor:
    """height / (slope |V - theta| + 1)^2 within the width, zero outside, from the distance V - theta."""
    magnitude = distance.abs()
    value = options.surrogate_height / (options.surrogate_slope * magnitude + 1) ** 2
    return value * (magnitude < options.surrogate_width)


SURROGATES: dict[str, Callable[[Tensor, NetworkOptions], Tensor]] = {
    "triangle": triangle,
    "fast_sigmoid": fast_sigmoid,
}


@dataclass(frozen=True)
class Adaptation:
    """How thresholds adapt."""

    strength: Tensor  # [N, 1] rise of the threshold by a spike of the neuron's own
    recovery: Tensor  # [N, 1] decay of that rise per step

    def after(self, trace: Tensor, spikes: Tensor) -> Tensor:
        """A[t] from A[t-1] and S[t-1]."""
        return trace * self.recovery + spikes

    def trace(self, spikes: Tensor) -> Tensor:
        """A [T, N, B] from all spikes S of that shape."""
        trace = torch.zeros_like(spikes)
        for t in range(1, len(spikes)):
            trace[t] = self.after(trace[t - 1], spikes[t - 1])
        return trace


@dataclass(frozen=True)
class Dynamics:
    """What a step of the neurons needs to know."""

    leak: Tensor  # [N, 1] decay of membranes per step
    threshold: Tensor  # [N, 1] firing threshold; infinite for slots that must stay silent
    theta: float  # amount of a soft reset
    hard: bool  # hard instead of soft reset
    reset_gradient: bool  # gradients pass through the reset
    surrogate: Callable[[Tensor], Tensor]  # V - theta -> surrogate derivative, same shape
    synapse: Tensor | None = None  # [N, 1] decay of synaptic currents per step; None where no synapse is slow
    adaptation: Adaptation | None = None  # None where no threshold adapts
    fused: bool = False  # newborns are worked out by numba

    @staticmethod
    def of(
        options: NetworkOptions, threshold: Tensor, leak: Tensor, synapse: Tensor, strength: Tensor, recovery: Tensor
    ) -> Dynamics:
        """Neurons with constants of their own, [N, 1] each and 0 for what they have not, and what all share."""
        surrogate = SURROGATES[options.surrogate]
        return Dynamics(
            leak=leak,
            threshold=threshold,
            theta=options.threshold,
            hard=options.reset == "hard",
            reset_gradient=options.reset_gradient,
            surrogate=lambda distance: surrogate(distance, options),
            synapse=synapse if synapse.any() else None,
            adaptation=Adaptation(strength, recovery) if strength.any() else None,
        )

    @property
    def constants(self) -> tuple[float, ...]:
        """Of a single neuron: leak, threshold, theta, synapse, strength and recovery, 0 for what it has not."""
        synapse = 0.0 if self.synapse is None else float(self.synapse)
        adapts = (0.0, 0.0) if self.adaptation is None else tuple(map(float, astuple(self.adaptation)))
        return float(self.leak), float(self.threshold), self.theta, synapse, *adapts


@dataclass(frozen=True)
class Neurons:
    """State of neurons after a step; [N, B] or any shape that ``Dynamics`` broadcasts with."""

    membrane: Tensor  # V
    spikes: Tensor  # S
    current: Tensor  # J; stays at rest where no synapse is slow
    trace: Tensor  # A; stays at rest where no threshold adapts

    @staticmethod
    def at_rest(like: Tensor) -> Neurons:
        """As many neurons as ``like`` has numbers, to which nothing has happened."""
        rest = torch.zeros_like(like)
        return Neurons(rest, rest, rest, rest)


def step(before: Neurons, current: Tensor, dynamics: Dynamics) -> Neurons:
    """One step of the equations above.

    Args:
        before: the step before.
        current: I[t].
        dynamics: constants.
    """
    arriving, trace = before.current, before.trace
    if dynamics.synapse is not None:
        arriving = current = arriving * dynamics.synapse + current
    decayed = before.membrane * dynamics.leak
    after = decayed * (1 - before.spikes) if dynamics.hard else decayed - dynamics.theta * before.spikes
    membrane = potential = after + current
    if dynamics.adaptation is not None:
        trace = dynamics.adaptation.after(trace, before.spikes)
        potential = membrane - dynamics.adaptation.strength * trace
    return Neurons(membrane, (potential >= dynamics.threshold).to(membrane.dtype), arriving, trace)
