"""Training: one step of backpropagation through time. What steps showed is added up in ``scheduler.learning.summary``.

The loss is that of ``answers.judge``, plus a penalty on neurons that fire too often. What wires cost is taken from
weights after the step (``model.wiring_cost``).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.continual import ContinualOptions
from smalti.model.growth.learning_rates import NewbornOptions, rate_factors
from smalti.model.network import Network, Recorded
from smalti.model.optimiser import Moments, OptimiserOptions, step
from smalti.model.options import ranges
from smalti.model.options.values import settle, shown
from smalti.model.wiring_cost import WiringCost, WiringOptions
from smalti.scheduler.answers.judge import KERNELS, Judge
from smalti.scheduler.learning.rehearsal import Rehearsal
from smalti.scheduler.streams.wanted import Wanted


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How long and how fast the network learns.

    Attributes:
        rounds: rounds of an experience.
        steps: minibatches of a round.
        batch: samples of a minibatch.
        learning_rate: peak learning rate; it warms up linearly and then falls along a cosine within each experience.
        warm_up: steps over which the learning rate rises at the beginning of an experience.
        restarts: rounds of an experience, counted from 0, in which the learning rate begins anew, to fall by the next
            of them or by the end (arXiv 1608.03983); growth that ends with the round before gives newborns a full one.
        rate_limit: spikes per neuron and step above which a neuron is held back.
        rate_weight: strength of that penalty.
        validate: measure the accuracy on validation data after every round, for curves; costs a forward pass over it.
        enough_accuracy: an experience trains no further once a round ends with that accuracy on validation data, or
            that score; 0: always to its last round, as comparisons want it.
        class_weights: how much a class counts in the loss: none, all samples alike; balanced, all classes of an
            experience alike, a sample by the inverse of how frequent its class is.
        optimiser: how weights move.
        wiring: what wires cost while weights are learned.
        continual: what keeps old tasks while a new one is learned, beside the protection of experts.
    """

    rounds: int = 10
    steps: int = 60
    batch: int = 64
    learning_rate: float = 0.01
    warm_up: int = 20
    restarts: tuple[int, ...] = ()
    rate_limit: float = 0.25
    rate_weight: float = 1.0
    validate: bool = False
    enough_accuracy: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    wiring: WiringOptions = field(default_factory=WiringOptions)
    continual: ContinualOptions = field(default_factory=ContinualOptions)

    def __post_init__(self) -> None:
        settle(self, "training")
        ranges.at_least("training", self, 1, "rounds", "steps", "batch")
        ranges.positive("training", self, "learning_rate", most=1000)
        ranges.not_negative("training", self, "warm_up", most=ranges.EVER)
        if list(self.restarts) != sorted({number for number in self.restarts if number > 0}):
            raise ValueError(
                f"training.restarts = {shown(list(self.restarts))} must name rounds in ascending order, none below 1"
            )
        ranges.weight("training", self, "rate_limit", "rate_weight")
        ranges.share("training", self, "enough_accuracy")


@dataclass(frozen=True)
class Trainee:
    """What is trained; its parts are changed in place."""

    network: Network
    moments: Moments
    rehearsal: Rehearsal
    judge: Judge


@dataclass(frozen=True, eq=False)
class Learner:
    """The expert that learns on the chip as it is, until growth or rewiring changes that."""

    expert: Expert
    outputs: Tensor  # [O] int: slots of its outputs
    running: Tensor  # [N] bool: neurons that take part
    hidden: Tensor  # [N] bool: neurons that are no outputs, whether they take part or not
    learns: Tensor  # [K, R, n] bool: devices that may move: those of neurons that take part, as far as not frozen
    record: Callable[[Tensor], Recorded]  # input spikes [B, T, I] -> what the network does, to go back through
    wiring: WiringCost | None = None  # of the devices that may move; None: they cost nothing

    @staticmethod
    def of(network: Network, expert: Expert, running: Tensor, wiring: WiringOptions | None = None) -> Learner:
        """An expert on the chip as it is now, and the neurons [N] bool that run with it; wires cost nothing or so."""
        outputs, state = torch.tensor(expert.outputs, device=network.device), network.state
        columns = running.to(network.device).view(network.fabric.tiles, 1, -1)
        hidden, learns = state.alive & ~state.output, state.mask & ~state.frozen & columns
        cost = None if wiring is None else WiringCost.of(network, learns, wiring)
        return Learner(expert, outputs, running, hidden, learns, network.recorder(outputs, running), cost)


@dataclass(frozen=True)
class Batch:
    """Samples of one step."""

    x: Tensor  # [B, T, I] input spikes
    wanted: Wanted  # what they ask
    rows: Tensor  # [b] int: places of the new ones among the training samples of the task


@dataclass(frozen=True)
class Step:
    """What one step showed."""

    size: int  # B, samples
    steps: int  # T, time steps of a sample
    rate: float  # learning rate
    loss: float  # per sample
    score: float
    counts: Tensor  # [N, B] spikes of every neuron
    input_spikes: Tensor  # [I] float64: spikes of every input channel, all samples together


def learning_rate(number: int, options: TrainingOptions) -> float:
    """Learning rate of a step counted from the beginning of the experience."""
    rounds = [0, *(at for at in options.restarts if at < options.rounds), options.rounds]
    begin, end = next(pair for pair in pairwise(at * options.steps for at in rounds) if number < pair[1])
    warm = min(1.0, (number - begin + 1) / max(options.warm_up, 1))
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * (number - begin) / (end - begin)))


def slope_of_excess(
    hidden: Tensor, counts: Tensor, steps: int, options: TrainingOptions, fused: bool = False
) -> Tensor | None:
    """Gradient of the penalty on neurons that fire too often, with respect to their spike counts; None for zero.

    The penalty is the sum over hidden neurons of the square of their rate above the limit, times the weight.

    Args:
        hidden: neurons that it is of [N] bool.
        counts: spikes of every neuron over the sample [N, B].
        steps: T.
        options: limit and weight.
        fused: use numba; on the CPU only. The numbers are the same.
    """
    if fused:
        slope: Tensor | None = importlib.import_module(f"{KERNELS}.grading").of_excess(
            hidden, counts, steps, options.rate_limit, options.rate_weight
        )
        return slope
    mean = counts.mean(1)
    if not bool(((mean > options.rate_limit * steps) & hidden).any()):
        return None
    above = (mean / steps - options.rate_limit).clamp_(min=0) * hidden
    return (above * 2 * options.rate_weight / steps / counts.shape[1])[:, None].expand(counts.shape)


def train_step(
    trainee: Trainee,
    learner: Learner,
    batch: Batch,
    rate: float,
    options: TrainingOptions,
    newborns: NewbornOptions,
) -> Step:
    """One step of backpropagation through time.

    Args:
        trainee: what is trained; changed in place.
        learner: the expert that learns.
        batch: samples of classes that it has seen.
        rate: learning rate.
        options: training options.
        newborns: learning rates of what has grown.
    """
    network, moments, method, judge = trainee.network, trainee.moments, trainee.rehearsal.method, trainee.judge
    state, fused = network.state, network.engine == "events"
    recorded = learner.record(batch.x)
    activity, steps = recorded.activity, batch.x.shape[1]
    answers = judge.answers(activity).requires_grad_()
    grade = judge.grade(learner.expert, answers.detach(), batch.wanted)
    retention, slope = method.loss(answers, batch.rows), grade.slope
    if retention is not None:
        slope = slope + torch.autograd.grad(retention, answers)[0]
    of_membrane, of_counts = judge.slopes_of_activity(slope, activity)
    excess = slope_of_excess(learner.hidden, activity.counts, steps, options, fused)
    if of_counts is not None and excess is not None:
        excess = of_counts + excess
    gradient = recorded.backward(of_membrane, of_counts if excess is None else excess)
    factors = rate_factors(state, moments.count, learner.learns, learner.running, newborns)
    method.before_step(state.weight)
    pulled = trainee.rehearsal.pulled(gradient, state.weight)
    step(state.weight, pulled, learner.learns, moments, rate, options.optimiser, factors, fused, network.threads)
    method.correct(state.weight)
    if learner.wiring is not None:
        learner.wiring.shrink(state.weight, rate, factors)
    network.memristors.learned(learner.learns)
    method.after_step(state.weight, gradient)
    return Step(
        size=len(batch.x),
        steps=steps,
        rate=rate,
        loss=grade.loss,
        score=grade.score,
        counts=activity.counts.cpu(),
        input_spikes=recorded.input_spikes,
    )
