"""Has the task changed? ``DETECTORS`` is the extension point: a user's module may add its own under a new name.

A detector is a function ``(glimpse, options) -> (value, threshold)``, asked of every minibatch before it is trained on;
it raises an alarm where the value is above the threshold. It knows nothing of tasks (but ``told``, the bound of all
others), and does not say what follows from an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smalti.model.options import ranges
from smalti.model.options.values import settle

LEAST = 0.02  # deviation of the loss that is believed at least, nats
WINDOW = 30  # minibatches over which the running mean of the loss and its deviation are taken
SEEN = 5  # minibatches after which a running mean is compared with


@dataclass(frozen=True, kw_only=True)
class DetectionOptions:
    """How a change of task is noticed where ``stream.boundaries`` is hidden, and what follows.

    Attributes:
        by: novelty (of the inputs to the gating network), shift (of the mean input), loss (a jump of the training
            loss), labels (one that no expert serves), schedule (every so many minibatches), random (as many at random,
            the control) or told (the true beginnings, the bound).
        novelty: mean novelty of inputs, in standard deviations, above which they are new: an alarm for by = novelty,
            and a new expert, whatever raised the alarm.
        shift: alarm where the mean input is this many times as far from the usual one as chance would have it, squared.
        jump: alarm where the loss is this many deviations above its running mean.
        every: minibatches between two alarms for by = schedule, and in the mean for random.
        rest: minibatches after an alarm in which there is no other.
        gather: samples of labels without an expert that are waited for, after an alarm, before one is founded for them;
            where samples ask for targets, trials in a row that no expert explains.
        hold: minibatches that labels without an expert wait for an alarm; then the present expert takes them on.
    """

    by: str = "novelty"
    novelty: float = 0.5
    shift: float = 5.0
    jump: float = 4.0
    every: int = 250
    rest: int = 10
    gather: int = 64
    hold: int = 40

    def __post_init__(self) -> None:
        settle(self, "gating.detect")
        ranges.finite("gating.detect", self, "novelty", "shift", "jump")
        ranges.at_least("gating.detect", self, 2, "gather")
        ranges.at_least("gating.detect", self, 1, "every", "hold", most=ranges.EVER)
        ranges.not_negative("gating.detect", self, "rest", most=ranges.EVER)


@dataclass
class Memory:
    """Running mean of some quantities and of their squares, since the task was last thought to change."""

    count: int = 0  # minibatches
    mean: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))  # [any]
    square: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))  # [any]

    def add(self, mean: Tensor, square: Tensor, window: float = math.inf) -> None:
        """Take in a minibatch's means: all minibatches count alike, or the last ``window`` most."""
        weight = max(1 / (self.count + 1), 1 / window)
        if not self.count:
            self.mean, self.square = torch.zeros_like(mean), torch.zeros_like(square)
        self.mean = self.mean + weight * (mean - self.mean)
        self.square = self.square + weight * (square - self.square)
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"count": self.count, "mean": self.mean, "square": self.square}


@dataclass(frozen=True)
class Glimpse:
    """A minibatch as a detector may see it."""

    step: int  # minibatches before it, over the whole run
    counts: Tensor  # [B, F] input spike counts
    novelty: Callable[[], float]  # mean novelty of its inputs to the gating network, standard deviations
    loss: Callable[[], float]  # mean loss of the present expert, nats per sample
    unserved: float  # share of labels that no expert serves
    begins: bool  # whether a task begins with it: the truth, for ``told`` alone
    memory: Memory  # kept between minibatches, made anew after a change
    chance: np.random.Generator


Detector = Callable[[Glimpse, DetectionOptions], tuple[float, float]]


def novelty(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """Inputs that are far from every class that the gating network knows. Known tasks that return raise no alarm."""
    return glimpse.novelty(), options.novelty


def shift(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """The mean of f = sqrt(spike counts) is far from that of the n minibatches since the last change.

    Value |m - M|^2 / (tr C (1/B + 1/(n B))), with m [F] the mean of the minibatch, M and C mean and covariance of what
    came before: 1 in expectation while nothing changes. Hotelling's statistic with one variance for all directions, as
    in tests of means with more features than samples (Bai & Saranadasa 1996). Needs no labels.
    """
    f, memory = glimpse.counts.to(torch.float64).sqrt(), glimpse.memory
    mean, value = f.mean(0), 0.0
    if memory.count >= SEEN:
        total = float((memory.square - memory.mean.square()).sum())
        by_chance = total * (1 + 1 / memory.count) / len(f)
        value = float((mean - memory.mean).square().sum()) / max(by_chance, 1e-12)
    memory.add(mean, f.square().mean(0))
    return value, options.shift


def loss(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """The loss of the present expert has jumped above its running mean."""
    now, memory = torch.tensor([glimpse.loss()], dtype=torch.float64), glimpse.memory
    threshold = math.inf
    if memory.count >= SEEN:
        variance = float(memory.square - memory.mean.square())
        threshold = float(memory.mean) + options.jump * max(math.sqrt(max(variance, 0.0)), LEAST)
    memory.add(now, now.square(), WINDOW)
    return float(now), threshold


def labels(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """A label that no expert serves."""
    return glimpse.unserved, 0.0


def schedule(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """Every ``every`` minibatches, whatever they hold."""
    return float(glimpse.step > 0 and glimpse.step % options.every == 0), 0.0


def random(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """At random minibatches, in expectation as often as ``schedule``: the control of all others."""
    return float(glimpse.chance.random() < 1 / options.every), 0.0


def told(glimpse: Glimpse, options: DetectionOptions) -> tuple[float, float]:
    """At the first minibatch with a sample of the next experience: the bound of all others."""
    return float(glimpse.begins), 0.0


DETECTORS: dict[str, Detector] = {
    "novelty": novelty,
    "shift": shift,
    "loss": loss,
    "labels": labels,
    "schedule": schedule,
    "random": random,
    "told": told,
}
