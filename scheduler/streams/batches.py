"""Batches of one experience: which samples at which step, as spikes, from the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from smalti.scheduler.randomness import Use, entropy, generator
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.coding.encode import batches, draw
from smalti.scheduler.streams.spikes.kept import MOST, Kept
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Samples
from smalti.scheduler.streams.wanted import Wanted

TRAIN, VALIDATION, TEST, NOVEL = range(4)


class TaskBatches:
    """Training batches, probes and evaluation parts of an experience.

    The training batches of all epochs, one after the other, are a sequence of places; a place of the first epoch that
    no other sample has had shows its sample for the first time. Where a task returns, ``begun`` steps of it are past.
    What is asked in evaluations may be ``kept`` for the next.
    """

    def __init__(
        self, experience: Experience, steps: int, batch: int, seed: int, begun: int = 0, kept: Kept | None = None
    ) -> None:
        self.kept = kept or Kept()
        self.experience, self.steps, self.seed, self.begun = experience, steps, seed, begun
        self.batch = min(batch, len(experience.train))
        self.batches_per_epoch = -(-len(experience.train) // self.batch)
        self._epoch = lru_cache(maxsize=1)(self._draw_epoch)

    @property
    def task(self) -> int:
        """Task whose samples they are."""
        return self.experience.task

    def training(self, step: int) -> tuple[Tensor, Wanted]:
        """Batch of a training step: spikes [B, T, I] uint8 and what they ask."""
        return self.places((self.begun + step) * self.batch, self.batch)

    def unseen(self, step: int) -> int:
        """How many samples at the beginning of the batch of a training step are shown for the first time."""
        first = (self.begun + step) * self.batch
        return max(0, min(self.batch, len(self.experience.train) - first))

    def places(self, first: int, count: int) -> tuple[Tensor, Wanted]:
        """Samples at ``count`` consecutive places from ``first`` on: spikes [count, T, I] uint8 and what they ask."""
        length = self.batches_per_epoch * self.batch
        spikes, wanted = [], []
        while count > 0:
            epoch, within = divmod(first, length)
            drawn, order = self._epoch(epoch)
            rows = order.reshape(-1)[within : within + count]
            spikes.append(torch.from_numpy(drawn[rows]))
            wanted.append(Wanted.of(self.experience.train, rows))
            first, count = first + len(rows), count - len(rows)
        return spikes[0] if len(spikes) == 1 else torch.cat(spikes), Wanted.joined(wanted)

    def once(self) -> Iterator[tuple[Tensor, Wanted]]:
        """Every training sample once, as in the first epoch: spikes [up to B, T, I] uint8 and what they ask."""
        for first in range(0, len(self.experience.train), self.batch):
            yield self.places(first, min(self.batch, len(self.experience.train) - first))

    def rows(self, step: int) -> Tensor:
        """Rows of the batch of a training step among the training samples [B] int."""
        epoch, within = divmod(self.begun + step, self.batches_per_epoch)
        return torch.from_numpy(self._epoch(epoch)[1][within])

    def probe(self, samples: int, round_number: int) -> tuple[Tensor, Wanted]:
        """A fresh random part of the training samples, with fresh spikes."""
        part = self.experience.train
        chance = generator(self.seed, Use.PROBE, round_number)
        rows = chance.permutation(len(part))[: min(samples, len(part))]
        chosen = part.select(rows)
        key = entropy(self.seed, Use.SPIKES, TRAIN, self.experience.task, 1, round_number)
        return torch.from_numpy(draw(chosen, self.steps, key)), Wanted.of(chosen)

    def evaluation(self, part: int) -> tuple[Tensor, Wanted]:
        """All samples of the validation part or of a test part, always with the same spikes."""
        here = self.experience
        samples = {VALIDATION: here.validation, TEST: here.test, NOVEL: here.novel}[part]
        assert samples is not None, "the stream has no second test part"
        key = entropy(self.seed, Use.SPIKES, part, here.task)
        return torch.from_numpy(self.kept(key, lambda: draw(samples, self.steps, key))), Wanted.of(samples)

    @cached_property
    def _spelled_out(self) -> Samples:
        """The training samples; those that are rendered on demand spelled out, for they are wanted in every epoch."""
        part = self.experience.train
        return replace(part, x=part.x[:]) if isinstance(part.x, Rendered) and part.x.nbytes <= MOST else part

    def _draw_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        part, task = self._spelled_out, self.experience.task
        spikes = draw(part, self.steps, entropy(self.seed, Use.SPIKES, TRAIN, task, 0, epoch))
        order = batches(len(part), self.batch, entropy(self.seed, Use.ORDER, task, epoch))
        return spikes, order
