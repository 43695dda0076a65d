"""Policy gradient: by hand, against what was played, and on a world that needs no gymnasium."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smalti.scheduler.control.players import Dense, Policy, play
from smalti.scheduler.control.reinforce import Explorer, advantages, gradient, settling, softmax
from smalti.scheduler.control.strategy import StrategyOptions, judge, learn
from smalti.scheduler.control.worlds import Episodes, Reals, World

NETS = ["chip", "dense"]
Made = Callable[[str], tuple[Policy, Episodes]]


@pytest.fixture
def policy_of(spiking: Callable[[], tuple[Policy, Episodes]]) -> Made:
    """``policy_of("chip")`` or ``("dense")``: who learns, and where."""

    def make(net: str) -> tuple[Policy, Episodes]:
        chip, episodes = spiking()
        return (chip if net == "chip" else Dense(episodes.world, 4, 3, 0)), episodes

    return make


def test_advantages_by_hand() -> None:
    """Rewards to come are 1.5, 1 and, where one episode ends early, 2; their mean is 1.5, their variance 1/6."""
    rewards = np.array([[1.0, 1.0], [2.0, 0.0]])
    acted = np.array([[True, True], [True, False]])
    expected = np.array([[0.0, -0.5], [0.5, 0.0]]) / np.sqrt(1 / 6)
    np.testing.assert_allclose(advantages(rewards, acted, 0.5), expected)
    assert not advantages(np.ones((2, 1)), np.ones((2, 1), dtype=bool), 0.9).any()


def test_actions_are_drawn_as_often_as_they_are_probable() -> None:
    class Says:
        heard = np.zeros((1, 4000, 1), dtype=np.float32)

        def act(self, seen: Reals) -> tuple[Reals, np.ndarray]:
            return np.tile(np.log(np.array([0.2, 0.7, 0.1], dtype=np.float32)), (4000, 1)), np.zeros(4000)

        def keep(self, going: np.ndarray) -> None:
            raise AssertionError

    explorer = Explorer(Says(), 4000, np.random.default_rng(0))
    outputs, _ = explorer.act(np.zeros((4000, 1), dtype=np.float32))
    np.testing.assert_allclose(outputs.mean(0), [0.2, 0.7, 0.1], atol=0.025)
    assert (outputs.sum(1) == 1).all()
    np.testing.assert_array_equal(outputs.argmax(1), explorer.drawn[0][2])


@pytest.mark.parametrize("net", NETS)
def test_what_is_gone_back_through_is_what_was_played(net: str, policy_of: Made) -> None:
    policy, episodes = policy_of(net)
    policy.move(np.random.default_rng(1).standard_normal(len(policy.values)).astype(np.float32), 0.2)
    said = list[Reals]()

    class Noting(Explorer):
        def act(self, seen: Reals) -> tuple[Reals, np.ndarray]:
            outputs, fired = self.player.act(seen)
            said.append(outputs.copy())
            self.drawn.append((self.who, self.player.heard, outputs.argmax(1)))
            return outputs, fired

    explorer = Noting(policy.players(np.tile(policy.values, (6, 1))), 6, np.random.default_rng(0))
    play(explorer, episodes, list(range(6)))
    heard = np.stack([told.swapaxes(0, 1) for _, told, _ in explorer.drawn], axis=1)
    outputs, _ = policy.differentiate(heard)
    np.testing.assert_allclose(outputs, np.stack(said, axis=1), atol=1e-5)
    assert outputs.std() > 0.01


def test_the_way_back_of_a_dense_net_is_that_of_finite_differences(policy_of: Made) -> None:
    policy, _ = policy_of("dense")
    heard = np.random.default_rng(2).random((2, 3, 1, 4)).astype(np.float32)
    slopes = np.random.default_rng(3).standard_normal((2, 3, 2)).astype(np.float32)
    found = policy.differentiate(heard)[1](slopes)
    assert isinstance(policy, Dense)
    for k in range(0, len(found), 3):
        sums = []
        for sign in (1, -1):
            policy._weight[k] += sign * 1e-2
            sums.append(float((policy.differentiate(heard)[0] * slopes).sum()))
            policy._weight[k] -= sign * 1e-2
        assert found[k] == pytest.approx((sums[0] - sums[1]) / 2e-2, abs=2e-3)


def test_a_drawn_action_that_paid_becomes_more_probable(policy_of: Made) -> None:
    policy, episodes = policy_of("chip")
    seeds = list(range(12))
    before = judge(policy, episodes, 12, 12, 0, 9, 0)
    slope, returns, lengths = gradient(policy, episodes, seeds, 0.5, 0.05, np.random.default_rng(0))
    assert lengths.tolist() == [5] * 12
    assert 0 < returns.mean() < 5
    assert slope.shape == policy.values.shape
    assert slope.any()
    for k in range(40):
        policy.move(gradient(policy, episodes, seeds, 0.5, 0.05, np.random.default_rng(k))[0], 0.01)
    assert judge(policy, episodes, 12, 12, 0, 9, 0).mean > before.mean


@pytest.mark.parametrize("net", NETS)
def test_nets_learn_which_side(net: str, policy_of: Made) -> None:
    policy, episodes = policy_of(net)
    options = StrategyOptions(
        by="gradient", pairs=8, rate=0.01, discount=0.5, entropy=0.05, generations=100, examined=16, judged=32
    )
    learned = learn(policy, episodes, options, 0)
    assert learned.solved
    assert learned.episodes < 16 * 100


def test_a_real_action_is_refused(policy_of: Made) -> None:
    policy, episodes = policy_of("dense")
    episodes.world = World("pulled", (-1.0,), (1.0,), 0, strength=1.0)
    with pytest.raises(ValueError, match="pulled takes a real action, policy gradient draws one of several"):
        gradient(policy, episodes, [0], 0.9, 0.0, np.random.default_rng(0))


def test_probabilities_of_large_outputs() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0, -1000.0]], dtype=np.float32)), [[0.5, 0.5, 0]])


def test_the_slope_of_the_entropy_is_that_of_finite_differences() -> None:
    outputs = np.array([[0.3, -1.0, 2.0], [50.0, 0.0, 0.0]], dtype=np.float64)

    def negative_entropy(z: np.ndarray) -> float:
        p = softmax(z)
        return float((p * np.log(np.maximum(p, 1e-300))).sum())

    for place in np.ndindex(outputs.shape):
        step = np.zeros_like(outputs)
        step[place] = 1e-5
        numeric = (negative_entropy(outputs + step) - negative_entropy(outputs - step)) / 2e-5
        assert settling(softmax(outputs))[place] == pytest.approx(numeric, abs=1e-7)
