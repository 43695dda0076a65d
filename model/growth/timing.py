"""When to grow. ``TIMINGS`` is the extension point: a user's module may add its own timing under a new name.

A timing is a function ``(history, options) -> (whether, why)``. It says nothing of how many neurons, where or for whom.
No timing is asked after ``growth.until``, and none can cross ``growth.max_neurons``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.saturation import Saturation

NOVEL = 3.0  # novelty in standard deviations from which inputs are new


@dataclass(frozen=True)
class History:
    """What is known of a task when it is decided whether to grow for it. Rounds are those of the task."""

    losses: Sequence[float]  # mean training loss of every round so far, nats per sample
    rounds: int  # that the task has in all
    waited: int  # rounds since neurons were last asked for, or since the task began
    novelty: float  # of its inputs when it began, standard deviations; inf for the first inputs ever
    measure: Callable[[], Sequence[Saturation]]  # measures now; all measurements of the task, the last one now
    chance: np.random.Generator
    score: Callable[[], float] = lambda: float("nan")  # on validation data, after the round


Timing = Callable[[History, GrowthOptions], tuple[bool, str]]


def needed(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """While the loss is above ``enough_loss`` (as in DEN, Yoon et al. 2018)."""
    loss = history.losses[-1]
    if loss <= options.enough_loss:
        return False, f"loss {loss:.3f} is low enough"
    return True, f"loss {loss:.3f} asks for more neurons"


def never(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """Keep the seed expert as it is."""
    return False, "growth.when is never"


def schedule(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """Every ``every`` rounds, whatever the loss."""
    number = len(history.losses)
    due = number % options.every == 0
    return due, f"round {number} is {'' if due else 'not '}a multiple of {options.every}"


def plateau(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """Where the best loss of the last ``patience`` rounds is not better by ``tolerance`` than the best before them.

    After a growth it waits for ``patience`` rounds, so that newborns can show what they bring.
    """
    losses, patience = history.losses, options.patience
    if history.waited < patience or len(losses) <= patience:
        return False, f"a plateau takes {patience} rounds to show"
    recent, before = min(losses[-patience:]), min(losses[:-patience])
    flat = recent > (1 - options.tolerance) * before
    return (
        flat,
        f"the loss went from {before:.3f} to {recent:.3f} in {patience} rounds: {'flat' if flat else 'falling'}",
    )


def noracl(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """Where representation and plasticity are both used up, and the last growth is ``patience`` rounds ago.

    After NORACL (Raghunathan, Metzner, Kriener and Payvand 2026, arXiv 2604.27031), with these two gates. The effective
    dimension of the hidden spike counts is above the share ``dimension_share`` of the highest that the task has shown:
    the neurons are used as widely as they ever were. And the Fisher trace of the round is at most the share
    ``fisher_share`` of the sum over the rounds before: the importance of the devices, which adds up, hardly rises any
    more. Both are computed in ``model.growth.saturation``; what each is compared with is this project's choice.
    """
    measured = history.measure()
    now, before = measured[-1], measured[:-1]
    reference, total = max(m.dimension for m in measured), sum(m.fisher for m in before)
    wide = now.dimension > options.dimension_share * reference
    settled = bool(before) and now.fisher <= options.fisher_share * total
    rested = history.waited >= options.patience
    reason = (
        f"effective dimension {now.dimension:.2f} of {reference:.2f}, Fisher trace {now.fisher:.3g} after {total:.3g}, "
        f"{history.waited} rounds without growth"
    )
    return wide and settled and rested, reason


def novelty(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """As ``needed``, but only for tasks whose inputs were new to the gating network when they began."""
    if not history.novelty >= NOVEL:
        return False, f"novelty {history.novelty:.2f} is below {NOVEL:.2f}: known inputs"
    return needed(history, options)


def random(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """At random rounds, in expectation as many as ``schedule`` has: the control of all others."""
    able = [number for number in range(1, history.rounds + 1) if number / history.rounds <= options.until]
    share = sum(number % options.every == 0 for number in able) / max(len(able), 1)
    drawn = bool(history.chance.random() < share)
    return drawn, f"a draw with chance {share:.2f} said {'yes' if drawn else 'no'}"


def unsolved(history: History, options: GrowthOptions) -> tuple[bool, str]:
    """Every ``every`` rounds, while the score on validation data is below ``enough_score``."""
    if history.waited < options.every:
        return False, f"{options.every} rounds of learning come first"
    score = history.score()
    enough = score >= options.enough_score
    return not enough, f"score {score:.3f} on validation data {'is high enough' if enough else 'asks for more neurons'}"


TIMINGS: dict[str, Timing] = {
    "needed": needed,
    "unsolved": unsolved,
    "never": never,
    "schedule": schedule,
    "plateau": plateau,
    "noracl": noracl,
    "novelty": novelty,
    "random": random,
}
