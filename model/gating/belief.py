"""Which expert is the one that is asked for, judged by the answers that turn out to have been wanted. Knows no inputs.

Trials come in blocks of a task, and nothing but the answer that is wanted after a trial says of which. The losses of
the experts on a trial are evidence of which of them the answer came from: an expert with usual loss m is taken to make
losses l that are exponential, the distribution of most entropy among those with that mean,

    log p(l | expert) = -l / m - log m,

and the task to go on with probability 1 - h, else to be any of E with equal chance: a hidden Markov model, whose filter

    log b  <-  log((1 - h) b + h / E)       before a trial
    log b  <-  log b + log p(losses)        after it, normalised

is the special case of known tasks of Adams & MacKay's on-line detection of changes (arXiv 0710.3742): with a uniform
draw at a change no length of a run need be kept. The expert of the largest belief answers the next trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from smalti.model.options import ranges
from smalti.model.options.values import settle

WINDOW = 30  # minibatches over which the usual loss of an expert is taken
LEAST = 1e-6  # usual loss of an expert that is believed at least


@dataclass(frozen=True, kw_only=True)
class BeliefOptions:
    """How an expert is found by the answers that were wanted, where samples ask for targets at single steps.

    Attributes:
        use: auto (where neither the inputs nor anybody says which task it is: stream.boundaries or
            stream.cognitive.rule is hidden), always, or never: the gating network chooses by inputs.
        hazard: probability, before every trial, that another task has begun.
        tolerance: an expert explains a minibatch where its mean loss is at most this many times its usual one: after
            an alarm it is gone back to.
    """

    use: Literal["auto", "always", "never"] = "auto"
    hazard: float = 0.01
    tolerance: float = 1.5

    def __post_init__(self) -> None:
        settle(self, "gating.belief")
        if not 0 < self.hazard < 1:
            raise ValueError(
                f"gating.belief.hazard = {self.hazard} must lie between 0 and 1, for example 0.01 for a change in a "
                "hundred trials"
            )
        ranges.at_least("gating.belief", self, 1, "tolerance", most=ranges.LARGEST)


@dataclass
class Usual:
    """Running mean of the loss of an expert."""

    loss: float = 0.0
    count: int = 0  # minibatches

    def add(self, loss: float) -> None:
        """Take in the mean loss of a minibatch: all count alike, or the last ``WINDOW`` most."""
        self.count += 1
        self.loss += (loss - self.loss) / min(self.count, WINDOW)


class Belief:
    """What losses of the experts say of who is asked for; E experts of those whose usual loss is known."""

    def __init__(self, options: BeliefOptions) -> None:
        self.options = options
        self.usual: dict[int, Usual] = {}  # by the number of the expert

    @property
    def known(self) -> tuple[int, ...]:
        """Numbers of the experts whose usual loss is known, ascending."""
        return tuple(sorted(self.usual))

    def learn(self, expert: int, losses: Tensor) -> None:
        """Take in the losses [B] of an expert on trials that are its own."""
        self.usual.setdefault(expert, Usual()).add(float(losses.double().mean()))

    def forget(self, expert: int) -> None:
        """Know nothing of the losses of an expert that answers otherwise from now on."""
        self.usual.pop(expert, None)

    def likelihood(self, experts: Sequence[int], losses: Tensor) -> Tensor:
        """log p(losses | expert) of losses [E, ...], float64."""
        usual = self._of(experts).view(-1, *[1] * (losses.dim() - 1))
        return -losses.double() / usual - usual.log()

    def ratios(self, experts: Sequence[int], losses: Tensor) -> Tensor:
        """Mean losses of a minibatch in the usual ones of the experts [E], of losses [E, B]."""
        return losses.double().mean(1) / self._of(experts)

    def explains(self, experts: Sequence[int], losses: Tensor) -> int | None:
        """The place of the expert that explains a minibatch best, of losses [E, B]; None where nobody does."""
        near = self.ratios(experts, losses) <= self.options.tolerance
        likelihood = self.likelihood(experts, losses).mean(1).where(near, -math.inf)
        return int(likelihood.argmax()) if bool(near.any()) else None

    def choices(self, experts: Sequence[int], losses: Tensor, begin: Tensor) -> Tensor:
        """Places of the experts that answer the trials of a block [F, S], in their order.

        Args:
            experts: numbers, E.
            losses: of the experts on the trials [E, S], told after each.
            begin: places of the experts that are believed in before the first trial [F] int, a block each.
        """
        return filtered(self.likelihood(experts, losses), begin, self.options.hazard).argmax(-1)

    def _of(self, experts: Sequence[int]) -> Tensor:
        return torch.tensor([max(self.usual[e].loss, LEAST) for e in experts], dtype=torch.float64)

    def state_dict(self) -> dict[str, Any]:
        """The usual losses."""
        return {"usual": [(expert, asdict(usual)) for expert, usual in self.usual.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.usual = {expert: Usual(**usual) for expert, usual in state["usual"]}


def filtered(likelihood: Tensor, begin: Tensor, hazard: float) -> Tensor:
    """Log belief before every trial [F, S, E], normalised: what is known from those that came before.

    Args:
        likelihood: log p(losses of a trial | expert) [E, S].
        begin: places of the experts that are certain to be asked for before the first trial's chance of a change [F].
        hazard: probability, before every trial, that the task is drawn anew.
    """
    experts, trials = likelihood.shape
    belief = torch.full((len(begin), experts), -math.inf, dtype=torch.float64)
    belief[torch.arange(len(begin)), begin] = 0.0
    before = torch.empty((len(begin), trials, experts), dtype=torch.float64)
    for trial in range(trials):
        before[:, trial] = ((1 - hazard) * belief.exp() + hazard / experts).log()
        belief = (before[:, trial] + likelihood[:, trial]).log_softmax(-1)
    return before


def settled(right: Tensor, stays: int) -> Tensor:
    """Trials of a block before the first of so many in a row that are right [F] int; -1 where there are none.

    Args:
        right: whether the right expert answered [F, S] bool.
        stays: trials in a row; fewer where the block ends before.
    """
    beyond = torch.ones((len(right), stays - 1), dtype=torch.bool)
    run = torch.cat([right, beyond], 1).unfold(1, stays, 1).all(2)  # [F, S]
    return torch.where(run.any(1), run.int().argmax(1), -1)
