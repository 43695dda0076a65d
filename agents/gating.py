"""The gating agent: when to grow, how many neurons, for which task; and which experts run for an input."""

from __future__ import annotations

import mesa
import torch
from torch import Tensor

from agents.expert import Expert
from agents.messages import Decision
from model.gating import GatingNetwork, GatingOptions
from model.growth.options import GrowthOptions
from model.network import Network


class GatingAgent(mesa.Agent):  # type: ignore[misc]
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
    ) -> None:
        super().__init__(model)
        self.network, self.gate, self.options, self.growth = network, gate, options, growth
        self.experts: list[Expert] = []
        self.loss: dict[int, float] = {}  # task -> training loss of its last round, nats
        self.accuracy: dict[int, float] = {}
        self.novelty: dict[int, float] = {}
        self.last = Decision(0, -1, "nothing decided yet")

    def find(self, classes: tuple[int, ...]) -> Expert | None:
        """The expert that serves these classes already (tasks that share labels share an expert)."""
        return next((e for e in self.experts if set(classes) <= set(e.classes)), None)

    def found(self, classes: tuple[int, ...]) -> Expert:
        """A new expert without neurons, its outputs in the next south tile that has room.

        Raises:
            ValueError: where no south tile has a free slot for every class, or a class has another expert.
        """
        fabric, alive = self.network.fabric, self.network.state.alive
        south = fabric.south_tiles
        number = len(self.experts)
        for turn in range(len(south)):
            tile = south[(number + turn) % len(south)]
            first = tile * fabric.slots
            free = [first + k for k in range(fabric.slots) if not alive[first + k]]
            if len(free) >= len(classes):
                outputs = tuple(free[-len(classes) :])
                self.gate.assign(number, classes)
                self.experts.append(Expert(number, classes, tile, outputs))
                return self.experts[-1]
        raise ValueError(
            f"no south tile has {len(classes)} free slots left for the outputs of a new expert: give the "
            "chip more columns (fabric.cols) or larger tiles (fabric.neurons_per_tile), or lower "
            "growth.max_neurons"
        )

    def hears(self, expert: Expert) -> Tensor:
        """Sources that an expert may listen to [N + I] bool: inputs, its own neurons and the trunk."""
        allowed = torch.zeros(self.network.fabric.neurons + self.network.channels, dtype=torch.bool)
        allowed[self.network.fabric.neurons :] = True
        for who in (expert, *self.trunk()):
            allowed[who.neurons] = True
        return allowed

    def running(self, expert: Expert) -> Tensor:
        """Neurons that run when this expert is asked [N] bool."""
        mask = expert.running(self.network)
        for who in self.trunk():
            mask = mask | who.running(self.network)
        return mask

    def trunk(self) -> list[Expert]:
        """The expert that all may listen to, if there is one."""
        return self.experts[:1] if self.options.trunk else []

    def watch(self, task: int, loss: float, accuracy: float, novelty: float) -> None:
        """Take note of a round of training."""
        self.loss[task], self.accuracy[task], self.novelty[task] = loss, accuracy, novelty

    def decide(self, task: int, progress: float) -> Decision:
        """Whether to grow for the present task, and by how many neurons.

        Args:
            task: task in training.
            progress: share of its rounds that are done.
        """
        expert = next(e for e in self.experts if task in e.tasks)
        classes = len(expert.classes)
        limit = self.growth.max_neurons * classes or self.network.fabric.neurons
        room = limit - len(expert.neurons)
        births, reason = 0, ""
        if self.growth.when == "never":
            reason = "growth.when is never"
        elif progress > self.growth.until:
            reason = f"past {self.growth.until:.0%} of the experience newborns could not learn enough"
        elif self.loss[task] <= self.growth.enough_loss:
            reason = f"loss {self.loss[task]:.3f} is low enough"
        elif room <= 0:
            reason = f"the expert has its {limit} neurons"
        else:
            births = min(self.growth.births * classes, room)
            reason = f"loss {self.loss[task]:.3f} asks for more neurons"
        self.last = Decision(births, expert.number, reason)
        return self.last

    def describe(self) -> str:
        """One line: what it knows and wants."""
        known = [f"task {t}: loss {v:.3f}, accuracy {self.accuracy[t]:.2f}" for t, v in self.loss.items()]
        return (
            f"gating agent: {len(self.experts)} experts ({', '.join(known) or 'no task seen'}); "
            f"wants {self.last.births} births for expert {self.last.expert}: {self.last.reason}"
        )
