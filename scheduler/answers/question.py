"""A question: samples that an agent is asked about, and what is worked out of them once, whoever answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property, partial
from typing import TypeAlias

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model.entering import spikes_of_samples
from smalti.model.gating.features import heard_steps
from smalti.model.gating.networks.levels import LevelsGating
from smalti.model.gating.protocol import KeepsTerms, Kept
from smalti.scheduler.answers import relayed, said
from smalti.scheduler.answers.hearing import Features, GateCost, gate_cost, heard_adapted, listened
from smalti.scheduler.answers.said import Said, Spikes

Asker: TypeAlias = Callable[[Expert, Tensor, Tensor], Said]
"""(expert, rows [b] of the samples, spikes of each channel in every sample [B, I]) -> what the expert does for them."""


class Question:
    """Samples x [B, T, I] for the agent as it is now; nothing about it may change while the question is in use.

    Args:
        agent: who is asked.
        x: input spikes.
        ask: lets an expert run; by default anew each time (``scheduler.answers.recall`` keeps what was said).
        terms: what the gating network keeps of these samples, by class.
        experts: numbers of those that are possible, as somebody has told; None: all.
        whole: the question of which nothing was told, which has heard the same.
    """

    def __init__(
        self,
        agent: GatingAgent,
        x: Tensor,
        ask: Asker | None = None,
        terms: dict[int, Kept] | None = None,
        experts: frozenset[int] | None = None,
        whole: Question | None = None,
    ) -> None:
        self.agent, self.x, self.experts, self._whole = agent, x, experts, whole
        self._ask, self._terms = ask or partial(_anew, agent, x), terms

    def among(self, experts: Collection[int]) -> Question:
        """The same question, of which is told that one of these experts is asked for."""
        same = None if isinstance(self.agent.gate, LevelsGating) else self  # which lets those run that are possible
        return Question(self.agent, self.x, self._ask, self._terms, frozenset(experts), same)

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def everyone(self) -> Tensor:
        """All samples [B]."""
        return torch.arange(len(self.x))

    @cached_property
    def channels(self) -> Tensor:
        """Input spikes of every channel in each sample [B, I] float64."""
        return spikes_of_samples(self.x)

    @cached_property
    def inputs(self) -> Tensor:
        """Input spikes of every channel per sample [I] float64."""
        return self.channels.mean(0)

    @cached_property
    def heard(self) -> Features:
        """What the gating network hears."""
        gate = self.agent.gate
        if self._whole:
            return self._whole.heard
        if isinstance(gate, LevelsGating):
            return relayed.heard(self.agent, gate, self.x, self.experts, self._drive, self._terms)
        return heard_adapted(self.agent, self.x)

    @cached_property
    def _counts(self) -> Tensor:
        """Spike counts [B, F] that the gating network hears; one that keeps terms knows what it will say of them."""
        gate, counts = self.agent.gate, self.heard.counts
        if self._terms is not None and gate.classes and isinstance(gate, KeepsTerms):
            gate.recall(counts, self._terms)
        return counts

    @cached_property
    def density(self) -> Tensor:
        """What it says of each class [B, classes]."""
        return self._whole.density if self._whole else self.agent.gate.class_scores(self._counts)

    @cached_property
    def posterior(self) -> Tensor:
        """What it says of each expert [B, E]; -inf for those that are not possible, should any be."""
        scores = self._whole.posterior if self._whole else self.agent.gate.scores(self._counts)
        if self.experts is None:
            return scores
        others = torch.tensor([expert not in self.experts for expert in self.agent.gate.assignment.experts])
        return scores if bool(others.all()) else scores.masked_fill(others, -torch.inf)

    @cached_property
    def cost(self) -> GateCost:
        """What it takes."""
        gate, running = self.agent.gate, self.agent.options.running  # of its counts at every step
        if isinstance(gate, LevelsGating):
            return relayed.cost(self.agent, gate, self.x, self.heard.counts)
        return gate_cost(self.agent, self.x, torch.zeros(len(self), 0) if running else self.heard.counts)

    def _drive(self, part: int, rows: Tensor) -> Spikes:
        """Spikes of a north part and the relay: those of an expert that it leads to, for that may be known."""
        if heard_steps(self.agent.options.listen, self.x.shape[1]) < self.x.shape[1]:
            return relayed.run(self.agent, part, listened(self.agent, self.x[rows]))
        expert = next(one for one in self.agent.experts if one.path[0] == part)
        return relayed.part_of(self.agent, part, self.ask(expert, rows).spikes)

    def ask(self, expert: Expert, rows: Tensor) -> Said:
        """What an expert does for some of the samples [b]."""
        return self._ask(expert, rows, self.channels)


Asked: TypeAlias = Tensor | Question


def question(agent: GatingAgent, asked: Asked) -> Question:
    """The question about samples, unless it has been put already."""
    return asked if isinstance(asked, Question) else Question(agent, asked)


def _anew(agent: GatingAgent, x: Tensor, expert: Expert, rows: Tensor, channels: Tensor) -> Said:
    return said.ask(agent, expert, x[rows], channels[rows])
