"""The gating agent: when to grow, how many neurons, for which task; and which experts run for an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import mesa
import numpy as np
import torch
from torch import Tensor

from smalti.agents.agent import Agent
from smalti.agents.auction.bids import Decision
from smalti.agents.expert import Expert, output_tiles
from smalti.agents.levels import Levels
from smalti.model.chip.fabric import NoRoomError
from smalti.model.criterion import Criterion
from smalti.model.gating import GatingNetwork, GatingOptions
from smalti.model.gating.belief import Belief
from smalti.model.growth.amount import AMOUNTS
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.saturation import Saturation
from smalti.model.growth.timing import TIMINGS, History
from smalti.model.network import Network


class GatingAgent(Agent):
    """One of a kind. It knows loss, accuracy and novelty of each task and who serves it.

    It wants every task learned with as few neurons as will do, and no task forgotten.
    """

    def __init__(
        self,
        model: mesa.Model,
        network: Network,
        gate: GatingNetwork,
        options: GatingOptions,
        growth: GrowthOptions,
        criterion: Criterion | None = None,
        belief: Belief | None = None,
    ) -> None:
        super().__init__(model)
        self.network, self.gate, self.options, self.growth = network, gate, options, growth
        self.criterion = criterion  # of what experts say at single steps; None where they say a class, once a sample
        self.belief = belief  # in who is asked for, where feedback on trials chooses experts; else None
        self.experts: list[Expert] = []
        self.levels = Levels()  # of experts that are combinations of parts
        self.losses: dict[int, list[float]] = {}  # task -> training loss of each of its rounds, nats
        self.asked: dict[int, int] = {}  # task -> its rounds when neurons were last asked for
        self.saturation: dict[int, list[Saturation]] = {}  # task -> measurements, where the timing asks for them
        self.accuracy: dict[int, float] = {}
        self.novelty: dict[int, float] = {}
        self.last = Decision(0, -1, "nothing decided yet")

    @property
    def loss(self) -> dict[int, float]:
        """Training loss of the last round of every task, nats."""
        return {task: losses[-1] for task, losses in self.losses.items()}

    def find(self, classes: tuple[int, ...]) -> Expert | None:
        """The expert that serves these classes already (tasks that share labels share an expert)."""
        return next((e for e in self.experts if set(classes) <= set(e.classes)), None)

    def add_expert(self, classes: tuple[int, ...], outputs: int = 0, tile: int | None = None) -> Expert:
        """A new expert without neurons.

        Args:
            classes: that it serves.
            outputs: output units; 0: one for each class.
            tile: of the outputs; None: the next south tile that has room.

        Raises:
            NoRoomError: no south tile has a free slot for every class.
            ValueError: a class has another expert.
        """
        number, free = len(self.experts), self.network.free_slots()
        size = outputs or len(classes)
        homes = output_tiles(self.network.fabric, number, free, size) if tile is None else [tile]
        if not homes:
            raise NoRoomError(f"no south tile has {size} free slots left for the outputs of a new expert")
        tile = homes[0]
        self.gate.assignment.assign(number, classes)
        self.experts.append(Expert(number, classes, tile, tuple(free[tile][-size:])))
        return self.experts[-1]

    def dismiss(self, expert: Expert) -> None:
        """Take back the expert that was added last."""
        self.experts.remove(expert)
        self.gate.assignment.withdraw(expert.number)

    def share(self, classes: tuple[int, ...], outputs: tuple[int, ...]) -> Expert:
        """A new expert without neurons, whose classes are said by output units of others, in this order.

        Raises:
            ValueError: a class has another expert.
        """
        number = len(self.experts)
        self.gate.assignment.assign(number, classes)
        tile = self.network.fabric.tile_of_slot(outputs[0])
        self.experts.append(Expert(number, classes, tile, outputs))
        return self.experts[-1]

    def lend(self, expert: Expert, classes: tuple[int, ...]) -> None:
        """Let an expert serve further classes with the outputs that it has.

        Raises:
            ValueError: a class has another expert.
        """
        self.gate.assignment.assign(expert.number, classes)
        expert.classes = expert.classes + classes

    def entitle(self, expert: Expert, classes: tuple[int, ...]) -> None:
        """Write down that an expert was the last to be trained on trials of these tasks; others lose their names."""
        fresh = tuple(c for c in classes if c not in expert.classes)
        if fresh:
            for other in self.experts:
                other.classes = tuple(c for c in other.classes if c not in fresh)
            expert.classes = expert.classes + fresh
            self.gate.assignment.move(expert.number, fresh)

    def extend(self, expert: Expert, classes: tuple[int, ...]) -> tuple[int, ...]:
        """Let an expert serve further classes; slots of their outputs, none where its output tile has no room.

        Raises:
            ValueError: a class has another expert.
        """
        free = self.network.free_slots()[expert.output_tile]
        if len(free) < len(classes):
            return ()
        self.gate.assignment.assign(expert.number, classes)
        outputs = tuple(free[-len(classes) :])
        expert.classes, expert.outputs = expert.classes + classes, expert.outputs + outputs
        return outputs

    def hears(self, expert: Expert) -> Tensor:
        """Sources that an expert may listen to [N + I] bool: inputs, its own neurons, the trunk, whom it may tap."""
        allowed = torch.zeros(self.network.fabric.neurons + self.network.channels, dtype=torch.bool)
        allowed[self.network.fabric.neurons :] = True
        for who in (expert, *self.trunk(), *self._earlier(expert)):
            allowed[who.neurons] = True
        return allowed

    def running(self, expert: Expert) -> Tensor:
        """Neurons that run when this expert is asked [N] bool: its own, the trunk's, and whom these hear.

        Of other experts only those neurons run that lie upstream of what is heard, however far. A combination of parts
        runs these and the relay, whoever else drives that.
        """
        if expert.path:
            north, south = expert.path
            mask = torch.zeros_like(self.network.state.alive)
            mask[[*self.levels.on((north, south)), *expert.outputs]] = True
            return mask
        together = self._together([expert, *self.trunk()])
        return self.network.upstream.of(torch.nonzero(together).flatten())

    def growing(self, expert: Expert) -> Tensor:
        """Neurons that run while the expert looks for sources [N] bool: all that it may listen to."""
        return self.running(expert) | self._together(self._earlier(expert))

    def trunk(self) -> list[Expert]:
        """The expert that all may listen to, if there is one."""
        return self.experts[:1] if self.options.trunk else []

    def listeners(self, expert: Expert) -> list[Expert]:
        """Other experts that listen to it, be it as their trunk or by taps of theirs."""
        others = [e for e in self.experts if e is not expert]
        if expert in self.trunk():
            return others
        return [e for e in others if self._taps(e)[expert.neurons].any()]

    def heard_by_others(self, expert: Expert) -> Tensor:
        """Slots that other experts listen to [N] bool."""
        return self.network.upstream.heard_by(self._together([other for other in self.experts if other is not expert]))

    def _taps(self, expert: Expert) -> Tensor:
        """Slots that the expert's own neurons and outputs listen to [N] bool."""
        return self.network.upstream.heard_by(expert.running(self.network))

    def _earlier(self, expert: Expert) -> list[Expert]:
        """Experts that it may tap, in the order of their numbers."""
        return [e for e in self.experts if e.number < expert.number] if self.options.taps else []

    def _together(self, experts: list[Expert]) -> Tensor:
        mask = torch.zeros_like(self.network.state.alive)
        for who in experts:
            mask = mask | who.running(self.network)
        return mask

    def watch(self, task: int, loss: float, accuracy: float, novelty: float) -> None:
        """Take note of a round of training."""
        self.losses.setdefault(task, []).append(loss)
        self.accuracy[task], self.novelty[task] = accuracy, novelty

    def decide(
        self,
        task: int,
        rounds: int,
        chance: np.random.Generator,
        measure: Callable[[Expert], Saturation],
        score: Callable[[], float] = lambda: float("nan"),
    ) -> Decision:
        """Whether to grow for the present task, and by how many neurons.

        Args:
            task: task in training.
            rounds: that it has in all.
            chance: random numbers of this decision.
            measure: measures an expert; called where the timing asks for it.
            score: of the task on validation data; likewise.
        """
        expert = self._serving(task)
        classes = len(expert.classes) if self.belief is None else 1  # feedback names no task
        present = len(expert.neurons)
        limit = self.growth.max_neurons * classes or self.network.fabric.neurons
        room, grows = limit - present, False
        if task in expert.lent or not expert.neurons:
            reason = "the task is served by what was there"
        elif len(self.losses[task]) / rounds > self.growth.until:
            reason = f"past {self.growth.until:.0%} of the experience newborns could not learn enough"
        else:
            history = self._history(task, rounds, chance, lambda: measure(expert), score)
            grows, reason = TIMINGS[self.growth.when](history, self.growth)
        births = 0
        if grows and room <= 0:
            reason = f"the expert has its {limit} neurons"
        elif grows:
            births = min(AMOUNTS[self.growth.amount](present, classes, room, self.growth), room)
            self.asked[task] = len(self.losses[task])
        self.last = Decision(births, expert.number, reason)
        return self.last

    def follow(self, task: int, births: int) -> Decision:
        """Grow for the present task as a recorded run did."""
        self.last = Decision(births, self._serving(task).number, f"the recorded run bore {births} neurons here")
        return self.last

    def _serving(self, task: int) -> Expert:
        return next(e for e in self.experts if task in e.tasks)

    def _history(
        self,
        task: int,
        rounds: int,
        chance: np.random.Generator,
        measure: Callable[[], Saturation],
        score: Callable[[], float],
    ) -> History:
        losses = self.losses[task]

        def measured() -> list[Saturation]:
            self.saturation.setdefault(task, []).append(measure())
            return self.saturation[task]

        waited = len(losses) - self.asked.get(task, 0)
        return History(losses, rounds, waited, self.novelty[task], measured, chance, score)

    def state_dict(self) -> dict[str, Any]:
        """Experts, gating network, and what is known of each task."""
        measured = [(task, [asdict(one) for one in known]) for task, known in self.saturation.items()]
        return {
            "gate": self.gate.state_dict(),
            "experts": [expert.state_dict() for expert in self.experts],
            "losses": [*self.losses.items()],
            "asked": [*self.asked.items()],
            "saturation": measured,
            "accuracy": [*self.accuracy.items()],
            "novelty": [*self.novelty.items()],
            "last": asdict(self.last),
            **({"levels": self.levels.state_dict()} if self.levels.relay else {}),
            **({} if self.belief is None else {"belief": self.belief.state_dict()}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.gate.load_state_dict(state["gate"])
        self.experts = [Expert.from_state(expert) for expert in state["experts"]]
        self.losses = {task: list(losses) for task, losses in state["losses"]}
        self.asked, self.accuracy = dict(state["asked"]), dict(state["accuracy"])
        self.saturation = {task: [Saturation(**one) for one in known] for task, known in state["saturation"]}
        self.novelty = {task: float(novelty) for task, novelty in state["novelty"]}
        self.last = Decision(**state["last"])
        self.levels = Levels.from_state(state["levels"]) if "levels" in state else Levels()
        if self.belief is not None:
            self.belief.load_state_dict(state["belief"])

    def describe(self) -> str:
        """One line: what it knows and wants."""
        known = [f"task {t}: loss {v:.3f}, accuracy {self.accuracy[t]:.2f}" for t, v in self.loss.items()]
        return (
            f"gating agent: {len(self.experts)} experts ({', '.join(known) or 'no task seen'}); "
            f"wants {self.last.births} births for expert {self.last.expert}: {self.last.reason}"
        )
