"""A gating network of one small autoencoder per task: Expert Gate (Aljundi et al. 2017, arXiv 1611.06194).

An autoencoder learns to reproduce the features f = sqrt(spike count) of its task through few hidden units; the task
whose autoencoder reproduces a sample best is the likeliest. With the variance 1/4 that the square root of a Poisson
count has,

    error_t(f) = 2 |f - g_t(f)|^2 nats,       p(t | f) = softmax(-error_t / temperature),

and an expert's share is the sum over its tasks. (The paper has a temperature of 2 for errors of deep features.) What is
shown is learned by some steps of Adam at once and not kept. Initial weights follow from the task's number alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import check_state, class_shares
from smalti.model.gating.features import checked_counts, checked_labels, like
from smalti.model.gating.learner import Learner, forward, fresh
from smalti.model.gating.networks.prototype import NOISE
from smalti.model.gating.novelty_scale import Spread, novelty_of
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears

SEED = 0
LAYERS = 2


class AutoencoderGating:
    """Reconstruction errors of the tasks; implements ``GatingNetwork``."""

    hears: Hears = "inputs"

    def __init__(self, options: GatingOptions, features: int) -> None:
        if features < 1 or options.learned.hidden < 1:
            raise ValueError(
                f"an autoencoder of {features} features and gating.learned.hidden = {options.learned.hidden} "
                "reproduces nothing; give at least 1 of both"
            )
        self.options = options
        self.features = features  # F
        self.assignment = Assignment()
        self._learners: dict[int, Learner] = {}  # by task
        self._spreads: dict[int, Spread] = {}
        self._task_of: dict[int, int] = {}  # class -> task that showed it last

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._task_of))

    @property
    def stored_values(self) -> int:
        """Weights and moments of every autoencoder, three numbers for novelty, classes and their tasks and experts."""
        nets = sum(learner.stored_values + 3 for learner in self._learners.values())
        return nets + 2 * len(self._task_of) + 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """For each task: a forward pass, the error and its sum, the logsumexp."""
        return sum(learner.adds + 2 * self.features + 1 for learner in self._learners.values())

    @property
    def multiplications_per_sample(self) -> int:
        """For each task: a forward pass, the squares of the error."""
        return sum(learner.products + self.features for learner in self._learners.values())

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Train the autoencoder of the task on counts [B, F]; labels [B] int say which classes it has.

        Raises:
            ValueError: counts or labels of wrong shape, not finite or negative; nothing is learned then.
        """
        f = checked_counts(counts, self.features).sqrt()
        classes = torch.unique(checked_labels(labels, len(f))).tolist()
        if not classes:
            return
        if task in self._learners:
            self._spreads[task].note(_error(self._learners[task].weights, f))
        else:
            sizes = (self.features, self.options.learned.hidden, self.features)
            self._learners[task], self._spreads[task] = fresh(sizes, SEED + task), Spread()
        self._task_of.update(dict.fromkeys(classes, task))
        for _ in range(self.options.learned.steps):
            self._learners[task].step(partial(_mean_error, f=f), self.options.learned.learning_rate)

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E] for counts [B, F]; all alike where no expert's task has been observed.

        Raises:
            ValueError: no expert has been assigned, or counts are refused.
        """
        return like(counts, self._shares(counts))

    def class_scores(self, counts: Tensor) -> Tensor:
        """log p(class | x) [B, classes]: an expert's share, split evenly; classes of one expert are not told apart."""
        return like(counts, class_shares(self._shares(counts), self.classes, self.assignment))

    def novelty(self, counts: Tensor) -> float:
        """Reconstruction errors, in standard deviations of each task's unseen samples: ``novelty_scale.novelty_of``."""
        f = checked_counts(counts, self.features).sqrt()
        errors = [_error(learner.weights, f) for learner in self._learners.values()]
        return novelty_of(list(self._spreads.values()), errors, len(f))

    def relatedness(self, counts: Tensor, task: int) -> dict[int, float]:
        """How related other tasks are to a task that has been learned: 1 - (E_a - E_t) / E_t for every other task a.

        E_a is the mean error of the task's counts [B, F] under the autoencoder of a; the paper takes tasks above .85
        for related. ValueError for a task that has not been observed.
        """
        f = checked_counts(counts, self.features).sqrt()
        if task not in self._learners:
            raise ValueError(f"task {task} is none of {sorted(self._learners)}, which have been observed")
        error = {t: float(_error(learner.weights, f).mean()) for t, learner in self._learners.items()}
        return {t: 1.0 - (e - error[task]) / error[task] for t, e in error.items() if t != task}

    def state_dict(self) -> dict[str, Tensor]:
        """Nets and moments, spreads and assignment; tasks in the order in which they came."""
        spreads = list(self._spreads.values())
        state = self.assignment.state_dict() | {
            "tasks": torch.tensor(list(self._learners), dtype=torch.int64),
            "shown": torch.tensor(sorted(self._task_of.items()), dtype=torch.int64).reshape(-1, 2),
            "measured": torch.tensor([s.measured for s in spreads], dtype=torch.int64),
            "spreads": torch.tensor([[s.sum1, s.sum2] for s in spreads], dtype=torch.float64).reshape(-1, 2),
        }
        for task, learner in self._learners.items():
            state |= learner.state_dict(f"{task}.")
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave.

        Raises:
            ValueError: a tensor is missing or is of another size; nothing changes then.
        """
        check_state("autoencoder", state, ("experts", "assigned", "tasks", "shown", "measured", "spreads"))
        tasks, expected = state["tasks"].tolist(), (self.features, self.options.learned.hidden)
        check_state("autoencoder", state, [key for t in tasks for key in self._blank().state_dict(f"{t}.")])
        for shape in (tuple(state[f"{task}.weight0"].shape) for task in tasks):
            if shape != expected:
                raise ValueError(
                    f"the state has (features, hidden) = {shape}, the network {expected}; load it with the stream, "
                    "gating.windows and gating.learned.hidden it was saved with"
                )
        self.assignment.load_state_dict(state)
        self._learners = {task: Learner.from_state(state, f"{task}.", LAYERS) for task in tasks}
        rows = zip(tasks, state["measured"].tolist(), state["spreads"].tolist(), strict=True)
        self._spreads = {task: Spread(measured=n, sum1=s[0], sum2=s[1]) for task, n, s in rows}
        self._task_of = {int(c): int(task) for c, task in state["shown"].tolist()}

    def _blank(self) -> Learner:
        return fresh((self.features, self.options.learned.hidden, self.features), SEED)

    def _shares(self, counts: Tensor) -> Tensor:
        f = checked_counts(counts, self.features).sqrt()
        experts, expert_of = self.assignment.experts, self.assignment.expert_of
        if not experts:
            raise ValueError("no expert to score: assign classes to an expert first")
        shares = torch.full((len(f), len(experts)), -math.inf, dtype=torch.float64)
        for task, learner in self._learners.items():
            score = -_error(learner.weights, f) / self.options.temperature
            for column in {
                experts.index(expert_of[c]) for c, t in self._task_of.items() if t == task and c in expert_of
            }:
                shares[:, column] = torch.logaddexp(shares[:, column], score)
        unknown = torch.isinf(shares).all(1, keepdim=True)
        return shares.masked_fill(unknown, 0.0).log_softmax(1)


def _error(weights: Sequence[Tensor], f: Tensor) -> Tensor:
    """Reconstruction error [B] of features [B, F], nats."""
    return (forward(weights, f) - f).square().sum(1) / (2.0 * NOISE)


def _mean_error(weights: Sequence[Tensor], f: Tensor) -> Tensor:
    return _error(weights, f).mean()
