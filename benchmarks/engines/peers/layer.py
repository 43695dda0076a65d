"""What every peer is given, and what it must give back."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

READOUT_LEAK = 0.95  # b


@dataclass(frozen=True)
class Layer:
    """A recurrent layer between inputs and readout, and how it is trained.

    Raises:
        ValueError: a leak that some library cannot have.
    """

    weight_in: Tensor  # from input channels [I, N]
    weight_rec: Tensor  # W_rec from neuron (row) to neuron (column) [N, N], zero where there is no link
    weight_out: Tensor  # to outputs [N, O]
    tile: Tensor  # [N] int: neurons of two tiles without a link between them need no product
    leak: float  # a, the share of the membrane kept in a step
    threshold: float = 1.0  # theta
    learning_rate: float = 1e-3  # of Adam

    def __post_init__(self) -> None:
        if not 0.0 < self.leak < 1.0:
            raise ValueError(f"leak = {self.leak} must lie between 0 and 1")


@dataclass(frozen=True)
class Gradients:
    """Of the loss, before a step; zero for a weight that the peer does not have."""

    loss: float  # nats
    weight_in: Tensor  # [I, N]
    weight_rec: Tensor  # [N, N]
    weight_out: Tensor  # [N, O]


class Peer(ABC):
    """A network with its optimiser. Inputs x are [T, B, I], targets classes [B]."""

    torch_computes = True  # else torch's threads have nothing to do
    tolerance = 1e-3  # of the loss and of gradients, relative to the reference (``verification``)

    @classmethod
    def slow_here(cls) -> str:
        """Why it would be senseless to time it on this processor; empty if it is not."""
        return ""

    @abstractmethod
    def spikes(self, x: Tensor) -> Tensor:
        """Spikes [T, B, N]."""

    @abstractmethod
    def gradients(self, x: Tensor, target: Tensor) -> Gradients:
        """Loss and gradients; nothing is learned."""

    @abstractmethod
    def step(self, x: Tensor, target: Tensor) -> float:
        """Forward, backward and one step of Adam; the loss."""


def library(name: str) -> Any:
    """The module ``name``; the warnings of an import are not ours to mend.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how to install it.
    """
    package = name.split(".")[0]
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"{package} is not installed; pip install {package}", name=package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def shares(steps: int) -> Tensor:
    """What a spike at each step adds to the mean of y, for a weight of 1 [T]."""
    left = torch.arange(steps, 0, -1, dtype=torch.float64)  # steps that it still acts on
    return (1.0 - READOUT_LEAK**left) / ((1.0 - READOUT_LEAK) * steps)
