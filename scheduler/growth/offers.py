"""What a task that opens is offered by what there is: an expert, a read-out over neurons, outputs that are shared.

Offers are tried on validation data, and nothing changes before one is taken. ``scheduler.growth.opening`` chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.scheduler.growth.columns import shared_columns
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.placing.room import Room
from smalti.scheduler.growth.readout import Batch, Heard, Site, judged

Row = dict[str, object]
NOBODY = torch.zeros(0, dtype=torch.int64)


@dataclass(frozen=True)
class Offer:
    """A way to serve a task by what there is."""

    step: str  # of the table ``openings``
    score: float  # on validation data
    loss: float
    take: Callable[[], Expert]


@dataclass
class Offers:
    """Offers to one task, and what came of trying them."""

    grower: Grower
    task: int
    classes: tuple[int, ...]
    outputs: int  # O
    examples: Callable[[], Batch]  # training samples from which read-outs are made
    validation: Batch
    room: Room  # kept for tasks to come
    meet: Callable[[Expert], None]  # lets an expert take the task on
    rows: list[Row] = field(default_factory=list)  # of the table ``openings``

    def reading(self, lots: np.random.Generator) -> list[Offer]:
        """A read-out of its own, and the best expert as it is; as far as there are any."""
        offers = self.reader(self.sites(lots)), self.best_expert()
        return [offer for offer in offers if offer is not None]

    def best_expert(self) -> Offer | None:
        """The expert that answers best as it is."""
        agent, judge = self.grower.agent, self.grower.judge
        able = [e for e in agent.experts if len(e.outputs) == self.outputs] if judge.readout is not None else []
        tried = [(*judged(self.grower, expert, self.validation), expert) for expert in able]
        if not tried:
            return None
        score, loss, expert = max(tried, key=lambda one: one[0])
        self.note("experts", expert.number, loss, score)
        return Offer("experts", score, loss, lambda: self._lend(expert))

    def _lend(self, expert: Expert) -> Expert:
        """Let an expert serve the task as it is."""
        self.grower.agent.lend(expert, self.classes)
        self.meet(expert)
        expert.lent.append(expert.tasks[-1])
        return expert

    def sharing(self) -> list[Offer]:
        """Output units of others, where outputs stand for classes and there are enough."""
        if self.grower.judge.readout is not None:
            return []
        columns = shared_columns(self.grower, self.classes, self.examples(), self.validation)
        if columns is None:
            return []

        def take() -> Expert:
            expert = self.grower.agent.share(self.classes, columns.outputs)
            self.meet(expert)
            expert.lent.append(expert.tasks[-1])
            return expert

        self.note("columns", len(self.grower.agent.experts), columns.loss, columns.score)
        return [Offer("columns", columns.score, columns.loss, take)]

    def sites(self, lots: np.random.Generator) -> list[Site]:
        """What every tile with room offers."""
        kept = self.room.after(0)
        network = self.grower.network
        free = network.free_slots(network.fabric.south_tiles)
        tiles = [tile for tile, slots in free.items() if len(slots) - kept.slots.get(tile, 0) >= self.outputs]
        if not tiles:
            return []
        heard = Heard.of(self.grower, self.examples(), self.validation, self.classes)
        offers = []
        for tile in tiles:
            books = network.links.copy()
            books.ledger.keep(kept.wires)
            offers.append(heard.site(tile, Prices(self.grower.prices.options, books), self.task, self.classes, lots))
        return [site for site in offers if len(site.sources)]

    def reader(self, sites: list[Site]) -> Offer | None:
        """A read-out of its own, in the tile with the largest surplus."""
        site = max(sites, key=lambda one: one.taps.surplus, default=None)
        if site is None:
            return None

        def take() -> Expert:
            expert = self.grower.agent.add_expert(self.classes, self.outputs, site.tile)
            self.meet(expert)
            self.listen(expert, site)
            return expert

        self.note("readout", len(self.grower.agent.experts), site.loss, site.score, site.sources)
        return Offer("readout", site.score, site.loss, take)

    def listen(self, expert: Expert, site: Site) -> None:
        """Bear the outputs of a read-out with its taps."""
        grower, links = self.grower, self.grower.network.links
        grower.keep(self.room.after(0))
        for source in site.sources.tolist():
            if (source, site.tile) not in links.rows:
                links.add(source, site.tile)
        for column, slot in enumerate(expert.outputs):
            links.add_local(slot)
            grower.bear(slot, expert, "tap", self.task, True, site.sources, site.weights[:, column], {})
        grower.outcomes += site.taps.outcomes
        grower.number += len(site.taps.outcomes)

    def note(
        self,
        step: str,
        expert: int,
        loss: float = float("nan"),
        score: float = float("nan"),
        heard: Tensor = NOBODY,
        refused: str = "",
    ) -> None:
        """Write a row of the table ``openings``."""
        row = {"task": self.task, "step": step, "expert": expert, "loss": loss, "score": score}
        said = {"taken": False, "served": False, "refused": refused, "bought": 0, "paid": 0.0}
        self.rows.append(row | said | taken_to_hear(self.grower, heard, expert))


def taken_to_hear(grower: Grower, heard: Tensor, expert: int) -> Row:
    """What the outputs of an expert of that number hear of others, and who must run for it; columns of ``openings``."""
    network, agent = grower.network, grower.agent
    upstream, inputs = network.upstream.of(heard), int((heard >= network.fabric.neurons).sum())
    others = [one for one in agent.experts if one.neurons and one.number != expert]
    return {
        "taps": len(heard) - inputs,
        "inputs": inputs,
        "experts_run": sum(bool(upstream[one.neurons].any()) for one in others),
        "neurons_run": int(upstream.sum()),
        "centres": 0,
    }
