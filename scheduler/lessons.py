"""Lessons of single minibatches, of any size, put together to that of a round."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.scheduler.training import TrainingSummary


class Shown:
    """A minibatch at hand in the place of a batches; nobody knows of which task it is."""

    task = 0

    def __init__(self, x: Tensor, labels: Tensor) -> None:
        self.x, self.labels = x, labels
        self.batch, self.steps = x.shape[0], x.shape[1]

    def rows(self, step: int) -> Tensor:
        """Places in the minibatch."""
        return torch.arange(self.batch)

    def training(self, step: int) -> tuple[Tensor, Tensor]:
        """The minibatch, whatever the step."""
        return self.x, self.labels


def merged(summaries: Sequence[TrainingSummary], network: Network) -> TrainingSummary:
    """One summary of several: means over their samples, operations added up; ``counts`` is [N, 1], a mean over samples.

    Without any summary, loss, accuracy and rates are NaN, and nothing was spent.
    """
    if not summaries:
        nan, nobody = math.nan, torch.zeros((network.fabric.neurons, 1), dtype=torch.float64)
        return TrainingSummary(
            nan, nan, nan, 0.0, 0.0, 0.0, nan, nobody, torch.zeros(network.channels, dtype=torch.float64)
        )
    sizes = torch.tensor([float(summary.counts.shape[1]) for summary in summaries], dtype=torch.float64)
    shares = sizes / sizes.sum()

    def mean(name: str) -> float:
        return float(shares @ torch.tensor([getattr(summary, name) for summary in summaries], dtype=torch.float64))

    return TrainingSummary(
        loss=mean("loss"),
        accuracy=mean("accuracy"),
        rate=mean("rate"),
        spikes_per_sample=mean("spikes_per_sample"),
        hop_spikes_per_sample=mean("hop_spikes_per_sample"),
        operations=sum(summary.operations for summary in summaries),
        learning_rate=summaries[-1].learning_rate,
        counts=(torch.stack([summary.counts.mean(1) for summary in summaries], 1) @ shares)[:, None],
        heard=torch.stack([summary.heard for summary in summaries], 1) @ shares,
    )
