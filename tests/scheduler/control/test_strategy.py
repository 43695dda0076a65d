"""Evolution strategies, on a world that needs no gymnasium: an episode of five steps, asked for one of two actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.control.players import Dense, Policy, Spiking, play
from smalti.scheduler.control.probing import heard
from smalti.scheduler.control.strategy import StrategyOptions, gradient, judge, learn, shaped
from smalti.scheduler.control.worlds import Episodes, Reals

Born = Callable[..., tuple[Spiking, Episodes]]


def test_equal_returns_share_a_rank() -> None:
    np.testing.assert_allclose(shaped(np.array([3.0, 9.0, 3.0, -1.0])), np.array([1.5, 3, 1.5, 0]) / 3 - 0.5)
    assert not shaped(np.full(6, 2.0)).any()


def test_the_gradient_leads_downhill_of_minus_the_return() -> None:
    noise = np.random.default_rng(0).standard_normal((4000, 3)).astype(np.float32)
    both, uphill = np.concatenate([noise, -noise]), np.array([1.0, -2.0, 0.5])
    found = gradient(noise, (0.1 * both) @ uphill, 0.1)
    np.testing.assert_allclose(found / np.linalg.norm(found), -uphill / np.linalg.norm(uphill), atol=0.05)


@pytest.mark.parametrize("net", ["chip", "dense"])
def test_nets_learn_which_side(net: str, spiking: Born) -> None:
    chip, episodes = spiking()
    policy: Policy = chip if net == "chip" else Dense(episodes.world, 4, 3, 0)
    options = StrategyOptions(pairs=8, rate=0.05, sigma=0.1, generations=60, examined=16, judged=32)
    before = judge(policy, episodes, 32, 16, 0, 9, 0).mean
    learned = learn(policy, episodes, options, 0)
    assert before < 4.5 <= learned.judged.mean
    assert learned.solved
    assert learned.episodes == 16 * len(learned.means) < 16 * 60
    assert learned.actions == 5 * learned.episodes
    assert (learned.judged.spikes > 0) == (net == "chip")


def test_who_has_solved_it_is_judged_once(side: type[Any]) -> None:
    class Counted(side):  # type: ignore[misc]
        begun = 0

        def begin(self, seeds: Sequence[int]) -> Reals:
            self.begun += len(seeds)
            seen: Reals = super().begin(seeds)
            return seen

    episodes, options = Counted(16), StrategyOptions(pairs=8, rate=0.05, generations=60, examined=16, judged=33)
    learned = learn(Dense(episodes.world, 4, 3, 0), episodes, options, 0)
    assert learned.solved
    examinations = (episodes.begun - learned.episodes - 33) / 16
    assert examinations == learned.episodes / 16 // 5  # and not one more of 33


def test_the_same_seed_learns_the_same(spiking: Born) -> None:
    several = []
    for _ in range(2):
        policy, episodes = spiking()
        options = StrategyOptions(pairs=2, generations=3, examined=4, judged=4)
        several.append((learn(policy, episodes, options, 7).means, policy.values.tolist()))
    assert several[0] == several[1]


def test_who_does_not_get_better_grows(spiking: Born) -> None:
    policy, episodes = spiking(width=1)
    grown = []

    def grow() -> bool:
        grown.append(policy.chip.grow(policy.expert, heard(episodes, 4, 4, 0, 2, policy), 1))
        policy.look()
        return True

    options = StrategyOptions(pairs=2, rate=1e-6, sigma=1e-6, generations=9, patience=3, examined=4, judged=4)
    learned = learn(policy, episodes, options, 0, grow)
    assert (learned.neurons, sum(grown)) == (2 + sum(grown), 2 * len(grown))
    assert 1 <= len(grown) <= 2
    assert play(policy.players(policy.values[None]), episodes, [1])[1].tolist() == [5]


def test_numbers_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"control\.pairs = 0"):
        StrategyOptions(pairs=0)
    with pytest.raises(ValueError, match=r"control\.sigma = 0"):
        StrategyOptions(sigma=0.0)
