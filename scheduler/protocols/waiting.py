"""Samples of labels that no expert serves yet: they wait until somebody does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smalti.scheduler.streams.drift import Minibatch


@dataclass(frozen=True)
class Waiting:
    """Samples of labels without an expert."""

    x: Tensor  # [W, T, I] uint8 input spikes
    labels: Tensor  # [W] int
    fresh: Tensor  # [W] bool: the gating network has yet to learn them
    since: int = 0  # minibatches since the first of them came

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> tuple[int, ...]:
        """Their labels, ascending."""
        return classes_of(self.labels)

    @staticmethod
    def nobody(steps: int, channels: int) -> Waiting:
        """No samples, of this shape."""
        nothing = torch.zeros(0, dtype=torch.int64)
        return Waiting(torch.zeros((0, steps, channels), dtype=torch.uint8), nothing, nothing.bool())

    def joined(self, batch: Minibatch, unserved: Tensor) -> Waiting:
        """These and the samples of a minibatch whose labels nobody serves [B] bool, one minibatch later."""
        return Waiting(
            x=torch.cat([self.x, batch.x[unserved]]),
            labels=torch.cat([self.labels, batch.labels[unserved]]),
            fresh=torch.cat([self.fresh, batch.fresh[unserved]]),
            since=self.since + 1 if len(self) else 0,
        )

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"x": self.x, "labels": self.labels, "fresh": self.fresh, "since": self.since}

    @staticmethod
    def from_state(state: dict[str, Any]) -> Waiting:
        """What ``state_dict`` gave."""
        return Waiting(**state)


def classes_of(labels: Tensor) -> tuple[int, ...]:
    """The classes that occur among labels, ascending."""
    return tuple(sorted(set(labels.tolist())))
