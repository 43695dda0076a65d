"""What samples ask: a class each, or what the outputs should be at single steps. Knows no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.scheduler.streams.types import Ints, Samples


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a batch asks."""

    labels: Tensor  # [B] int: class of each sample; where there are targets, its task
    targets: Tensor | None = None  # [B, T, O]
    weights: Tensor | None = None  # [B, T] of the steps, 0 where nothing is asked

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Tensor | slice) -> Wanted:
        """Of some samples."""
        asked = (None if part is None else part[rows] for part in (self.targets, self.weights))
        return Wanted(self.labels[rows], *asked)

    @staticmethod
    def of(samples: Samples, rows: Ints | slice = slice(None)) -> Wanted:
        """Of samples, or of some of them by their places."""
        asked = (None if part is None else torch.from_numpy(part[rows]) for part in (samples.targets, samples.weights))
        return Wanted(torch.from_numpy(samples.y[rows]), *asked)

    @staticmethod
    def joined(several: Sequence[Wanted]) -> Wanted:
        """Of several batches, one after the other."""
        if len(several) == 1:
            return several[0]
        labels = torch.cat([one.labels for one in several])
        targets = [one.targets for one in several if one.targets is not None]
        weights = [one.weights for one in several if one.weights is not None]
        return Wanted(labels, *(torch.cat(parts) if parts else None for parts in (targets, weights)))
