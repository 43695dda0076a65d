"""Policy gradient: actions are drawn, and those that were followed by more than usual become more probable.

REINFORCE (Williams 1992, doi 10.1007/BF00992696). With outputs z at an action and the probabilities p = softmax(z),

    d loss / d z = (A (p - e) + entropy p (log p + H)) / episodes

where e is 1 for the action that was drawn, and H = -sum p log p keeps actions from being settled before they are known
to pay (Williams and Peng 1991, doi 10.1080/09540099108946587). A is the sum of the rewards from there on, each
discounted by ``discount`` an action; less its mean over all actions of the generation, over their standard deviation.
On a chip the slope goes back through all time steps of the episode by the network's surrogate. Nothing is drawn when a
net is judged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.control.players import Ints, Numbers, Player, Policy, play
from smalti.scheduler.control.worlds import Episodes, Reals


class Explorer:
    """Lets players draw their actions, and takes notes.

    Args:
        player: who says what it would do.
        episodes: P.
        chance: draws actions.
    """

    def __init__(self, player: Player, episodes: int, chance: np.random.Generator) -> None:
        self.player, self.chance, self.who = player, chance, np.arange(episodes)
        self.drawn: list[tuple[Ints, Reals, Ints]] = []  # of every action: who [L], what they heard [S, L, I], what
        self.rewards: list[Numbers] = []  # [L] of every action

    @property
    def heard(self) -> Reals:
        """See ``Player``."""
        return self.player.heard

    def act(self, seen: Reals) -> tuple[Reals, Numbers]:
        """Actions as outputs, 1 for the one that is drawn [L, O], and the spikes of neurons."""
        outputs, fired = self.player.act(seen)
        sums = softmax(outputs).cumsum(1)
        chosen = (sums < self.chance.random((len(sums), 1)) * sums[:, -1:]).sum(1)
        self.drawn.append((self.who, self.player.heard, chosen))
        return np.eye(outputs.shape[1], dtype=np.float32)[chosen], fired

    def keep(self, going: NDArray[np.bool_]) -> None:
        """See ``Player``."""
        self.who = self.who[going]
        self.player.keep(going)

    def note(self, who: Ints, rewards: Numbers) -> None:
        """Rewards of the last action."""
        self.rewards.append(rewards)


def softmax(outputs: Reals) -> Numbers:
    """Probabilities of actions [..., O]."""
    powers = np.exp(outputs - outputs.max(-1, keepdims=True), dtype=np.float64)
    probable: Numbers = powers / powers.sum(-1, keepdims=True)
    return probable


def settling(probable: Numbers) -> Numbers:
    """Slope of minus the entropy with respect to the outputs [..., O] of these probabilities."""
    logs = np.log(np.maximum(probable, 1e-30))
    slope: Numbers = probable * (logs - (probable * logs).sum(-1, keepdims=True))
    return slope


def advantages(rewards: Numbers, acted: NDArray[np.bool_], discount: float) -> Numbers:
    """A [P, A] of rewards [P, A] where somebody acted [P, A]; 0 elsewhere, and everywhere where all are alike."""
    to_come, after = np.zeros_like(rewards), np.zeros(len(rewards))
    for k in reversed(range(rewards.shape[1])):
        after = rewards[:, k] + discount * after
        to_come[:, k] = after
    mean, spread = to_come[acted].mean(), to_come[acted].std()
    return np.where(acted, (to_come - mean) / spread, 0.0) if spread > 0 else np.zeros_like(to_come)


def gradient(
    policy: Policy,
    episodes: Episodes,
    seeds: list[int],
    discount: float,
    entropy: float,
    chance: np.random.Generator,
) -> tuple[Reals, Numbers, Numbers]:
    """Of the weights that learn [D]; returns and lengths of the episodes [P].

    Args:
        policy: who acts.
        episodes: where.
        seeds: of the episodes.
        discount: of a reward an action later.
        entropy: what a nat of it is worth.
        chance: draws actions.

    Raises:
        ValueError: actions are real numbers.
    """
    if not episodes.world.actions:
        raise ValueError(
            f"{episodes.world.name} takes a real action, policy gradient draws one of several; learn it by evolution"
        )
    explorer = Explorer(policy.players(np.tile(policy.values, (len(seeds), 1))), len(seeds), chance)
    returns, lengths, _ = play(explorer, episodes, seeds, explorer.note)
    shape = len(seeds), len(explorer.drawn)
    rewards, acted, chosen = np.zeros(shape), np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int64)
    heard = np.zeros((*shape, *explorer.heard.shape[::2]), dtype=np.float32)  # [P, A, S, I]
    for k, ((who, told, what), earned) in enumerate(zip(explorer.drawn, explorer.rewards, strict=True)):
        acted[who, k], chosen[who, k], rewards[who, k] = True, what, earned
        heard[who, k] = told.swapaxes(0, 1)
    outputs, back = policy.differentiate(heard)
    probable, worth = softmax(outputs), advantages(rewards, acted, discount)[..., None]
    slopes = worth * (probable - np.eye(outputs.shape[2])[chosen]) + entropy * acted[..., None] * settling(probable)
    return back((slopes / len(seeds)).astype(np.float32)), returns, lengths
