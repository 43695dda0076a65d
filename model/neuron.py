"""The neuron: leaky integrate-and-fire with a surrogate gradient, and its options.

    V[t] = a V[t-1] - reset(S[t-1]) + I[t],   S[t] = 1 where V[t] >= theta,   a = exp(-dt / tau)

Symbols: V membrane, I input current of the step (spikes x weights), theta threshold (all dimensionless); a leak per
step, dt = 1 ms, tau in ms. Soft reset subtracts theta S[t-1]; hard reset multiplies a V[t-1] by (1 - S[t-1]). Output
units integrate with their own leak and, unless spikes are counted, never fire. The recurrence with the reset one step
late is that of the Mosaic reference (Dalgaty et al. 2024); surrogate gradients: Neftci, Mostafa, Zenke 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from smalti.model import ranges
from smalti.model.option_values import settle

STEP_MS = 1.0  # length of a time step


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
        readout: what the outputs say: membrane_mean, membrane_max or spike_count over time.
        precision: float32, or float64 for checks.
        device: torch device that computes, such as cpu or cuda.
    """

    engine: Literal["auto", "dense", "events"] = "auto"
    tau_ms: float = 20.0
    output_tau_ms: float = 20.0
    threshold: float = 1.0
    reset: Literal["soft", "hard"] = "soft"
    surrogate: Literal["triangle", "fast_sigmoid"] = "fast_sigmoid"
    surrogate_width: float = 0.5
    surrogate_height: float = 0.45
    readout: Literal["membrane_mean", "membrane_max", "spike_count"] = "membrane_mean"
    precision: Literal["float32", "float64"] = "float32"
    device: str = "cpu"

    reset_gradient: ClassVar[bool] = False  # whether gradients pass through the reset, or take it for a constant
    surrogate_slope: ClassVar[float] = 1.0  # steepness of the fast sigmoid, 1 / (slope |V - theta| + 1)^2

    def __post_init__(self) -> None:
        settle(self, "network")
        ranges.positive("network", self, "tau_ms", "output_tau_ms", most=1e9)
        ranges.positive("network", self, "threshold", "surrogate_width", "surrogate_height", most=1e6)

    @property
    def leak(self) -> float:
        """Factor a by which a hidden membrane decays in one step."""
        return math.exp(-STEP_MS / self.tau_ms)

    @property
    def output_leak(self) -> float:
        """Factor by which an output membrane decays in one step."""
        return math.exp(-STEP_MS / self.output_tau_ms)

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
class Dynamics:
    """What a step of the membranes needs to know."""

    leak: Tensor  # [N, 1] decay per step
    threshold: Tensor  # [N, 1] firing threshold; infinite for slots that must stay silent
    theta: float  # amount of a soft reset
    hard: bool  # hard instead of soft reset
    reset_gradient: bool  # gradients pass through the reset
    surrogate: Callable[[Tensor], Tensor]  # V - theta -> surrogate derivative, same shape


def step_membrane(membrane: Tensor, spikes: Tensor, current: Tensor, dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """One step of the equation above.

    Args:
        membrane, spikes: V[t-1] and S[t-1], [N, B] (or any shape that ``dynamics`` broadcasts with).
        current: I[t], same shape.

    Returns:
        V[t] and S[t], new tensors.
    """
    decayed = membrane * dynamics.leak
    after = decayed * (1 - spikes) if dynamics.hard else decayed - dynamics.theta * spikes
    membrane = after + current
    return membrane, (membrane >= dynamics.threshold).to(membrane.dtype)
