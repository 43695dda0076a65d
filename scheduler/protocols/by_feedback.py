"""Training where nobody is told when a task ends and samples ask for targets: losses say whose trials they are.

Nothing in a minibatch names its task. After every trial the answer that was wanted is known, and the loss of an expert
on it says whether the expert could have given it (``model.gating.belief``).

1. A detector looks at every minibatch before it is trained on: has the loss of the present expert jumped?
2. After an alarm all experts try the minibatch. The one that explains it best, with a loss near its usual one, is gone
   back to; where that is the present one, the alarm was false and it goes on. Where nobody explains the minibatches of
   ``gating.detect.gather`` trials in a row, an expert is founded. Nobody learns while that is open, for a few hard
   trials are enough for a minibatch that nobody explains. Where the chip has no room for one more, the expert that
   explains them best learns them.
3. The minibatch trains the present expert. An expert has one episode: who is gone back to goes on where it was left,
   its learning rate included, so that a task that only resembles its own does not overwrite what it knows.

For the tables alone, and for evaluations in which the task is told, an expert bears the labels of the tasks that it was
trained on last.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.gating.belief import Belief
from smalti.scheduler.protocols.protocol import Parts, losses_of, protect
from smalti.scheduler.protocols.unannounced import RoundState, Unannounced
from smalti.scheduler.protocols.waiting import classes_of
from smalti.scheduler.streams.drift import Minibatch


class ByFeedback(Unannounced):
    """Who is trained, as a detector and the losses of all experts tell it."""

    kept = (*Unannounced.kept, "doubtful")

    def __init__(self, parts: Parts, belief: Belief) -> None:
        super().__init__(parts)
        self.belief = belief  # the gating agent keeps it from round to round
        self.doubtful = 0  # trials since an alarm that nobody explains
        self.left: dict[int, tuple[int, int]] = {}  # expert not in training -> round of its birth, minibatches learned

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        return {**super().state_dict(), "left": [[number, *episode] for number, episode in self.left.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        super().load_state_dict(state)
        self.left = {number: (began, learned) for number, began, learned in state["left"]}

    def _look(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """Ask the detector, and after an alarm all experts."""
        if not self.parts.agent.experts:
            self._open(state, batch, step, math.inf)
        elif self._detect(state, batch, step, 0.0, self.doubtful > 0) or self.doubtful:
            self._settle(state, batch, step)

    def _settle(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """After an alarm: go back to who explains the minibatch, or found an expert if nobody has for long enough."""
        agent, known = self.parts.agent, self.belief.known
        losses = torch.stack([self._losses(number, batch) for number in known])
        place, ratios = self.belief.explains(known, losses), self.belief.ratios(known, losses)
        if place is None:
            self.doubtful += len(batch.x)
            if self.doubtful >= state.options.gather:
                self._open(state, batch, step, float(ratios.min()), agent.experts[known[int(ratios.argmin())]])
            return
        self.doubtful = 0
        expert = agent.experts[known[place]]
        reading = ("belief", float(ratios[place]), self.belief.options.tolerance)
        state.note(step, "again", reading, expert.number, ())
        if expert.number == self.present:
            self.rest = state.options.rest
            return
        self._leave()
        self._return_to(state, expert)

    def _return_to(self, state: RoundState, expert: Expert) -> None:
        """Let an expert go on where it was left."""
        protect(self.parts, state.now.config.gating, expert)
        self.key = expert.number - 1  # an episode is called by the number of its expert
        self._begin(state, expert, float("nan"))
        self.began, self.learned = self.left.pop(expert.number)

    def _leave(self) -> None:
        """Keep where the episode of the present expert stands."""
        if self.present >= 0:
            self.left[self.present] = self.began, self.learned

    def _open(self, state: RoundState, batch: Minibatch, step: int, ratio: float, best: Expert | None = None) -> None:
        """Found an expert for a minibatch that nobody explains; without room for one, ``best`` learns it."""
        self.doubtful = 0
        self._leave()
        protect(self.parts, state.now.config.gating, None)
        self.key = len(self.parts.agent.experts) - 1
        expert = self._found(state, (), (batch.x, batch.wanted), step)
        reading = ("belief", ratio, self.belief.options.tolerance)
        if expert is None:
            assert best is not None
            state.note(step, "refused", reading, best.number, classes_of(batch.labels))
            self._return_to(state, best)
            return
        state.note(step, "new", reading, expert.number, classes_of(batch.labels))
        self._begin(state, expert, float("nan"))

    def _learn(self, state: RoundState, batch: Minibatch) -> None:
        """Train the present expert, unless it is open whose trials these are."""
        if self.doubtful:
            return
        self.parts.agent.entitle(self.expert, classes_of(batch.labels))
        step = self._train_on(state, batch.x, batch.wanted)
        self.belief.learn(self.present, torch.tensor([step.loss]))

    def _loss(self, batch: Minibatch) -> float:
        return float(self._losses(self.present, batch).mean())

    def _losses(self, number: int, batch: Minibatch) -> Tensor:
        return losses_of(self.parts, self.parts.agent.experts[number], batch.x, batch.wanted)
