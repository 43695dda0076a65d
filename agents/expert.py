"""An expert: the neurons that serve one task, or several tasks that share their labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.network import Network


@dataclass
class Expert:
    """Who belongs together; the gating agent keeps one for each label set."""

    number: int
    classes: tuple[int, ...]  # in the order of the outputs
    output_tile: int
    outputs: tuple[int, ...]  # slots of the output units
    tasks: list[int] = field(default_factory=list)
    neurons: list[int] = field(default_factory=list)  # slots of its hidden neurons

    def members(self) -> Tensor:
        """Slots of hidden neurons and outputs, ascending."""
        return torch.tensor(sorted([*self.neurons, *self.outputs]), dtype=torch.int64)

    def running(self, network: Network) -> Tensor:
        """Its neurons as a mask [N] bool."""
        mask = torch.zeros_like(network.state.alive)
        mask[self.members().to(mask.device)] = True
        return mask
