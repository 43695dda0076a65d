"""An expert: the neurons that serve one task, or several tasks that share their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric
from smalti.model.network import Network


def output_tiles(fabric: Fabric, number: int, free: Mapping[int, Sequence[int]], outputs: int) -> list[int]:
    """Where the outputs of expert ``number`` may go, for south tiles take turns: those with that many free slots."""
    south = fabric.south_tiles
    turns = (south[(number + turn) % len(south)] for turn in range(len(south)))
    return [tile for tile in turns if len(free[tile]) >= outputs]


@dataclass
class Expert:
    """Who belongs together; the gating agent keeps one for each label set."""

    number: int
    classes: tuple[int, ...]  # in the order of the outputs, where each has one
    output_tile: int
    outputs: tuple[int, ...]  # slots of the output units
    tasks: list[int] = field(default_factory=list)
    lent: list[int] = field(default_factory=list)  # those of its tasks that it serves as it is, without learning them
    neurons: list[int] = field(default_factory=list)  # slots of its hidden neurons; of two levels, those born for it
    sets: list[list[int]] = field(default_factory=list)  # classes that are told apart among themselves, once seen
    exponents: tuple[float, float] = (1.0, 1.0)  # of its own answer and of the gating network's vote on its classes
    path: tuple[int, ...] = ()  # of two levels, the north and south part that it runs; of one, empty

    @property
    def seen(self) -> list[int]:
        """Classes of its tasks so far; before the first, all of its classes."""
        return [label for labels in self.sets for label in labels] or list(self.classes)

    def meet(self, task: int, classes: tuple[int, ...], apart: bool) -> None:
        """Take on a task with these classes: ``apart`` from those of others, for the task is told, or among them."""
        self.tasks.append(task)
        known = {label for labels in self.sets for label in labels}
        self.sets = [*self.sets, list(classes)] if apart else [sorted({*known, *classes})]

    def label_sets(self) -> Tensor:
        """Outputs of each label set [G, O] bool."""
        rows = [[label in labels for label in self.classes] for labels in self.sets]
        return torch.tensor(rows, dtype=torch.bool).view(len(rows), len(self.classes))

    def members(self) -> Tensor:
        """Slots of hidden neurons and outputs, ascending."""
        return torch.tensor(sorted([*self.neurons, *self.outputs]), dtype=torch.int64)

    def running(self, network: Network) -> Tensor:
        """Its neurons as a mask [N] bool."""
        mask = torch.zeros_like(network.state.alive)
        mask[self.members().to(mask.device)] = True
        return mask

    def state_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @staticmethod
    def from_state(state: dict[str, Any]) -> Expert:
        """What ``state_dict`` gave."""
        tuples: dict[str, Any] = {n: tuple(state[n]) for n in ("classes", "outputs", "exponents", "path") if n in state}
        return Expert(**(state | tuples))
