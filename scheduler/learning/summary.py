"""The summary of a round of training: what its steps showed, added up.

Steps of one learner and one size make a stretch: within it, spikes are added up sample by sample, and the chip is as it
was when the stretch began. The summary of several stretches is their mean, each with the weight of its samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model import costs
from smalti.model.network import Network
from smalti.scheduler.answers.said import Spikes
from smalti.scheduler.learning.training import Learner, Step

PASSES = 3  # forward, adjoints and weight gradient: a spike meets each device once in every one of them


@dataclass(frozen=True)
class TrainingSummary:
    """What a round of training showed, means over its samples."""

    loss: float  # cross-entropy, nats per sample
    accuracy: float
    rate: float  # spikes per running hidden neuron and step
    spikes_per_sample: float
    hop_spikes_per_sample: float
    operations: float  # synaptic operations of the round
    learning_rate: float  # of the last step
    counts: Tensor  # [N, B] spikes of every neuron, mean over minibatches; B = 1, the mean, where their sizes differ
    input_spikes: Tensor  # [I] spikes of every input channel per sample


class Accumulator:
    """Adds up the steps of a round."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._stretches: list[_Stretch] = []

    @property
    def stretches(self) -> int:
        """Stretches so far."""
        return len(self._stretches)

    def add(self, learner: Learner, step: Step) -> None:
        """Take in a step; to be called before the chip changes again."""
        last = self._stretches[-1] if self._stretches else None
        if last is None or last.learner is not learner or last.size != step.size:
            self._stretches.append(last := _Stretch(self._network, learner, step))
        last.add(step)

    def summary(self, first: int = 0) -> TrainingSummary:
        """The summary of all stretches from a number on; NaN, and nothing spent, where there are none."""
        stretches = self._stretches[first:]
        if not stretches:
            return _nothing(self._network)
        summaries = [stretch.summary() for stretch in stretches]
        if len(summaries) == 1:
            return summaries[0]
        samples = torch.tensor([float(stretch.samples) for stretch in stretches], dtype=torch.float64)
        return _mean(summaries, samples / samples.sum())


class _Stretch:
    """Steps of one learner and one size."""

    def __init__(self, network: Network, learner: Learner, first: Step) -> None:
        self.learner, self.size, self.steps, self.number, self.rate = learner, first.size, first.steps, 0, 0.0
        running = learner.running & network.state.alive
        self.hidden = (running & ~network.state.output).cpu()  # [N] bool
        self.hops, self.fan_out = costs.hops(network), costs.fan_out(network, running)
        self.loss = self.score = 0.0
        self.counts = torch.zeros(network.fabric.neurons, first.size, dtype=torch.float64)
        self.input_spikes = torch.zeros(network.channels, dtype=torch.float64)

    @property
    def samples(self) -> int:
        return self.number * self.size

    def add(self, step: Step) -> None:
        self.loss, self.score = self.loss + step.loss, self.score + step.score
        self.counts += step.counts
        self.input_spikes += step.input_spikes
        self.number, self.rate = self.number + 1, step.rate

    def summary(self) -> TrainingSummary:
        counts, input_spikes = self.counts / self.number, self.input_spikes / self.samples
        rates = Spikes(torch.arange(len(counts)), counts).per_sample(len(counts), input_spikes)
        of_hidden = float(counts[self.hidden].sum()) / counts.shape[1] / max(1, int(self.hidden.sum()))
        return TrainingSummary(
            loss=self.loss / self.number,
            accuracy=self.score / self.number,
            rate=of_hidden / self.steps,
            spikes_per_sample=float(rates[: len(counts)].sum()),
            hop_spikes_per_sample=float(rates @ self.hops),
            operations=PASSES * float(rates @ self.fan_out) * self.number * self.size,
            learning_rate=self.rate,
            counts=counts,
            input_spikes=input_spikes,
        )


def _mean(summaries: list[TrainingSummary], shares: Tensor) -> TrainingSummary:
    """The mean of summaries, with these shares [summaries] float64; operations are added up."""

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
        input_spikes=torch.stack([summary.input_spikes for summary in summaries], 1) @ shares,
    )


def _nothing(network: Network) -> TrainingSummary:
    """The summary of no step at all."""
    return TrainingSummary(
        loss=math.nan,
        accuracy=math.nan,
        rate=math.nan,
        spikes_per_sample=0.0,
        hop_spikes_per_sample=0.0,
        operations=0.0,
        learning_rate=math.nan,
        counts=torch.zeros((network.fabric.neurons, 1), dtype=torch.float64),
        input_spikes=torch.zeros(network.channels, dtype=torch.float64),
    )
