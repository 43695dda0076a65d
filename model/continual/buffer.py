"""A buffer of stored samples: which they are, not what they are; whoever trains looks them up, draws their spikes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.continual.method import ENTRY, Task
from smalti.model.continual.samplers import SAMPLERS


def empty() -> dict[str, Tensor]:
    """Notes of a buffer that has seen nothing."""
    facts = torch.zeros(2, dtype=torch.int64)  # samples seen, numbers that a sample consists of
    return {"entries": torch.empty(0, ENTRY, dtype=torch.int64), "facts": facts}


def store(notes: dict[str, Tensor], task: Task, sampler: str, capacity: int) -> dict[str, Tensor]:
    """Notes of the buffer after the task's training samples, told in random order."""
    order = torch.from_numpy(task.chance.permutation(len(task.labels)))
    numbers = torch.full_like(order, task.number)
    new = torch.stack([numbers, order, task.labels[order]], 1).tolist()
    seen = int(notes["facts"][0])
    entries = SAMPLERS[sampler](notes["entries"].tolist(), seen, new, capacity, task.chance)
    facts = torch.tensor([seen + len(new), task.values])
    return {"entries": torch.tensor(entries, dtype=torch.int64), "facts": facts}


def draw(notes: dict[str, Tensor], count: int, chance: np.random.Generator) -> Tensor:
    """A minibatch [M, ENTRY] of different samples, M = ``count`` or as many as there are."""
    entries = notes["entries"].cpu()
    return entries[torch.from_numpy(chance.permutation(len(entries))[:count])]


def stored_values(notes: dict[str, Tensor]) -> int:
    """Numbers that the stored samples consist of, with their classes."""
    return len(notes["entries"]) * (int(notes["facts"][1]) + 1)
