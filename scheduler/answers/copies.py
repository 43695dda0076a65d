"""Copies of the chip: programmed to the same targets at the same times, with other random numbers.

What one gets who builds the chip again. A copy is asked at several ages after the run has ended, and nothing is
refreshed in between. What of the gating network is off the chip is the same in all copies; read noise is drawn anew in
every evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from smalti.agents.gating import GatingAgent
from smalti.model.devices.memristors import Memristors
from smalti.scheduler.answers import evaluation
from smalti.scheduler.randomness import Use, number
from smalti.scheduler.streams import Experience, Stream
from smalti.scheduler.streams.batches import TaskBatches


def copies_of(chip: Memristors, draws: int, seed: int) -> Iterator[tuple[int, float]]:
    """Let devices become one copy after another; its number, and the time at which the run has ended.

    Args:
        chip: the devices, which are another copy's afterwards (``Memristors.remember``).
        draws: copies.
        seed: of the run.

    Raises:
        ValueError: there is to be no copy.
    """
    if draws < 1:
        raise ValueError(f"draws = {draws} leaves no copy to ask; give 1 or more, and 20 for an interval")
    end = chip.seconds
    for draw in range(draws):
        chip.at(end)
        chip.redraw(partial(number, seed, Use.COPIES, draw))
        yield draw, end


def accuracies(
    agent: GatingAgent, stream: Stream, batches_of: Callable[[Experience], TaskBatches], told: bool, part: int
) -> Iterator[tuple[int, float]]:
    """Every task that is served, and how well.

    Args:
        agent: whose experts answer.
        stream: the tasks.
        batches_of: gives the data of an experience.
        told: whether the task is told.
        part: of the data, such as ``TEST``.
    """
    served = {label for expert in agent.experts for label in expert.classes}
    for experience in {e.task: e for e in stream.experiences}.values():
        if served.isdisjoint(experience.classes):
            continue
        x, wanted = batches_of(experience).evaluation(part)
        said = evaluation.with_task(agent, x, experience.classes) if told else evaluation.without_label(agent, x)
        yield experience.task, said.score(wanted, stream.readout)


def rows(
    agent: GatingAgent,
    stream: Stream,
    batches_of: Callable[[Experience], TaskBatches],
    draws: int,
    ages: Sequence[float],
    seed: int,
    parts: Iterable[tuple[int, str]],
) -> Iterator[dict[str, object]]:
    """Rows of the table ``copies``; the chip is afterwards as it was.

    Args:
        agent, stream, batches_of: as in ``accuracies``.
        draws: copies.
        ages: seconds after the end of the run, ascending.
        seed: of the run.
        parts: of the data, with their names.
    """
    untold = "class" if stream.setting == "task" else stream.setting
    settings = {"task": True} if untold == "class" else {}
    if not evaluation.needs_label(agent):
        settings[untold] = False
    chip, parts = agent.network.memristors, tuple(parts)
    chance, seconds, restore = chip.draws.chance, chip.seconds, chip.remember()
    try:
        for draw, end in copies_of(chip, draws, seed):
            for age in ages:
                chip.at(end + age)
                for part, split in parts:
                    for setting, told in settings.items():
                        known = {"draw": draw, "seconds": age, "setting": setting, "split": split}
                        for task, accuracy in accuracies(agent, stream, batches_of, told, part):
                            yield {**known, "task": task, "accuracy": accuracy}
    finally:
        chip.draws.anew(chance)
        restore()
        chip.at(seconds)
