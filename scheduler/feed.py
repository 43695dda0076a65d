"""Batches of one experience: which samples at which step, as spikes, from the seed and the step alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from scheduler.randomness import Use, entropy, generator
from scheduler.streams import Experience, Samples
from scheduler.streams.encode import batches, draw

TRAIN, VALIDATION, TEST = range(3)


class Feed:
    """Training batches, probes and evaluation parts of an experience."""

    def __init__(self, experience: Experience, steps: int, batch: int, seed: int) -> None:
        self.experience, self.steps, self.seed = experience, steps, seed
        self.batch = min(batch, len(experience.train))
        self.batches_per_epoch = -(-len(experience.train) // self.batch)
        self._epoch = lru_cache(maxsize=1)(self._draw_epoch)

    def training(self, step: int) -> tuple[Tensor, Tensor]:
        """Batch of a training step: spikes [B, T, I] uint8 and classes [B] int."""
        epoch, within = divmod(step, self.batches_per_epoch)
        spikes, order = self._epoch(epoch)
        rows = order[within]
        return torch.from_numpy(spikes[rows]), torch.from_numpy(self.experience.train.y[rows])

    def rows(self, step: int) -> Tensor:
        """Rows of that batch among the training samples [B] int."""
        epoch, within = divmod(step, self.batches_per_epoch)
        return torch.from_numpy(self._epoch(epoch)[1][within])

    def unseen(self, step: int) -> int:
        """Samples at the front of a training step's batch that no earlier step had; its last batch may be padded."""
        return max(0, min(self.batch, len(self.experience.train) - step * self.batch))

    def probe(self, samples: int, round_number: int) -> tuple[Tensor, Tensor]:
        """A fresh random part of the training samples, with fresh spikes."""
        part = self.experience.train
        chance = generator(self.seed, Use.PROBE, round_number)
        rows = chance.permutation(len(part))[: min(samples, len(part))]
        chosen = part.select(rows)
        key = entropy(self.seed, Use.SPIKES, TRAIN, self.experience.task, 1, round_number)
        return torch.from_numpy(draw(chosen, self.steps, key)), torch.from_numpy(chosen.y)

    def evaluation(self, part: int) -> tuple[Tensor, Tensor]:
        """All samples of the validation or test part, always with the same spikes."""
        samples: Samples = self.experience.test if part == TEST else self.experience.validation
        key = entropy(self.seed, Use.SPIKES, part, self.experience.task)
        return torch.from_numpy(draw(samples, self.steps, key)), torch.from_numpy(samples.y)

    def _draw_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        part, task = self.experience.train, self.experience.task
        spikes = draw(part, self.steps, entropy(self.seed, Use.SPIKES, TRAIN, task, 0, epoch))
        order = batches(len(part), self.batch, entropy(self.seed, Use.ORDER, task, epoch))
        return spikes, order
