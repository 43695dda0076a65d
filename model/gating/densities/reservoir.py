"""A sample of fixed size of all that has been shown: reservoir sampling (Vitter 1985). Knows no gating network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

DRAWING, REHEARSING = range(2)


class Reservoir:
    """Features [M, F] and labels [M] of a uniform sample of everything added.

    What is kept and drawn follows from how many samples were added before, so no state of random numbers is kept.
    """

    def __init__(self, size: int, features: int) -> None:
        self.size = size
        self.features = torch.zeros((0, features), dtype=torch.float64)
        self.labels = torch.zeros(0, dtype=torch.int64)
        self.seen = 0

    def add(self, f: Tensor, labels: Tensor) -> None:
        """Show samples [B, F] with labels [B]; the n-th ever shown is kept with probability size / n."""
        room = min(self.size - len(self.features), len(f))
        self.features = torch.cat([self.features, f[:room]])
        self.labels = torch.cat([self.labels, labels[:room].to(torch.int64)])
        late = len(f) - room
        chance = np.random.default_rng((DRAWING, self.seen))
        self.seen += len(f)
        if self.size and late:
            places = chance.integers(np.arange(self.seen - late, self.seen) + 1)
            for row, place in enumerate(places.tolist(), start=room):
                if place < self.size:
                    self.features[place], self.labels[place] = f[row], labels[row]

    def draw(self, samples: int, turn: int) -> tuple[Tensor, Tensor]:
        """At most so many of those kept, each at most once: features and labels. ``turn`` tells draws apart."""
        chance = np.random.default_rng((REHEARSING, self.seen, turn))
        rows = torch.from_numpy(chance.permutation(len(self.features))[:samples])
        return self.features[rows], self.labels[rows]
