"""How a task opens: by an expert as it is, by a read-out over neurons that there are, or by neurons of its own.

With ``growth.reuse`` in this order, each step judged on validation data, the next one taken only where the one before
is not enough:

1. The experts that there are, as they are: their outputs answer the new task (where samples have targets).
2. Output units of its own over neurons and inputs. Every tile with room for them holds an auction of taps
   (``agents.auction.taps``) on a copy of the books; the tile with the largest surplus gets the read-out, whose weights
   are those of the closed form. Nobody is born but the output units, and no old device changes.
3. A seed expert, which hears inputs and itself. Its output units keep the taps that their tile has bought where that is
   asked for, and where the tile with most room has too little for a whole seed.

Without it a seed expert comes at once. Where the chip has no room for one, neurons may be bought back from old experts
(``growth.buy_back``); else the task is served by the best that there is: one of the first two steps or, where outputs
stand for classes, output units shared with others (``scheduler.growth.columns``). A run goes on in any case; only its
first task must find a place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.growth.buy_back import BuyBack, Remembered
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.offers import NOBODY, Offer, Offers, Row
from smalti.scheduler.growth.placing.room import Need, Placed, Room, place_seed
from smalti.scheduler.growth.placing.seed_shape import footprint, stages
from smalti.scheduler.growth.readout import Batch, Site
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.growth.vain import mark, take_back


@dataclass
class Opening:
    """The opening of one task."""

    grower: Grower
    task: int
    classes: tuple[int, ...]
    outputs: int  # O
    training: Batch  # that seeds are shown
    examples: Callable[[], Batch]  # training samples from which read-outs are made
    validation: Batch
    chance: Callable[[int, int], np.random.Generator]  # (stage, tile) -> random numbers
    plan: Placed | None  # where its seed stands; None: in the roomiest tile when it comes to that
    room: Room  # kept for tasks to come
    meet: Callable[[Expert], None]  # lets an expert take the task on
    remembered: Callable[[], list[Remembered]] = list  # old tasks, for those who buy back
    refused: str = ""  # why there was no seed; empty where nothing was refused
    width: int = 0  # of a planned seed that is narrower than configured
    bought: int = 0  # neurons bought back
    paid: float = 0.0  # rise of old tasks' losses for them
    offers: Offers = field(init=False)  # of what there is

    def __post_init__(self) -> None:
        task = self.task, self.classes, self.outputs, self.examples, self.validation
        self.offers = Offers(self.grower, *task, self.room, self.meet)

    @property
    def rows(self) -> list[Row]:
        """Rows of the table ``openings``."""
        return self.offers.rows

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
        needed, sites, offers = options.grow == "needed", list[Site](), list[Offer]()
        if options.by != "none":
            best = self.offers.best_expert()
            if best is not None and needed and best.score >= options.enough:
                return self._taken(best)
            if options.by == "readout" and agent.experts:
                sites = self.offers.sites(lots)
            reader = self.offers.reader(sites)
            offers = [offer for offer in (reader, best) if offer is not None]
            unsolved = needed and (reader is None or reader.score < options.enough)
            if not (seeded or unsolved) and offers:
                return self._best_of(offers)
        try:
            return self._seed(sites)
        except NoRoomError as error:
            if not agent.experts:
                raise
            self.refused = str(error)
        self.offers.note("seed", len(agent.experts), refused=self.refused)
        offers = [*(self.offers.reading(lots) if options.by == "none" else offers), *self.offers.sharing()]
        solved = any(offer.score >= options.enough for offer in offers)
        if not solved and self._buy(min((offer.loss for offer in offers), default=float("inf"))):
            try:
                return self._seed([])
            except NoRoomError:  # what was offered may hear neurons that are gone
                offers = [*self.offers.reading(lots), *self.offers.sharing()]
        return self._best_of(offers, error=self.refused)

    def _buy(self, otherwise: float) -> bool:
        """Make room for a seed by buying neurons back, if that is allowed and worth its price."""
        options, grower = self.grower.options.buy_back, self.grower
        if options.by == "none":
            return False
        width = grower.options.width_for(self.task)
        auction = BuyBack(grower, self.remembered(), self.outputs, width, self.room.after(0))
        drawn = self.chance(0, grower.network.fabric.tiles + 3) if options.by == "random" else None  # of no tile
        purchase = auction.run(otherwise, drawn)
        if purchase is None:
            return False
        grower.buy(purchase.slots)
        self.plan, self.width = purchase.placed, purchase.width
        self.bought, self.paid = len(purchase.slots), purchase.paid
        return True

    def _best_of(self, offers: list[Offer], error: str = "") -> Expert:
        """Take the best of several ways, of equals the first.

        Raises:
            NoRoomError: there is none.
        """
        if not offers:
            raise NoRoomError(error)
        return self._taken(max(offers, key=lambda one: one.score))

    def _taken(self, offer: Offer) -> Expert:
        expert = offer.take()
        row = next(row for row in reversed(self.rows) if row["step"] == offer.step)
        row |= {"taken": True, "served": offer.score >= self.options.enough}
        return expert

    def _seed(self, sites: list[Site]) -> Expert:
        """Give the task a seed expert: as planned, or in the tile with most room, one that fits, beside its taps.

        Raises:
            NoRoomError: there is no room for one; nothing has changed then.
        """
        grower, agent = self.grower, self.grower.agent
        grower.keep(self.room.after(0))
        tile, width, needs = self._planned() if self.plan is not None else self._roomiest()
        beside = self.options.beside or width < grower.options.width_for(self.task)
        site = next((one for one in sites if one.tile == tile and beside), None)
        if self.plan is None:
            self._check_way(tile, width, site)
        before = mark(grower)
        expert = agent.add_expert(self.classes, self.outputs, tile)
        self.meet(expert)
        room = Room((*needs, *self.room.needs))
        try:
            if site is not None:
                self.offers.listen(expert, site)
            open_expert(grower, expert, self.task, self.training[0], self.chance, room, site is not None, width)
        except NoRoomError:
            take_back(grower, expert, before)
            raise
        self.offers.note("seed", expert.number, heard=NOBODY if site is None else site.sources)
        self.rows[-1] |= {"taken": True, "served": True, "bought": self.bought, "paid": self.paid}
        return expert

    def _planned(self) -> tuple[int, int, tuple[Need, ...]]:
        """Tile, width and what is kept for this seed, as they were planned.

        Raises:
            NoRoomError: there is no place for it.
        """
        assert self.plan is not None
        if self.plan.obstacle:
            raise NoRoomError(self.plan.obstacle)
        return self.plan.home, self.width or self.grower.options.width_for(self.task), self.plan.needs

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
        placed = place_seed(books, free, tile, self.outputs, width, self.grower.options.everywhere)
        if placed.obstacle:
            raise NoRoomError(f"no chain of neurons leads to outputs here: {placed.obstacle}")

    def _roomiest(self) -> tuple[int, int, tuple[Need, ...]]:
        """The south tile with most slots for a seed and its growth, and how many neurons of a seed it has room for.

        Nothing is kept for its outputs and its stages.

        Raises:
            NoRoomError: none has room for a single one.
        """
        network, kept = self.grower.network, self.grower.kept.slots
        room = {t: len(s) - kept.get(t, 0) for t, s in network.free_slots(network.fabric.south_tiles).items()}
        tile = max(room, key=lambda t: room[t])
        width = min(self.grower.options.width_for(self.task), room[tile] - self.outputs)
        if width < 1:
            raise NoRoomError(f"no south tile has {self.outputs + 1} free slots for a new expert and its outputs")
        number = len(stages(network.fabric, footprint(network.fabric, tile, self.grower.options.everywhere), tile))
        return tile, width, (Need(),) * (1 + number)
