"""Tasks below what is enough, and the trials that are kept of them to open them again (``growth.reuse.reopen``).

Whenever an experience has been learned, each of them may open again (``scheduler.growth.reopening``) if neurons have
come since it last tried. Its trials are those of the round in which it began: the same ones every time, as a store
would give them back. A task that has enough needs them no longer, nor does one whose outputs have come to serve others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smalti.scheduler.growth.offers import Row
from smalti.scheduler.growth.readout import judged
from smalti.scheduler.growth.reopening import Reopening
from smalti.scheduler.protocols.protocol import Parts, Round, alone, begun_at, serving
from smalti.scheduler.streams import Samples
from smalti.scheduler.streams.batches import VALIDATION


@dataclass
class Attempt:
    """How far a task has come."""

    position: int  # of the experience in which it was learned last
    score: float  # on validation data
    neurons: int  # hidden ones of all experts when it was last opened


class Unsolved:
    """The tasks that may open again, by their numbers."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.tasks: dict[int, Attempt] = {}

    def reopen(self, now: Round) -> tuple[list[Row], list[Round]]:
        """Open old tasks again, and take note of the one that has just been learned.

        Returns:
            Rows of the table ``openings``, and of every task that has another read-out now the round in which it began.
        """
        experience, expert = now.experience, serving(self.parts, now.position)
        self.tasks.pop(experience.task, None)
        rows: list[Row] = []
        changed: list[Round] = []
        for task, known in [*self.tasks.items()]:
            then = begun_at(self.parts, now.config, known.position)
            if not alone(self.parts, known.position):
                del self.tasks[task]
            elif known.neurons < self._neurons():
                row = self._try(now, then, known)
                rows.append({"round": now.number, "name": then.experience.name, **row})
                changed += [then] if row["taken"] else []
        score, _ = judged(self.parts.grower, expert, now.batches.evaluation(VALIDATION))
        if score < now.config.growth.reuse.enough and alone(self.parts, now.position):
            self.tasks[experience.task] = Attempt(now.position, score, self._neurons())
        return rows, changed

    @property
    def stored_values(self) -> int:
        """Numbers that the trials kept now consist of."""
        return sum(self._values(known.position) for known in self.tasks.values())

    def state_dict(self) -> dict[str, Any]:
        """The tasks; their trials follow from the stream."""
        return {"tasks": [(task, asdict(known)) for task, known in self.tasks.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.tasks = {task: Attempt(**known | {"score": float(known["score"])}) for task, known in state["tasks"]}

    def _try(self, now: Round, then: Round, known: Attempt) -> Row:
        grower, task = self.parts.grower, then.experience.task
        attempt = Reopening(
            grower=grower,
            task=task,
            expert=serving(self.parts, known.position),
            training=then.batches.probe(now.config.growth.reuse.samples, then.number),
            validation=then.batches.evaluation(VALIDATION),
            score=known.score,
            lots=now.chance_of_seeds()(1 + task, grower.network.fabric.tiles),  # a number of no stage, one of no tile
        )
        row = attempt.run()
        known.neurons = self._neurons()
        if row["taken"]:
            known.score = float(str(row["score"]))
            if known.score >= now.config.growth.reuse.enough:
                del self.tasks[task]
        return row

    def _neurons(self) -> int:
        return sum(len(expert.neurons) for expert in self.parts.agent.experts)

    def _values(self, position: int) -> int:
        experience, samples = self.parts.stream.experiences[position], self.parts.grower.options.reuse.samples
        count = min(samples, len(experience.train)) + len(experience.validation)
        return count * values_of(experience.train)


def values_of(samples: Samples) -> int:
    """Numbers that a sample consists of, with its class or what else it asks."""
    asked = [part for part in (samples.targets, samples.weights) if part is not None]
    return sum(int(np.prod(part.shape[1:])) for part in (samples.x, *asked)) + (0 if asked else 1)
