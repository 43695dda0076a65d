"""How a protocol that is told its tasks opens one where an expert is a combination of parts of two levels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from smalti.agents.expert import Expert
from smalti.agents.levels import UNTOLD
from smalti.scheduler.growth.levels.opening import LevelsOpening
from smalti.scheduler.growth.readout import Batch as Shown
from smalti.scheduler.learning.training import Batch, Learner, train_step
from smalti.scheduler.protocols.protocol import Parts, Round
from smalti.scheduler.streams.batches import VALIDATION


def opened(
    parts: Parts, now: Round, classes: tuple[int, ...], probe: Shown, meet: Callable[[Expert], None]
) -> tuple[Expert, list[dict[str, object]]]:
    """An expert for classes that nobody serves, and rows of the table ``openings``.

    Args:
        parts: what is trained and grown.
        now: the round in which the task begins.
        classes: of the task.
        probe: samples on which new parts are calibrated.
        meet: lets an expert take the task on.

    Raises:
        NoRoomError: no parts find a place, and none are there.
    """
    task, factors, samples = now.experience.task, parts.stream.factors, now.config.growth.reuse.samples
    opening = LevelsOpening(
        grower=parts.grower,
        task=task,
        classes=classes,
        outputs=parts.stream.outputs_for(classes),
        factors=factors[task] if factors else (UNTOLD, UNTOLD),
        training=probe,
        examples=cache(partial(now.batches.probe, samples, now.number)),
        validation=now.batches.evaluation(VALIDATION),
        chance=now.chance_of_seeds(),
        meet=meet,
        practise=partial(practise, parts, now),
    )
    expert = opening.run()
    return expert, [{"round": now.number, "name": now.experience.name, **row} for row in opening.rows]


def practise(parts: Parts, now: Round, expert: Expert) -> None:
    """Train an expert for a short trial, by the first minibatches of the experience."""
    options, trainee = now.config.training, parts.trainee
    learner = Learner.of(trainee.network, expert, parts.agent.running(expert), options.wiring)
    for number in range(now.config.growth.levels.trial):
        x, wanted = now.batches.training(number)
        batch = Batch(x, wanted, now.batches.rows(number))
        train_step(trainee, learner, batch, options.learning_rate, options, now.config.growth.newborns)
