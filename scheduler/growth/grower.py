"""Growth in a round: the call for candidates, the auction, the graft; ``growth.seed_expert`` has how experts begin."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import mesa
import numpy as np
import torch
from mesa.agent import AgentSet
from torch import Tensor

from smalti.agents.auction.bids import Outcome, with_shuffled_values
from smalti.agents.auction.placement import PLACEMENTS, Site, place
from smalti.agents.auction.prices import Prices
from smalti.agents.auction.sequential import clear
from smalti.agents.candidate import CandidateNeuron
from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import Call, TileAgent
from smalti.model.entering import spikes_of_channels
from smalti.model.grafting.graft import Birth, graft, introduce, retire
from smalti.model.growth.learning_rates import begin_stage
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.preselection import preselect, tile_scores
from smalti.model.growth.signal import Traces
from smalti.model.growth.surroundings import Norms, usual_norms
from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.probe import Kernel, Probe
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.growth.placing.room import Need
from smalti.scheduler.streams.wanted import Wanted

SEED_RULE = "random"  # how the fan-in of seeds is made, and of recorded births for which the rule makes too few


@dataclass
class Grower:
    """Brings neurons to life on one network; ``number`` is that of the next candidate ever."""

    model: mesa.Model
    network: Network
    moments: Moments
    agent: GatingAgent
    prices: Prices
    options: GrowthOptions
    judge: Judge
    number: int = 0
    outcomes: list[Outcome] = field(default_factory=list)  # of the round in hand
    kept: Need = field(default_factory=Need)  # for the seeds of tasks to come
    born: list[tuple[int, str, int]] = field(default_factory=list)  # (slot, rule, task) of the round in hand
    bought: list[int] = field(default_factory=list)  # slots of neurons bought back, in the round in hand

    def probe(self, expert: Expert, x: Tensor, wanted: Wanted, targets: Tensor | None = None) -> Probe:
        """Spikes and adjoints of the expert on a batch; the adjoints of all its members, or of some targets."""
        outputs = torch.tensor(expert.outputs, device=self.network.device)
        return self.network.probe(
            x,
            outputs,
            lambda answers: self.judge.losses(expert, answers, wanted),
            self.agent.growing(expert),
            expert.members() if targets is None else targets,
            self.judge.answers,
        )

    def grow(
        self,
        expert: Expert,
        task: int,
        births: int,
        x: Tensor,
        wanted: Wanted,
        chance: Callable[[int, int], np.random.Generator],
        reserve: int,
    ) -> None:
        """One auction among candidates made by the configured rule, for at most ``births`` places.

        Every tile keeps ``reserve`` slots free for tasks to come, and what is ``kept``. On a large chip preselected
        tiles are asked. Where ``growth.where`` is another placement than the auction, tiles send enough candidates for
        all births.
        """
        selling = [tile for tile in self.tiles() if len(tile.free_slots) > reserve]
        auction, lots = self.options.where == "auction", chance(0, self.network.fabric.tiles)  # numbers of no tile
        tiles = None
        if len(selling) <= self.options.preselection:
            probe = self.probe(expert, x, wanted)
        else:
            tiles, probe = self._preselect(expert, x, wanted, selling, None if auction else lots)
        call = self.call(expert, task, self.options.rule, probe, partial(chance, 0))
        call.reserve, call.kept, call.tiles = reserve, self.kept.slots, tiles
        if not auction:
            call.unpaid, call.options = True, self.with_candidates(births)
        before = self.network.state.mask.clone()
        self.settle(call, self.invite(call), births, None if auction else lots)
        self.begin_stage_of(expert, before)

    def keep(self, need: Need) -> None:
        """Keep slots and wires for the seeds of tasks to come, these and no others."""
        self.kept = need
        self.network.links.ledger.keep(need.wires)

    def give_up(self, need: Need) -> None:
        """Keep this part of what is kept no longer: whom it was kept for is born now."""
        self.kept.give_up(need)
        self.network.links.ledger.give_up(need.wires)

    def begin_stage_of(self, expert: Expert, before: Tensor) -> None:
        """Begin a stage of growth with the devices that were laid since those [K, R, n] bool before."""
        begin_stage(self.network.state, before, expert.running(self.network), self.options.newborns)

    def with_candidates(self, births: int) -> GrowthOptions:
        """Options by which a single tile can send enough candidates for all births."""
        return replace(self.options, candidates=max(self.options.candidates, births))

    def _site(self, expert: Expert, free: dict[int, list[int]]) -> Site:
        own = Counter(slot // self.network.fabric.slots for slot in expert.neurons)
        return Site(self.network.fabric, expert.output_tile, free, own)

    def _preselect(
        self, expert: Expert, x: Tensor, wanted: Wanted, selling: list[TileAgent], lots: np.random.Generator | None
    ) -> tuple[frozenset[int], Probe]:
        """The most promising tiles, and a probe with the adjoints of the neurons within their reach.

        They are ranked by the placement, which takes a tile's score for the value of a bid; ``lots`` draws the ties.
        """
        members, slots = expert.members(), self.network.fabric.slots
        probe = self.probe(expert, x, wanted, members[:0])
        scores = tile_scores(self.network, probe, spikes_of_channels(x), members)
        if lots is not None:
            site = self._site(expert, {tile.tile: tile.free_slots for tile in self.tiles()})
            placement = PLACEMENTS[self.options.where]
            for tile in selling:
                scores[tile.tile] = placement(tile.tile, float(scores[tile.tile]), 0.0, site)
            selling = [selling[k] for k in lots.permutation(len(selling))]
        tiles = preselect(scores, [tile.tile for tile in selling], self.options.preselection)
        reach = set().union(*(tile.reach(expert, self.options.reach) for tile in selling if tile.tile in tiles))
        return tiles, probe.asked(members[torch.isin(members // slots, torch.tensor(sorted(reach)))])

    def retire_idle(self, expert: Expert, counts: Tensor, grown: set[int]) -> list[int]:
        """Retire grown neurons that have been silent for too long; returns their slots."""
        heard = self.agent.heard_by_others(expert)
        members = [slot for slot in expert.neurons if slot in grown and not heard[slot]]
        here: dict[int, list[int]] = defaultdict(list)
        for slot in members:
            here[self.network.fabric.tile_of_slot(slot)].append(slot)
        gone: list[int] = []
        for tile in self.tiles():
            if here[tile.tile] or tile.silent_rounds:
                gone += tile.idle(counts, here[tile.tile], self.options.retire_after)
        for slot in gone:
            self.retire(slot, expert)
        return gone

    def retire(self, slot: int, expert: Expert) -> None:
        """Take a hidden neuron of an expert off the chip."""
        retire(self.network, slot, self.moments)
        expert.neurons.remove(slot)
        self.agent.levels.lose([slot])

    def call(
        self,
        expert: Expert,
        task: int,
        rule: str,
        probe: Probe,
        generator: Callable[[int], np.random.Generator],
        norms: Norms | None = None,
    ) -> Call:
        """A call for candidates, with the growth signal of a probe; by default with the usual norms of the expert."""
        return Call(
            expert=expert,
            task=task,
            rule=rule,
            traces=Traces(
                probe,
                Kernel(self.network.options.leak),
                usual_norms(self.network, expert.members()) if norms is None else norms,
                self.judge.criterion,
            ),
            hears=self.agent.hears(expert),
            options=self.options,
            prices=self.prices,
            generator=generator,
            number=self.number,
        )

    def invite(self, call: Call) -> list[CandidateNeuron]:
        """Let the tiles answer a call; candidates that bid, in random order."""
        order = self.tiles()
        self.model.random.shuffle(order)
        AgentSet([tile for tile in order if tile.is_asked(call)], self.model.random).do("take_part", call)
        call.send_candidates()
        self.number = call.number
        candidates = [candidate for candidate in call.candidates if candidate.bid is not None]
        self.model.random.shuffle(candidates)
        return candidates

    def settle(
        self,
        call: Call,
        candidates: list[CandidateNeuron],
        births: int,
        lots: np.random.Generator | None = None,
        places: Mapping[int, int] | None = None,
    ) -> list[Outcome]:
        """Hold the auction, graft the winners, let all candidates vanish.

        Args:
            call: the call that the candidates answered.
            candidates: those whose bids count.
            births: most winners.
            lots: random numbers by which a placement settles the bids instead of the auction.
            places: tile -> most winners there, where they are given; any placement will do then.
        """
        bids = [c.bid for c in candidates if c.bid]
        wanted = {bid.tile for bid in bids}  # an auction looks at these alone, a placement may look at all
        free = {tile.tile: tile.for_sale(call) for tile in self.tiles() if lots is not None or tile.tile in wanted}
        if self.prices.options.values == "shuffled":
            bids = with_shuffled_values(bids, call.generator(self.network.fabric.tiles + 2))  # a number of no tile
        if lots is None:
            outcomes = clear(bids, free, self.prices, births)
        else:
            if places is not None:
                free = {tile: slots[: places.get(tile, 0)] for tile, slots in free.items()}
            placement = PLACEMENTS[self.options.where if places is None else "value"]
            homes = {self.network.fabric.tile_of_slot(slot) for slot in call.expert.members().tolist()}
            outcomes = place(bids, self._site(call.expert, free), self.prices, births, placement, homes, lots)
        for candidate, outcome in zip(candidates, outcomes, strict=True):
            if outcome.won:
                self._bear_winner(outcome, candidate, call)
        for candidate in call.candidates:
            candidate.remove()
        self.outcomes += outcomes
        if self.options.siblings:
            won = [slot for o in outcomes if o.won for slot in (o.slot, o.twin) if slot >= 0]
            spread = self.options.sibling_weight / math.sqrt(max(1, len(won)))
            chance = call.generator(self.network.fabric.tiles + 1) if spread else None  # a number of no tile
            introduce(self.network, won, self.moments, spread, chance)
        return outcomes

    def _bear_winner(self, outcome: Outcome, candidate: CandidateNeuron, call: Call) -> None:
        parts = candidate.rule, call.task, False, candidate.sources, candidate.fan_in
        self.bear(outcome.slot, call.expert, *parts, candidate.fan_out, candidate.cell)
        if outcome.twin >= 0:
            opposite = {target: -weight for target, weight in candidate.fan_out.items()}
            self.bear(outcome.twin, call.expert, *parts, opposite, candidate.cell)

    def bear(
        self,
        slot: int,
        expert: Expert,
        rule: str,
        task: int,
        output: bool,
        sources: Tensor,
        fan_in: Tensor,
        fan_out: Mapping[int, float],
        cell: Cell | None = None,
    ) -> None:
        """Graft a neuron that drives every member of its expert that its links reach: zero unless told otherwise."""
        members = expert.members()
        alive = self.network.state.alive.cpu()
        reached = torch.tensor(self.network.links.of(slot), dtype=torch.int64)
        driven = members[alive[members] & torch.isin(members // self.network.fabric.slots, reached)]
        if output:
            driven = driven[:0]
        weights = torch.tensor([fan_out.get(int(target), 0.0) for target in driven], dtype=torch.float64)
        graft(self.network, Birth(slot, output, sources, fan_in, driven, weights, cell), self.moments)
        self.born.append((slot, rule, task))
        if not output:
            expert.neurons.append(slot)

    def buy(self, slots: Sequence[int]) -> None:
        """Take neurons of old experts (``scheduler.growth.buy_back``), or what faults have silenced, off the chip."""
        for slot in slots:
            retire(self.network, slot, self.moments)
            for expert in self.agent.experts:
                expert.neurons = [own for own in expert.neurons if own != slot]
        self.agent.levels.lose(slots)
        self.bought += slots

    def tiles(self) -> list[TileAgent]:
        """All tile agents."""
        return list(self.model.agents_by_type[TileAgent])

    def state_dict(self) -> dict[str, Any]:
        """The number of the next candidate, and what is kept."""
        return {"number": self.number, "wires": [*self.kept.wires.items()], "slots": [*self.kept.slots.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.number = state["number"]
        self.keep(Need(Counter(dict(state["wires"])), Counter(dict(state["slots"]))))
