"""Learning from returns: an experience, and evolution strategies, by which weights move with forward passes alone.

Salimans and others 2017 (arXiv 1703.03864), with antithetic pairs and ranks in place of returns: with e_k drawn from a
standard normal distribution and u the ranks of all 2 H returns, scaled to -1/2..1/2 (equal returns share one),

    gradient of the mean return = sum_k (u(w + s e_k) - u(w - s e_k)) e_k / (2 H s)

Both of a pair meet the same episode. ``scheduler.control.reinforce`` goes back through time instead. An experience
lasts until the net has solved it, or for some generations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from smalti.model.options import ranges
from smalti.scheduler.control import reinforce
from smalti.scheduler.control.players import Numbers, Policy, play
from smalti.scheduler.control.worlds import Episodes, Reals
from smalti.scheduler.randomness import Use, generator, number

EPISODES, NOISE, EXAMINED, JUDGED, PROBED = 1, 2, 3, 4, 5  # what random numbers are for; 0 is the chip's


@dataclass(frozen=True, kw_only=True)
class StrategyOptions:
    """How a net learns from returns.

    Attributes:
        by: evolution (strategies: forward passes alone) or gradient (of the policy, back through time).
        pairs: antithetic pairs of a generation, an episode for each of both; of gradient, twice as many episodes.
        sigma: standard deviation of the perturbations of evolution.
        discount: of a reward an action later, for gradient.
        entropy: what a nat of the entropy of actions is worth to it, in standard deviations of what is to come.
        rate: learning rate of Adam.
        generations: most of them.
        every: generations from one examination of the unperturbed net to the next.
        examined: episodes of an examination; one that is passed is followed by ``judged`` more, of which the mean
            counts.
        judged: see there.
        patience: generations without a better mean return after which an expert may grow.
    """

    by: Literal["evolution", "gradient"] = "evolution"
    pairs: int = 16
    sigma: float = 0.1
    discount: float = 0.99
    entropy: float = 0.02
    rate: float = 0.03
    generations: int = 200
    every: int = 5
    examined: int = 10
    judged: int = 100
    patience: int = 10

    def __post_init__(self) -> None:
        ranges.at_least("control", self, 1, "pairs", "generations", "every", "examined", "judged", "patience")
        ranges.positive("control", self, "sigma", "rate")
        ranges.share_above_0("control", self, "discount")
        ranges.weight("control", self, "entropy")


@dataclass(frozen=True)
class Judged:
    """What a net does unperturbed."""

    mean: float  # return
    spikes: float  # of neurons an action
    least: float  # return


@dataclass(frozen=True)
class Learned:
    """What came of an experience."""

    solved: bool
    episodes: int  # of training, until it was solved or in all
    actions: int  # in these episodes
    judged: Judged  # in the end, over ``StrategyOptions.judged`` episodes
    neurons: int  # in the end
    means: list[float]  # of the returns of every generation


def shaped(returns: Numbers) -> Numbers:
    """Ranks of returns [P], scaled to -1/2..1/2; equal ones share their mean rank."""
    _, place, count = np.unique(returns, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - (count + 1) / 2)[place]
    return np.asarray(ranks / max(len(returns) - 1, 1) - 0.5)


def gradient(noise: Reals, returns: Numbers, sigma: float) -> Reals:
    """Of minus the mean return [D], of perturbations [H, D] and the returns [2 H] of both of each, plus ones first."""
    ranks = shaped(returns)
    better, worse = np.split(ranks, 2)
    slope: Reals = (-((better - worse) @ noise) / (2 * len(noise) * sigma)).astype(np.float32)
    return slope


def generation(
    policy: Policy, episodes: Episodes, options: StrategyOptions, seed: int, now: int
) -> tuple[Reals, Numbers, Numbers]:
    """Gradient of minus the mean return [D], and returns and lengths of the episodes that it took [2 H]."""
    chance = generator(seed, Use.CONTROL, NOISE, now)
    if options.by == "gradient":
        seeds = [number(seed, Use.CONTROL, EPISODES, now, k) % 2**31 for k in range(2 * options.pairs)]
        return reinforce.gradient(policy, episodes, seeds, options.discount, options.entropy, chance)
    noise = chance.standard_normal((options.pairs, len(policy.values)), dtype=np.float32)
    both: Reals = np.concatenate([noise, -noise]) * np.float32(options.sigma)
    seeds = [number(seed, Use.CONTROL, EPISODES, now, k) % 2**31 for k in range(options.pairs)]
    returns, lengths, _ = play(policy.players(both + policy.values), episodes, [*seeds, *seeds])
    return gradient(noise, returns, options.sigma), returns, lengths


def judge(policy: Policy, episodes: Episodes, count: int, places: int, seed: int, purpose: int, when: int) -> Judged:
    """Let the unperturbed net act in some episodes, so many at a time."""
    seeds = [number(seed, Use.CONTROL, purpose, when, k) % 2**31 for k in range(count)]
    played = []
    for first in range(0, count, places):
        part = seeds[first : first + places]
        played.append(play(policy.players(np.tile(policy.values, (len(part), 1))), episodes, part))
    returns, lengths, spikes = (np.concatenate(parts) for parts in zip(*played, strict=True))
    return Judged(float(returns.mean()), float(spikes.sum() / lengths.sum()), float(returns.min()))


def learn(
    policy: Policy,
    episodes: Episodes,
    options: StrategyOptions,
    seed: int,
    grow: Callable[[], bool] = lambda: False,
    told: Callable[[int, float, int], None] = lambda generation, mean, neurons: None,
) -> Learned:
    """One experience.

    Args:
        policy: who learns.
        episodes: with places for ``2 * options.pairs``.
        options: how.
        seed: of episodes and perturbations.
        grow: lets the policy grow, where its return has not risen for a while; whether it did.
        told: hears of every generation: its number, its mean return, hidden neurons.
    """
    places = 2 * options.pairs
    goal = math.inf if episodes.world.solved is None else episodes.world.solved
    means, actions, best, waited, now = list[float](), 0, -np.inf, 0, 0
    for now in range(1, options.generations + 1):
        slope, returns, lengths = generation(policy, episodes, options, seed, now)
        policy.move(slope, options.rate)
        means.append(float(returns.mean()))
        actions += int(lengths.sum())
        told(now, means[-1], policy.neurons)
        due = goal < math.inf and now % options.every == 0
        if due and judge(policy, episodes, options.examined, places, seed, EXAMINED, now).mean >= goal:
            final = judge(policy, episodes, options.judged, places, seed, JUDGED, now)
            if final.mean >= goal:
                return Learned(True, now * places, actions, final, policy.neurons, means)
        recent = float(np.mean(means[-5:]))
        best, waited = (recent, 0) if recent > best else (best, waited + 1)
        if waited >= options.patience and grow():
            waited, best = 0, -np.inf
    final = judge(policy, episodes, options.judged, places, seed, JUDGED, now)
    return Learned(False, now * places, actions, final, policy.neurons, means)
