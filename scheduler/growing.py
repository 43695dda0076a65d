"""Growth in a round: the call for candidates, the auction, the graft; and the seed expert that opens every task.

Both go the same way. A seed expert is a sequence of auctions, one for each distance from the output tile, farthest
first, so that every newborn can be calibrated on the spikes of those born before it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import mesa
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from agents.candidate import CandidateNeuron
from agents.expert import Expert
from agents.gating import GatingAgent
from agents.messages import SEED, Outcome
from agents.prices import Prices
from agents.tile import Call, TileAgent
from model.fabric import Fabric
from model.growth.calibrate import SAMPLES
from model.growth.graft import Birth, graft, retire
from model.growth.options import GrowthOptions
from model.growth.shortlist import shortlist, tile_scores
from model.growth.signal import Traces
from model.growth.upbringing import begin_stage
from model.network import Network
from model.optimiser import Moments
from model.probe import Probe
from scheduler.auction import clear
from scheduler.training import positions

SEED_RULE = "random"  # how their fan-in is made


@dataclass
class Grower:
    """Brings neurons to life on one network; ``number`` is that of the next candidate ever."""

    model: mesa.Model
    network: Network
    moments: Moments
    agent: GatingAgent
    prices: Prices
    options: GrowthOptions
    number: int = 0
    outcomes: list[Outcome] = field(default_factory=list)  # of the round in hand
    born: list[tuple[int, str, int]] = field(default_factory=list)  # (slot, rule, task) of the round in hand

    def probe(self, expert: Expert, x: Tensor, labels: Tensor, targets: Tensor | None = None) -> Probe:
        """Spikes and adjoints of the expert on a batch; the adjoints of all its members, or of some targets."""
        target = positions(expert.classes, labels).to(self.network.device)
        outputs = torch.tensor(expert.outputs, device=self.network.device)
        return self.network.probe(
            x,
            outputs,
            lambda logits: cross_entropy(logits, target, reduction="none"),
            self.agent.running(expert),
            expert.members() if targets is None else targets,
        )

    def open(
        self, expert: Expert, task: int, x: Tensor, labels: Tensor, chance: Callable[[int, int], np.random.Generator]
    ) -> None:
        """Give birth to an expert's outputs and to its seed: a chain from the north row to the output tile.

        Args:
            expert: an expert without neurons.
            task: the task that it is founded for.
            x, labels: probe batch.
            chance: (stage, tile) -> random numbers.

        Raises:
            ValueError: where no living way leads from the inputs to the outputs.
        """
        for slot in expert.outputs:
            self.network.links.add_local(slot)
            self._bear(slot, expert, SEED, task, True, torch.empty(0, dtype=torch.int64), torch.empty(0), {})
        fabric = self.network.fabric
        tiles = footprint(fabric, expert.output_tile)
        distances = sorted({fabric.distance(t, expert.output_tile) for t in tiles}, reverse=True)
        for stage, distance in enumerate(distances):
            here = {
                t: seed_links(fabric, t, tiles, expert.output_tile)
                for t in tiles
                if fabric.distance(t, expert.output_tile) == distance
            }
            probe = self.probe(expert, x[:SAMPLES], labels[:SAMPLES])
            call = self.call(expert, task, SEED_RULE, probe, partial(chance, stage))
            call.seed_links, call.seed_value = here, math.log(len(expert.classes))
            self.settle(call, self.invite(call), len(here) * self.options.seed_width)
        if not self._hears_inputs(expert):
            row, col = fabric.position(expert.output_tile)
            raise ValueError(
                f"task {task} cannot be served: no chain of neurons leads from the inputs to its outputs in tile "
                f"({row}, {col}), for {self._obstacle(tiles)}; give the chip more neurons or wires, lower "
                "growth.max_neurons, or, where spikes are few, raise growth.target_rate, stream.steps or stream.gain"
            )

    def grow(
        self,
        expert: Expert,
        task: int,
        births: int,
        x: Tensor,
        labels: Tensor,
        chance: Callable[[int, int], np.random.Generator],
        reserve: int,
    ) -> None:
        """One auction among candidates made by the configured rule, for at most ``births`` places.

        Every tile keeps ``reserve`` slots free for tasks to come. On a large chip a shortlist of tiles is asked.
        """
        selling = [tile for tile in self._tiles() if len(tile.free_slots) > reserve]
        tiles = None
        if len(selling) <= self.options.shortlist:
            probe = self.probe(expert, x, labels)
        else:
            tiles, probe = self._shortlist(expert, x, labels, selling)
        call = self.call(expert, task, self.options.rule, probe, partial(chance, 0))
        call.reserve, call.tiles = reserve, tiles
        before = self.network.state.mask.clone()
        self.settle(call, self.invite(call), births)
        begin_stage(self.network.state, before, expert.running(self.network), self.options.upbringing)

    def _shortlist(
        self, expert: Expert, x: Tensor, labels: Tensor, selling: list[TileAgent]
    ) -> tuple[frozenset[int], Probe]:
        """The most promising tiles, and a probe with the adjoints of the neurons within their reach."""
        members, slots = expert.members(), self.network.fabric.slots
        probe = self.probe(expert, x, labels, members[:0])
        scores = tile_scores(self.network, probe, x.sum((0, 1), dtype=torch.float64), members)
        tiles = shortlist(scores, [tile.tile for tile in selling], self.options.shortlist)
        reach = set().union(*(tile.reach(expert) for tile in selling if tile.tile in tiles))
        return tiles, probe.asked(members[torch.isin(members // slots, torch.tensor(sorted(reach)))])

    def retire_idle(self, expert: Expert, counts: Tensor, grown: set[int]) -> list[int]:
        """Retire grown neurons that have been silent for too long; returns their slots."""
        members = [slot for slot in expert.neurons if slot in grown]
        gone: list[int] = []
        for tile in self._tiles():
            gone += tile.idle(counts, members, self.options.retire_after)
        for slot in gone:
            retire(self.network, slot, self.moments)
            expert.neurons.remove(slot)
        return gone

    def call(
        self,
        expert: Expert,
        task: int,
        rule: str,
        probe: Probe,
        generator: Callable[[int], np.random.Generator],
    ) -> Call:
        """A call for candidates, with the growth signal of a probe."""
        return Call(
            expert=expert,
            task=task,
            rule=rule,
            traces=Traces(probe, self.network.options.leak),
            hears=self.agent.hears(expert),
            options=self.options,
            prices=self.prices,
            generator=generator,
            number=self.number,
        )

    def invite(self, call: Call) -> list[CandidateNeuron]:
        """Let the tiles answer a call; candidates that bid, in random order."""
        self.model.agents_by_type[TileAgent].shuffle_do("take_part", call)
        self.number = call.number
        candidates = [candidate for candidate in call.candidates if candidate.bid is not None]
        self.model.random.shuffle(candidates)
        return candidates

    def settle(self, call: Call, candidates: list[CandidateNeuron], births: int) -> list[Outcome]:
        """Hold the auction, graft the winners, let all candidates vanish.

        Args:
            call: the call that the candidates answered.
            candidates: those whose bids count.
            births: most winners.
        """
        free = {tile.tile: tile.for_sale(call) for tile in self._tiles()}
        outcomes = clear([c.bid for c in candidates if c.bid], free, self.prices, births)
        for candidate, outcome in zip(candidates, outcomes, strict=True):
            if outcome.won:
                newborn = candidate.sources, candidate.fan_in, candidate.fan_out
                self._bear(outcome.slot, call.expert, candidate.rule, call.task, False, *newborn)
        for candidate in call.candidates:
            candidate.remove()
        self.outcomes += outcomes
        return outcomes

    def _bear(
        self,
        slot: int,
        expert: Expert,
        rule: str,
        task: int,
        output: bool,
        sources: Tensor,
        fan_in: Tensor,
        fan_out: Mapping[int, float],
    ) -> None:
        """Graft a neuron that drives every member of its expert that its links reach: zero unless told otherwise."""
        members = expert.members()
        alive = self.network.state.alive.cpu()
        reached = torch.tensor(self.network.links.of(slot), dtype=torch.int64)
        driven = members[alive[members] & torch.isin(members // self.network.fabric.slots, reached)]
        if output:
            driven = driven[:0]
        weights = torch.tensor([fan_out.get(int(target), 0.0) for target in driven], dtype=torch.float64)
        graft(self.network, Birth(slot, output, sources, fan_in, driven, weights), self.moments)
        self.born.append((slot, rule, task))
        if not output:
            expert.neurons.append(slot)

    def _obstacle(self, tiles: list[int]) -> str:
        """What most often kept the seeds of the round in hand from being born."""
        lost = Counter(outcome.reason for outcome in self.outcomes if not outcome.won)
        full = [tile.tile for tile in self._tiles() if tile.tile in tiles and not tile.free_slots]
        if lost:
            return lost.most_common(1)[0][0]
        return f"tile {self.network.fabric.position(full[0])} is full" if full else "too few spikes come through"

    def _tiles(self) -> list[TileAgent]:
        return list(self.model.agents_by_type[TileAgent])

    def _hears_inputs(self, expert: Expert) -> bool:
        """Whether a living chain of devices leads from some input to every output."""
        state, fabric = self.network.state, self.network.fabric
        reached = torch.zeros(fabric.neurons + self.network.channels + 1, dtype=torch.bool)
        reached[fabric.neurons : -1] = True
        mask, source = state.mask.cpu(), state.source
        for _ in range(fabric.tiles + 1):
            rows = reached[source]  # free rows read the last entry, which stays silent
            reached[: fabric.neurons] |= (mask & rows[:, :, None]).any(1).flatten() & state.alive.cpu()
        return bool(reached[list(expert.outputs)].all())


def footprint(fabric: Fabric, output_tile: int) -> list[int]:
    """Tiles of a seed expert: the whole north row, narrowing towards the output tile in the south row."""
    last, width = fabric.options.rows - 1, fabric.options.cols - 1
    home = fabric.position(output_tile)[1]
    chosen = []
    for tile in fabric.live_tiles:
        row, col = fabric.position(tile)
        radius = math.ceil(width * (last - row) / last) if last else width
        if tile == output_tile or (row < last and (row == 0 or abs(col - home) <= radius)) or last == 0:
            chosen.append(tile)
    return chosen


def seed_links(
    fabric: Fabric, tile: int, tiles: list[int], output_tile: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tiles that a seed neuron must reach (one nearer to the outputs) and those it would like to reach.

    Neighbours in the footprint come first; where dead tiles leave none nearer, the nearest tile farther along.
    """
    if tile == output_tile:
        return (), ()
    here = fabric.distance(tile, output_tile)
    near = [t for t in fabric.neighbours(tile) if t in tiles]
    nearer = [t for t in near if fabric.distance(t, output_tile) < here]
    if not nearer:
        ahead = [t for t in tiles if fabric.distance(t, output_tile) < here]
        nearer = sorted(ahead, key=lambda t: (fabric.distance(tile, t), t))[:1]
    south_first = sorted(nearer, key=lambda t: -fabric.position(t)[0])
    needed = south_first[:1]
    return tuple(needed), tuple(t for t in near if t not in needed)
