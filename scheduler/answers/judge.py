"""How right an expert's answers are: its loss, and the score of its stream. Knows no training and no growth.

Where samples ask for their class, an answer is the logits of a sample [B, O], its loss the cross-entropy in nats, times
the weight of its class if classes have weights (``learning.importance``), and the score the share of right ones. Where
they ask for targets at single steps, an answer is the output membranes at every step [B, T, O], and loss and score are
those of the stream's read-out.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model.criterion import CRITERIA, NATS, Criterion
from smalti.model.network import Activity, Network
from smalti.scheduler.streams.scores import LAST, NEAR, SCORES, THRESHOLD, direction
from smalti.scheduler.streams.types import Readout
from smalti.scheduler.streams.wanted import Wanted

KERNELS = "smalti.model.engines.events"  # imported when it is used, for numba is not installed everywhere


@dataclass(frozen=True)
class Grade:
    """How right the answers of a batch are, and how they would be righter."""

    loss: float  # mean over the samples
    score: float
    slope: Tensor  # gradient of that mean with respect to the answers [B, O] or [B, T, O]


@dataclass(frozen=True)
class Judge:
    """Judges the answers of a network."""

    network: Network
    readout: Readout | None = None  # of the stream
    class_weights: Tensor | None = None  # [classes] factors on losses; None: all are 1

    @property
    def criterion(self) -> Criterion:
        """Of the loss."""
        return NATS if self.readout is None else CRITERIA[self.readout.loss]

    def answers(self, activity: Activity) -> Tensor:
        """Logits [B, O], or outputs at every step [B, T, O]."""
        return self.network.read(activity) if self.readout is None else activity.membrane.permute(2, 0, 1)

    def losses(self, expert: Expert, answers: Tensor, wanted: Wanted) -> Tensor:
        """Loss of each sample [B], in the unit of the criterion."""
        if wanted.targets is None or wanted.weights is None:
            losses = cross_entropy(*contrasted(expert, answers, wanted.labels), reduction="none")
            return losses if self.class_weights is None else losses * self.weights_of(wanted.labels).to(losses)
        device = answers.device
        return self.criterion.losses(answers, wanted.targets.to(device), wanted.weights.to(device))

    def weights_of(self, labels: Tensor) -> Tensor:
        """Factors on the losses of samples [B], by their labels [B]."""
        return torch.ones(len(labels)) if self.class_weights is None else self.class_weights[labels]

    def score(self, expert: Expert, answers: Tensor, wanted: Wanted) -> float:
        """Share of right answers, or the stream's score; the higher, the better."""
        if self.readout is None or wanted.targets is None or wanted.weights is None:
            logits, target = contrasted(expert, answers.detach(), wanted.labels)
            return float((logits.argmax(1) == target).to(answers.dtype).mean())
        score, outputs = SCORES[self.readout.score], answers.detach().cpu()
        if self.network.engine == "events" and score is direction:
            trials, constants = importlib.import_module(f"{KERNELS}.kernels.trials"), (THRESHOLD, NEAR, LAST)
            return float(trials.direction(outputs, wanted.targets, wanted.weights, *constants))
        return float(score(outputs, wanted.targets, wanted.weights))

    def grade(self, expert: Expert, answers: Tensor, wanted: Wanted) -> Grade:
        """Loss, score and slope at once, without autograd: what a step of training needs."""
        kernels = importlib.import_module(f"{KERNELS}.grading") if self.network.engine == "events" else None
        if wanted.targets is None or wanted.weights is None:
            logits, target = contrasted(expert, answers, wanted.labels)
            if kernels is not None and self.class_weights is None:
                return Grade(*kernels.of_labels(logits, target))
            log_p, rows = logits.log_softmax(1), torch.arange(len(target), device=target.device)
            right = (log_p.argmax(1) == target).to(answers.dtype).mean()
            slope, losses = log_p.exp().div_(len(target)), -log_p[rows, target]
            slope[rows, target] -= 1 / len(target)
            if self.class_weights is not None:
                weights = self.weights_of(wanted.labels).to(losses)
                slope, losses = slope * weights[:, None], losses * weights
            return Grade(float(losses.mean()), float(right), slope)
        targets, weights = wanted.targets.to(answers.device), wanted.weights.to(answers.device)
        if kernels is not None and self.criterion.squared:
            loss, slope = kernels.of_squares(answers, targets, weights)
            return Grade(loss, self.score(expert, answers, wanted), slope)
        loss = float(self.criterion.losses(answers, targets, weights).mean())
        return Grade(loss, self.score(expert, answers, wanted), self.criterion.slopes(answers, targets, weights))

    def slopes_of_activity(self, slope: Tensor, activity: Activity) -> tuple[Tensor, Tensor | None]:
        """From a gradient with respect to answers to that of output membranes [T, O, B] and spike counts [N, B]."""
        if self.readout is None:
            return self.network.slopes_of_reading(slope, activity)
        return slope.permute(1, 2, 0), None


@lru_cache(maxsize=64)
def _places(classes: tuple[int, ...]) -> Tensor:
    """Index of each class among an expert's, -1 for none of them."""
    table = torch.full((max(classes) + 1,), -1, dtype=torch.int64)
    table[list(classes)] = torch.arange(len(classes))
    return table


def positions(classes: tuple[int, ...], labels: Tensor) -> Tensor:
    """Index of each label among an expert's classes [B]."""
    return _places(classes).index_select(0, labels)


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
    if len(expert.sets) == 1 and len(expert.sets[0]) == len(expert.classes):
        return logits, target
    sets = expert.label_sets().to(logits.device)
    among = sets[sets[:, target].int().argmax(0)]
    return logits.masked_fill(~among, -torch.inf), target
