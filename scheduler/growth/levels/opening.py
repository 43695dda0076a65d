"""How a task opens where experts stand on two levels: by a combination that there is, or by parts that are born for it.

The sibling of ``scheduler.growth.opening``, in this order, all judged on validation data:

1. ``combination``: every way through parts that there are, as it is. One with ``growth.reuse.enough`` costs nothing and
   bears nothing; its outputs stand for the task's classes in their order.
2. Bids for new parts, the cheapest to try first. ``south``: a new south part over an old north part bids what a
   read-out of the relay's traces says in closed form (``model.growth.regression``), which needs no birth and is a lower
   bound of what neurons behind the relay can learn; it is taken from ``growth.reuse.enough`` on. ``north``: a new north
   part under an old south part has no closed form: it is born, trained for ``growth.levels.trial`` steps through what
   is frozen, judged, and taken back as if it had never been (its writes are not counted, as those of whatever is born
   in vain); it is taken from ``growth.levels.promise`` on, and begins anew then.
3. ``both``: a north and a south part.

Where the stream tells the factors of tasks and ``growth.levels.bids`` is told, parts that serve these factors alone are
asked for bids, and where only one level has any, nothing has to be tried to know that the other one needs a part: bids
then say over which of several parts of a factor it is born. A chip without room serves the task by its best
combination.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from smalti.agents.expert import Expert
from smalti.agents.levels import UNTOLD, Levels, Part, Path
from smalti.model.chip.fabric import NoRoomError
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.levels.births import Midwife
from smalti.scheduler.growth.levels.placement import Plan, Site
from smalti.scheduler.growth.levels.relayed import reading
from smalti.scheduler.growth.offers import Row
from smalti.scheduler.growth.readout import Batch, judged
from smalti.scheduler.growth.vain import mark, take_back


@dataclass(frozen=True)
class Bid:
    """What a new part would do for the task, on validation data."""

    score: float
    loss: float
    part: int  # of the other level, with which it would run


@dataclass
class LevelsOpening:
    """The opening of one task."""

    grower: Grower
    task: int
    classes: tuple[int, ...]
    outputs: int  # O
    factors: Path  # as the stream tells them; UNTOLD each where it does not
    training: Batch  # that parts are calibrated on
    examples: Callable[[], Batch]  # training samples from which read-outs are made
    validation: Batch
    chance: Callable[[int, int], np.random.Generator]  # (stage, tile) -> random numbers
    meet: Callable[[Expert], None]  # lets an expert take the task on
    practise: Callable[[Expert], None]  # trains an expert for a trial
    rows: list[Row] = field(default_factory=list)  # of the table ``openings``
    refused: str = ""  # why there was no room; empty where nothing was refused

    @property
    def levels(self) -> Levels:
        """Parts that there are."""
        return self.grower.agent.levels

    @property
    def enough(self) -> float:
        """Score of a combination that needs nothing."""
        return self.grower.options.reuse.enough

    def run(self) -> Expert:
        """Open the task; its expert.

        Raises:
            NoRoomError: nothing can serve it.
        """
        if not self.levels.relay:
            return self._born("both", UNTOLD, UNTOLD)
        ways = [(*self._judged(path), path) for path in self.levels.paths(self.outputs)]
        best = max(ways, key=lambda way: (way[0], -way[1]), default=None)
        if best is not None:
            score, loss, path = best
            self._note("combination", self._expert(path), loss, score)
            if score >= self.enough:
                return self._lend(path, True)
        try:
            return self._born(*self._chosen())
        except NoRoomError as error:
            self.refused = str(error)
            self._note("both", self._expert((UNTOLD, UNTOLD)), refused=self.refused)
            if best is None:
                raise
            return self._lend(best[2], False)

    def _chosen(self) -> tuple[str, int, int]:
        """The step that is taken, and the old north and south part that it goes by; UNTOLD for one that is born."""
        told = self.grower.options.levels.bids == "told" and UNTOLD not in self.factors
        parts = self.levels
        north = [k for k, part in enumerate(parts.north) if not told or self.factors[0] in part.serves]
        south = [k for k, part in enumerate(parts.south) if len(part.outputs) == self.outputs]
        south = [k for k in south if not told or self.factors[1] in parts.south[k].serves]
        known = told and bool(north) != bool(south)  # which level needs a part
        if north:
            bid = self._bid_of_south(north)
            if known or bid.score >= self.enough:
                return "south", bid.part, UNTOLD
        if south:
            if known and len(south) == 1:
                return "north", UNTOLD, south[0]
            bid = self._bid_of_north(south)
            if known or bid.score >= self.grower.options.levels.promise:
                return "north", UNTOLD, bid.part
        return "both", UNTOLD, UNTOLD

    def _bid_of_south(self, north: list[int]) -> Bid:
        """The best of new south parts over these north parts, by read-outs of the relay."""
        bids = []
        for number in north:
            running = [*self.levels.north[number].neurons, *self.levels.relay]
            heard = reading(self.grower, running, self.levels.relay, self.classes, self.examples(), self.validation)
            bids.append(Bid(heard.score, heard.loss, number))
        best = max(bids, key=lambda bid: (bid.score, -bid.loss))
        self._note("south", self._expert((best.part, UNTOLD)), best.loss, best.score)
        return best

    def _bid_of_north(self, south: list[int]) -> Bid:
        """The best of new north parts under these south parts, each tried in a short training that leaves nothing."""
        bids = []
        for number in south:
            before, parts, norm = mark(self.grower), len(self.levels.north), self.grower.moments.norm.clone()
            expert = self._share(self.levels.south[number])
            try:
                plan = self._site().place_north(self.grower.options.levels.north)
                self._bear_north(expert, plan, number)
                expert.path = (parts, number)
                self.practise(expert)
                bids.append(Bid(*judged(self.grower, expert, self.validation), number))
            finally:
                del self.levels.north[parts:]
                take_back(self.grower, expert, before)
                self.grower.moments.norm.copy_(norm)
        best = max(bids, key=lambda bid: (bid.score, -bid.loss))
        self._note("north", self._expert((UNTOLD, best.part)), best.loss, best.score)
        return best

    def _born(self, step: str, north: int, south: int) -> Expert:
        """Bear the parts that a step needs; the expert.

        Raises:
            NoRoomError: there is no room for them; nothing has changed then.
        """
        agent, options, site = self.grower.agent, self.grower.options.levels, self._site()
        founds = not self.levels.relay
        relay = site.place_relay(options.relay) if founds else None
        of_north = site.place_north(options.north) if north == UNTOLD else None
        of_south = site.place_south(options.south, self.outputs) if south == UNTOLD else None
        if of_south is None:
            expert = self._share(self.levels.south[south])
        else:
            tile = site.fabric.tile_of_slot(of_south.outputs[0])
            expert = agent.add_expert(self.classes, self.outputs, tile)
            expert.outputs = of_south.outputs
            self.meet(expert)
        if of_north is not None:
            north = self._bear_north(expert, of_north, south)
        if relay is not None:
            self._midwife(expert).relay(relay)
        if of_south is not None:
            self._midwife(expert).south(of_south, self.levels.north[north])
            south = len(self.levels.south) - 1
        self._go(expert, (north, south))
        if not self.rows or self.rows[-1]["step"] != step:
            self._note(step, expert)
        self.rows[-1] |= {"taken": True, "served": True, "expert": expert.number, **self._runs(expert)}
        return expert

    def _bear_north(self, expert: Expert, plan: Plan, south: int) -> int:
        """Bear a north part under an old south part, or one that is UNTOLD as yet; its number."""
        like = None
        if self.grower.options.levels.begin == "copy" and south != UNTOLD:
            scores = [(*self._judged((number, south)), number) for number in range(len(self.levels.north))]
            like = self.levels.north[max(scores, key=lambda one: (one[0], -one[1]))[2]]
        self._midwife(expert).north(plan, like)
        return len(self.levels.north) - 1

    def _midwife(self, expert: Expert) -> Midwife:
        return Midwife(self.grower, expert, self.task, self.training[0], self.chance)

    def _site(self) -> Site:
        network = self.grower.network
        return Site(network.links.copy(), network.free_slots(), [*self.levels.relay])

    def _share(self, part: Part) -> Expert:
        """A new expert without neurons, whose classes are said by the outputs of a south part."""
        expert = self.grower.agent.share(self.classes, part.outputs)
        self.meet(expert)
        return expert

    def _lend(self, path: Path, served: bool) -> Expert:
        """Let a combination that there is serve the task."""
        expert = self._share(self.levels.south[path[1]])
        self._go(expert, path, served)
        expert.lent.append(expert.tasks[-1])
        row = next(row for row in self.rows if row["step"] == "combination")
        row |= {"taken": True, "served": served, "expert": expert.number}
        return expert

    def _go(self, expert: Expert, path: Path, served: bool = True) -> None:
        """Let an expert run these parts; where they serve its task well, this is remembered of them."""
        expert.path = path
        if not served:
            return
        parts = self.levels.north[path[0]], self.levels.south[path[1]]
        for part, factor in zip(parts, self.factors, strict=True):
            part.serves.append(factor)

    def _expert(self, path: Path) -> Expert:
        """As if there were an expert for the task that goes this way."""
        south = None if path[1] == UNTOLD else self.levels.south[path[1]]
        outputs = () if south is None else south.outputs
        number, sets = len(self.grower.agent.experts), [list(self.classes)]
        whole = () if UNTOLD in path else path
        return Expert(number, self.classes, -1, outputs, sets=sets, path=whole)

    def _judged(self, path: Path) -> tuple[float, float]:
        """Score and loss of a combination as it is."""
        return judged(self.grower, self._expert(path), self.validation)

    def _note(
        self, step: str, expert: Expert, loss: float = float("nan"), score: float = float("nan"), refused: str = ""
    ) -> None:
        """Write a row of the table ``openings``."""
        row = {"task": self.task, "step": step, "expert": expert.number, "loss": loss, "score": score}
        said = {"taken": False, "served": False, "refused": refused, "bought": 0, "paid": 0.0}
        self.rows.append(row | said | self._runs(expert))

    def _runs(self, expert: Expert) -> Row:
        """Who must run for an expert; columns of ``openings``."""
        neurons = set(self.levels.on((expert.path[0], expert.path[1]))) if expert.path else set[int]()
        others = [one for one in self.grower.agent.experts if one.number != expert.number]
        shared = sum(bool(neurons.intersection(one.neurons)) for one in others)
        return {"taps": 0, "inputs": 0, "experts_run": shared, "neurons_run": len(neurons), "centres": 0}
