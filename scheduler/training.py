"""Training of one round: some minibatches of backpropagation through time on the present experience.

Loss in nats per sample: cross-entropy over the expert's classes, plus a penalty on neurons that fire too often.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model import costs
from smalti.model.continual import ContinualOptions
from smalti.model.growth.learning_rates import NewbornOptions, rate_factors
from smalti.model.network import Activity, Network
from smalti.model.optimiser import Moments, OptimiserOptions, step
from smalti.model.option_values import settle
from smalti.scheduler.rehearsal import Rehearsal
from smalti.scheduler.streams.batches import Batches

PASSES = 3  # forward, adjoints and weight gradient: a spike meets each device once in every one of them


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How long and how fast the network learns.

    Attributes:
        rounds: rounds of an experience.
        steps: minibatches of a round.
        batch: samples of a minibatch.
        learning_rate: peak learning rate; it warms up linearly and then falls along a cosine within each experience.
        warm_up: steps over which the learning rate rises at the beginning of an experience.
        rate_limit: spikes per neuron and step above which a neuron is held back.
        rate_weight: strength of that penalty.
        validate: measure the accuracy on validation data after every round, for curves; costs a forward pass over it.
        optimiser: how weights move.
        continual: what keeps old tasks while a new one is learned, beside the protection of experts.
    """

    rounds: int = 10
    steps: int = 60
    batch: int = 64
    learning_rate: float = 0.01
    warm_up: int = 20
    rate_limit: float = 0.25
    rate_weight: float = 1.0
    validate: bool = False
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    continual: ContinualOptions = field(default_factory=ContinualOptions)

    def __post_init__(self) -> None:
        settle(self, "training")
        for name in ("rounds", "steps", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.{name} = {getattr(self, name)} must be at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"training.learning_rate = {self.learning_rate} must be a positive number")
        for name in ("warm_up", "rate_limit", "rate_weight"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"training.{name} = {getattr(self, name)} must be a number, 0 or more")


@dataclass(frozen=True)
class TrainingSummary:
    """What a round of training showed, means over its minibatches."""

    loss: float  # cross-entropy, nats per sample
    accuracy: float
    rate: float  # spikes per running hidden neuron and step
    spikes_per_sample: float
    hop_spikes_per_sample: float
    operations: float  # synaptic operations of the round
    learning_rate: float  # of the last step
    counts: Tensor  # [N, B] spikes of every neuron, mean over minibatches
    heard: Tensor  # [I] spikes of every input channel per sample


def learning_rate(number: int, options: TrainingOptions) -> float:
    """Learning rate of a step counted from the beginning of the experience."""
    total = options.rounds * options.steps
    warm = min(1.0, (number + 1) / max(options.warm_up, 1))
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * number / total))


def positions(classes: tuple[int, ...], labels: Tensor) -> Tensor:
    """Index of each label among an expert's classes [B]."""
    table = torch.full((max(classes) + 1,), -1, dtype=torch.int64)
    table[list(classes)] = torch.arange(len(classes))
    return table[labels]


def contrasted(expert: Expert, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits with -inf where a sample's class is not told apart from an output's, and the places of the classes.

    A class is told apart from the others of its label set, of those seen so far: as van de Ven et al. 2022
    (Nat. Mach. Intell. 4, 1185) train in the class-incremental and, where the task is told, in the task-incremental
    setting.

    Args:
        expert: who answers.
        logits: of its outputs [B, O].
        labels: classes of the samples [B]; all of them seen.

    Returns:
        Logits [B, O] and the index of each label among the outputs [B].
    """
    target = positions(expert.classes, labels).to(logits.device)
    sets = expert.label_sets().to(logits.device)
    among = sets[sets[:, target].int().argmax(0)]
    return logits.masked_fill(~among, -torch.inf), target


def excess_rate(network: Network, activity: Activity, steps: int, options: TrainingOptions) -> Tensor:
    """Penalty: sum over hidden neurons of the square of their rate above the limit, times the weight."""
    hidden = network.state.alive & ~network.state.output
    if not (activity.counts.detach().mean(1)[hidden] > options.rate_limit * steps).any():
        return torch.zeros((), dtype=activity.counts.dtype, device=activity.counts.device)
    rate = activity.counts.mean(1) / steps
    above = (rate - options.rate_limit).clamp(min=0) * hidden
    return options.rate_weight * above.square().sum()


def train(
    network: Network,
    moments: Moments,
    batches: Batches,
    first_step: int,
    expert: Expert,
    running: Tensor,
    rehearsal: Rehearsal,
    options: TrainingOptions,
    newborns: NewbornOptions,
    observe: Callable[[int, Tensor, Tensor], None],
) -> TrainingSummary:
    """Train one round.

    Args:
        network, moments: changed in place.
        batches: batches of the experience.
        first_step: step of the experience at which the round begins.
        expert: who learns.
        running: neurons that take part [N] bool.
        rehearsal: what keeps old tasks meanwhile.
        options: training options.
        newborns: learning rates of what has grown.
        observe: told every step, its input spikes [B, T, I] and its classes [B].
    """
    state = network.state
    learns = state.mask & ~state.frozen
    outputs = torch.tensor(expert.outputs, device=network.device)
    sums = torch.zeros(2, dtype=torch.float64)
    fired = torch.zeros(network.fabric.neurons, 1, dtype=torch.float64)
    heard = torch.zeros(network.channels, dtype=torch.float64)
    fused = network.engine == "events"
    rate, batch = 0.0, batches.batch
    for number in range(first_step, first_step + options.steps):
        x, labels = batches.training(number)
        observe(number, x, labels)
        x, labels = rehearsal.rehearse(batches, number, x, labels)
        activity = network.run(x, outputs, running)
        answers = network.read(activity)
        logits, target = contrasted(expert, answers, labels)
        loss = cross_entropy(logits, target)
        objective = loss + excess_rate(network, activity, batches.steps, options)
        kept = rehearsal.method.loss(answers, batches.rows(number))
        (gradient,) = torch.autograd.grad(objective if kept is None else objective + kept, state.weight)
        rate = learning_rate(number, options)
        factors = rate_factors(state, moments.count, learns, running, newborns)
        rehearsal.method.before_step(state.weight)
        pulled = rehearsal.pulled(gradient, state.weight)
        step(state.weight, pulled, learns, moments, rate, options.optimiser, factors, fused, network.threads)
        rehearsal.method.after_step(state.weight, gradient)
        sums += torch.stack([loss.detach(), (logits.argmax(1) == target).to(loss.dtype).mean()]).cpu()
        fired = fired + activity.counts.detach().cpu()
        heard += x.sum((0, 1), dtype=torch.float64)
        batch = len(x)
    loss_mean, accuracy = (sums / options.steps).tolist()
    counts = fired / options.steps
    heard /= options.steps * batch
    spikes, hop_spikes = costs.traffic(network, counts, heard)
    additions = costs.synaptic_operations(network, counts, heard, running & state.alive)
    operations = PASSES * additions * options.steps * batch
    hidden = (running & state.alive & ~state.output).cpu()
    mean_rate = float(counts[hidden].sum()) / counts.shape[1] / max(1, int(hidden.sum())) / batches.steps
    return TrainingSummary(loss_mean, accuracy, mean_rate, spikes, hop_spikes, operations, rate, counts, heard)
