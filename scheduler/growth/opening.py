"""How a task opens where experts exist: by one of them as it is, by a read-out over their neurons, or by neurons.

In this order, each step judged on validation data, the next one taken only where the one before is not enough:

1. The experts that there are, as they are: their outputs answer the new task (where samples have targets).
2. Output units of its own over neurons and inputs. Every tile with room for them holds an auction of taps
   (``agents.auction.taps``) on a copy of the books; the tile with the largest surplus gets the read-out, whose weights
   are those of the closed form. Nobody is born but the output units, and no old device changes.
3. A seed expert, which hears inputs and itself. Its output units keep the taps that their tile has bought where that is
   asked for, and where the tile with most room has too little for a whole seed.

Where the chip has no room for a seed, the task is served by what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import Batch, Heard, Site, judged
from smalti.scheduler.growth.room import Need, Room, place_seed
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.growth.seed_shape import footprint, stages

Row = dict[str, object]


@dataclass
class Opening:
    """The opening of one task."""

    grower: Grower
    task: int
    classes: tuple[int, ...]
    outputs: int  # O
    training: Batch  # from which read-outs are made
    validation: Batch
    chance: Callable[[int, int], np.random.Generator]  # (stage, tile) -> random numbers
    room: Room  # kept for this task and those to come, this one's first
    meet: Callable[[Expert], None]  # lets an expert take the task on
    rows: list[Row] = field(default_factory=list)  # of the table ``openings``

    @property
    def options(self) -> ReuseOptions:
        """What is tried."""
        return self.grower.options.reuse

    def run(self) -> Expert:
        """Open the task; its expert.

        Raises:
            NoRoomError: nothing can serve it.
        """
        agent, options = self.grower.agent, self.options
        lots = self.chance(0, self.grower.network.fabric.tiles)
        seeded = options.grow == "always" or (options.grow == "random" and bool(lots.random() < options.share))
        best, score = self._best_expert()
        if best is not None and options.grow == "needed" and score >= options.enough:
            return self._lend(best)
        sites = self._sites(lots) if options.by == "readout" and agent.experts else []
        site = max(sites, key=lambda one: one.taps.surplus, default=None)
        if site is not None:
            self._note("readout", len(agent.experts), site.loss, site.score, site.sources)
            seeded = seeded or (options.grow == "needed" and site.score < options.enough)
        if seeded or (site is None and (best is None or options.grow == "needed")):
            try:
                return self._seed(sites)
            except NoRoomError:
                if site is None and best is None:
                    raise
        if site is not None and (best is None or site.score >= score):
            return self._read(site)
        assert best is not None
        return self._lend(best)

    def _best_expert(self) -> tuple[Expert | None, float]:
        """The expert that answers best as it is."""
        agent, judge = self.grower.agent, self.grower.judge
        able = [e for e in agent.experts if len(e.outputs) == self.outputs] if judge.readout is not None else []
        tried = [(*judged(self.grower, expert, self.validation), expert) for expert in able]
        if not tried:
            return None, float("-inf")
        score, loss, expert = max(tried, key=lambda one: one[0])
        self._note("experts", expert.number, loss, score, torch.zeros(0, dtype=torch.int64))
        return expert, score

    def _lend(self, expert: Expert) -> Expert:
        """Let an expert serve the task as it is."""
        self.grower.agent.lend(expert, self.classes)
        self.meet(expert)
        expert.lent.append(expert.tasks[-1])
        self._taken("experts")
        return expert

    def _sites(self, lots: np.random.Generator) -> list[Site]:
        """What every tile with room offers."""
        kept = self.room.after(1).slots
        network = self.grower.network
        free = network.free_slots(network.fabric.south_tiles)
        tiles = [tile for tile, slots in free.items() if len(slots) - kept.get(tile, 0) >= self.outputs]
        if not tiles:
            return []
        heard = Heard.of(self.grower, self.training, self.validation, self.classes)
        offers = []
        for tile in tiles:
            books = network.links.copy()
            books.ledger.keep(self.room.after(1).wires)
            offers.append(heard.site(tile, Prices(self.grower.prices.options, books), self.task, self.classes, lots))
        return [site for site in offers if len(site.sources)]

    def _read(self, site: Site) -> Expert:
        """Give the task a read-out of its own."""
        expert = self.grower.agent.add_expert(self.classes, self.outputs, site.tile)
        self.meet(expert)
        self._listen(expert, site)
        self._taken("readout")
        return expert

    def _listen(self, expert: Expert, site: Site) -> None:
        """Bear the outputs of a read-out with its taps."""
        grower, links = self.grower, self.grower.network.links
        grower.keep(self.room.after(1))
        for source in site.sources.tolist():
            if (source, site.tile) not in links.rows:
                links.add(source, site.tile)
        for column, slot in enumerate(expert.outputs):
            links.add_local(slot)
            grower.bear(slot, expert, "tap", self.task, True, site.sources, site.weights[:, column], {})
        grower.outcomes += site.taps.outcomes
        grower.number += len(site.taps.outcomes)

    def _seed(self, sites: list[Site]) -> Expert:
        """Give the task a seed expert, in the tile with most room; or one that fits, beside its taps."""
        grower, agent = self.grower, self.grower.agent
        grower.keep(self.room.after(1))
        tile, width = self._roomiest()
        beside = self.options.beside or width < grower.options.width_for(self.task)
        site = next((one for one in sites if one.tile == tile and beside), None)
        self._check_way(tile, width, site)
        expert = agent.add_expert(self.classes, self.outputs, tile)
        self.meet(expert)
        if site is not None:
            self._listen(expert, site)
        room, x = self._with_stages(tile), self.training[0]
        open_expert(grower, expert, self.task, x, self.chance, room, site is not None, width)
        heard = torch.zeros(0, dtype=torch.int64) if site is None else site.sources
        self._note("seed", expert.number, float("nan"), float("nan"), heard)
        self._taken("seed")
        return expert

    def _check_way(self, tile: int, width: int, site: Site | None) -> None:
        """Whether a seed finds a way from the inputs to outputs here, before anything is born.

        Raises:
            NoRoomError: something on the way is full.
        """
        network, kept = self.grower.network, self.grower.kept.slots
        books = network.links.copy()
        for source in [] if site is None else site.sources.tolist():
            if (source, tile) not in books.rows:
                books.add(source, tile)
        free = {there: slots[: len(slots) - kept.get(there, 0)] for there, slots in network.free_slots().items()}
        placed = place_seed(books, free, tile, self.outputs, width)
        if placed.obstacle:
            raise NoRoomError(f"no chain of neurons leads to outputs here: {placed.obstacle}")

    def _with_stages(self, tile: int) -> Room:
        """What is kept, with the stages of this task's seed, for which nothing is."""
        fabric = self.grower.network.fabric
        number = len(stages(fabric, footprint(fabric, tile), tile))
        return Room((*self.room.needs[:1], *[Need()] * number, *self.room.needs[1:]))

    def _roomiest(self) -> tuple[int, int]:
        """The south tile with most slots for a seed and its growth, and how many neurons of a seed it has room for.

        Raises:
            NoRoomError: none has room for a single one.
        """
        network, kept = self.grower.network, self.grower.kept.slots
        room = {t: len(s) - kept.get(t, 0) for t, s in network.free_slots(network.fabric.south_tiles).items()}
        tile = max(room, key=lambda t: room[t])
        width = min(self.grower.options.width_for(self.task), room[tile] - self.outputs)
        if width < 1:
            raise NoRoomError(f"no south tile has {self.outputs + 1} free slots for a new expert and its outputs")
        return tile, width

    def _note(self, step: str, expert: int, loss: float, score: float, heard: Tensor) -> None:
        """Write a row of the table ``openings``."""
        cost = taken_to_hear(self.grower, heard, expert)
        row = {"task": self.task, "step": step, "expert": expert, "loss": loss, "score": score, "taken": False}
        self.rows.append(row | cost)

    def _taken(self, step: str) -> None:
        next(row for row in self.rows if row["step"] == step)["taken"] = True


def taken_to_hear(grower: Grower, heard: Tensor, expert: int) -> Row:
    """What the outputs of an expert of that number hear of others, and who must run for it; columns of ``openings``."""
    network, agent = grower.network, grower.agent
    upstream, inputs = network.upstream_of(heard), int((heard >= network.fabric.neurons).sum())
    others = [one for one in agent.experts if one.neurons and one.number != expert]
    return {
        "taps": len(heard) - inputs,
        "inputs": inputs,
        "experts_run": sum(bool(upstream[one.neurons].any()) for one in others),
        "neurons_run": int(upstream.sum()),
    }
