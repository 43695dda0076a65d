"""A gating network that learns p(expert | x) directly: a softmax over experts of a small net on sqrt(spike counts).

It is taught which expert serves the label, by some steps of Adam on every batch it is shown, and on samples that it
kept if there is a rehearsal buffer. Learned task after task without rehearsal it forgets: a control, as in
Eigen et al. 2013 (arXiv 1312.4314). A new expert begins with a logit of 0.

Balancing: ``eigen`` (the same paper) adds up every expert's gates over samples and sets the gate of an expert to 0
while its total exceeds the mean by ``margin``, the rest renormalised; here that is checked once a batch, samples whose
own expert is shut teach nothing, and answers are not touched. ``loss_free`` (arXiv 2408.15664) adds a bias to each
logit, moved after every batch by the sign of the mean load minus the expert's; the loss is not touched, but here the
bias also stands in the share of an answer, not only in the choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import check_state, class_shares
from smalti.model.gating.densities.reservoir import Reservoir
from smalti.model.gating.features import checked_counts, checked_features, checked_labels, like
from smalti.model.gating.learner import Learner, forward, fresh
from smalti.model.gating.novelty_scale import Spread, novelty_of
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears

SEED = 0
BIAS_STEP = 0.001  # by how much loss_free moves a bias after every batch


class SoftmaxGating:
    """A learned mixture gate; implements ``GatingNetwork``."""

    hears: Hears = "inputs"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = checked_features(features)  # F
        hidden = options.learned.hidden
        self.assignment = Assignment()
        self._seen: set[int] = set()
        self._learner = fresh((features, hidden, 0) if hidden else (features, 0), SEED)
        self._totals = torch.zeros(0, dtype=torch.float64)  # [E] gates, summed over samples
        self._bias = torch.zeros(0, dtype=torch.float64)  # [E]
        self._spread = Spread()
        self._kept = Reservoir(options.learned.rehearsal, features)

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._seen))

    @property
    def stored_values(self) -> int:
        """Weights and moments, totals and biases, samples kept, three numbers for novelty, the assignment."""
        rehearsed = len(self._kept.features) * (self.features + 1)
        small = 2 * len(self._totals) + 3
        return self._learner.stored_values + rehearsed + small + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """A forward pass, a bias and the logsumexp for each expert."""
        return self._learner.adds + 2 * len(self._totals)

    @property
    def multiplications_per_sample(self) -> int:
        """A product for every weight."""
        return self._learner.products

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Learn from counts [B, F] and labels [B] int; samples of classes without an expert only count as seen.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        f = checked_counts(counts, self.features).sqrt()
        checked = checked_labels(labels, len(f))
        self._seen.update(torch.unique(checked).tolist())
        served = self._targets(checked) >= 0
        f, checked = f[served], checked[served]
        if not len(f):
            return
        self._widen()
        with torch.no_grad():
            logits = forward(self._learner.weights, f)
        self._spread.note(_doubt((logits + self._bias).log_softmax(1)))
        shut = self._shut()
        self._balance(logits, shut)
        self._learn(f, checked, shut)
        self._kept.add(f, checked)

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F]; ValueError without experts, or if counts are refused."""
        return like(counts, self._shares(counts))

    def class_scores(self, counts: Tensor) -> Tensor:
        """log p(class | x) [B, classes]: an expert's share, split evenly; classes of one expert are not told apart."""
        return like(counts, class_shares(self._shares(counts), self.classes, self.assignment))

    def novelty(self, counts: Tensor) -> float:
        """Doubt, -log of the largest share, in the standard deviations of samples before they were learned.

        There is no density to tell new inputs by: with one expert there is no doubt, and novelty is 0.
        """
        f = checked_counts(counts, self.features)
        if not self.assignment.experts:
            return math.inf
        return novelty_of([self._spread], [_doubt(self._shares(f))], len(f))

    def state_dict(self) -> dict[str, Tensor]:
        """Net and moments, balance, what is kept, spread and assignment."""
        spread, reservoir = self._spread, self._kept
        return (
            self.assignment.state_dict()
            | self._learner.state_dict("net.")
            | {
                "classes": torch.tensor(self.classes, dtype=torch.int64),
                "totals": self._totals.clone(),
                "bias": self._bias.clone(),
                "kept": reservoir.features.clone(),
                "kept_labels": reservoir.labels.clone(),
                "numbers": torch.tensor([reservoir.seen, spread.measured], dtype=torch.int64),
                "spread": torch.tensor([spread.sum1, spread.sum2], dtype=torch.float64),
            }
        )

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: a tensor is missing or is of another size; nothing changes then.
        """
        check_state("softmax", state, self.state_dict())
        layers, first = len(self._learner.weights) // 2, tuple(state["net.weight0"].shape)
        shape = first[0], first[1] if "net.weight2" in state else 0
        if shape != (self.features, self.options.learned.hidden):
            raise ValueError(
                f"the state has (features, hidden) = {shape}, the network "
                f"{(self.features, self.options.learned.hidden)}; load it with the stream, gating.windows and "
                "gating.learned.hidden it was saved with"
            )
        self.assignment.load_state_dict(state)
        self._learner = Learner.from_state(state, "net.", layers)
        self._seen = set(state["classes"].tolist())
        self._totals, self._bias = state["totals"].clone(), state["bias"].clone()
        self._kept.features, self._kept.labels = state["kept"].clone(), state["kept_labels"].clone()
        self._kept.seen, measured = state["numbers"].tolist()
        sum1, sum2 = state["spread"].tolist()
        self._spread = Spread(measured=measured, sum1=sum1, sum2=sum2)

    def _shares(self, counts: Tensor) -> Tensor:
        f = checked_counts(counts, self.features).sqrt()
        if not self.assignment.experts:
            raise ValueError("no expert to score: assign classes to an expert first")
        logits = forward(self._learner.weights, f) + self._bias
        return pad(logits, (0, len(self.assignment.experts) - logits.shape[1])).log_softmax(1)

    def _widen(self) -> None:
        """Make room for experts that have been assigned since the last samples."""
        more = len(self.assignment.experts) - len(self._totals)
        self._learner.widen(len(self.assignment.experts))
        self._totals, self._bias = pad(self._totals, (0, more)), pad(self._bias, (0, more))

    def _targets(self, labels: Tensor) -> Tensor:
        """Column [B] of the expert that serves each label, -1 for none."""
        column = {c: self.assignment.experts.index(e) for c, e in self.assignment.expert_of.items()}
        return torch.tensor([column.get(c, -1) for c in labels.tolist()], dtype=torch.int64)

    def _shut(self) -> Tensor:
        """Experts [E] bool whose gate is 0 for a batch."""
        if self.options.learned.balance != "eigen":
            return torch.zeros(len(self.assignment.experts), dtype=torch.bool)
        return self._totals > self._totals.mean() + self.options.learned.margin

    def _balance(self, logits: Tensor, shut: Tensor) -> None:
        """Take the gates of a batch [B, E] into account."""
        self._totals += logits.masked_fill(shut, -math.inf).softmax(1).sum(0)
        if self.options.learned.balance == "loss_free":
            load = torch.bincount((logits + self._bias).argmax(1), minlength=len(self.assignment.experts)).double()
            self._bias += BIAS_STEP * (load.mean() - load).sign()

    def _learn(self, f: Tensor, labels: Tensor, shut: Tensor) -> None:
        """Steps of Adam on a batch and on as many samples that were kept."""
        for turn in range(self.options.learned.steps):
            old, old_labels = self._kept.draw(len(f), turn)
            both, target = torch.cat([f, old]), self._targets(torch.cat([labels, old_labels]))
            taught = ~shut[target]
            if not taught.any():
                return
            loss = partial(_loss, f=both[taught], target=target[taught], shut=shut)
            self._learner.step(loss, self.options.learned.learning_rate)


def _loss(weights: Sequence[Tensor], f: Tensor, target: Tensor, shut: Tensor) -> Tensor:
    """Cross-entropy of the gates, those that are shut left out, nats."""
    return cross_entropy(forward(weights, f).masked_fill(shut, -math.inf), target)


def _doubt(shares: Tensor) -> Tensor:
    """-log of the largest share [B], nats."""
    return -shares.amax(1)
