"""A tile: knows its free slots, rows and the wires around it, invites candidates, retires idle neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mesa
import numpy as np
import torch
from torch import Tensor

from smalti.agents.agent import Agent
from smalti.agents.auction.prices import Prices
from smalti.agents.candidate import CandidateNeuron
from smalti.agents.expert import Expert
from smalti.model.chip.fabric import IN, OUT
from smalti.model.chip.links import Offer
from smalti.model.growth.newborns.proposal import Draft, Proposal, finish_all
from smalti.model.growth.options import GrowthOptions, Reach
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.signal import TileSignal, Traces, tap_scores, tile_signal, wires_alone
from smalti.model.growth.surroundings import distances, inputs_of
from smalti.model.kinds import Cell, draw_cells
from smalti.model.network import Network

ALIKE = 4  # candidates that share a cell: a rule then offers several directions for it


@dataclass
class Call:
    """The gating agent's call for candidates, as it goes round the tiles."""

    expert: Expert
    task: int
    rule: str
    traces: Traces
    hears: Tensor  # [N + I] bool: sources that a newborn may listen to
    options: GrowthOptions
    prices: Prices
    generator: Callable[[int], np.random.Generator]  # tile -> its random numbers of this round
    number: int  # of the next candidate
    tiles: frozenset[int] | None = None  # that are asked; None for all
    unpaid: bool = False  # whether places are given by something else than the auction
    reserve: int = 0  # slots that every tile keeps free for tasks to come
    kept: Mapping[int, int] = field(default_factory=dict)  # tile -> slots that seeds of tasks to come need there
    seed_links: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] | None = None  # tile -> needed, wished
    seed_value: float = 0.0  # nats that a place in a seed expert is worth
    drafts: list[Sketch] = field(default_factory=list)  # newborns that tiles have made and not sent yet
    candidates: list[CandidateNeuron] = field(default_factory=list)

    def send_candidates(self) -> None:
        """Let the tiles send what they have drafted, in the order in which they did; all are scaled at once."""
        waiting = [sketch.made for sketch in self.drafts if isinstance(sketch.made, Draft)]
        finished = iter(finish_all(waiting, self.options))
        for sketch in self.drafts:
            made = next(finished) if isinstance(sketch.made, Draft) else sketch.made
            sketch.tile.send(self, made, sketch.cell)
        self.drafts.clear()


@dataclass(frozen=True)
class Sketch:
    """Newborns of a tile on their way to be candidates."""

    tile: TileAgent
    made: Draft | Proposal
    cell: Cell


class TileAgent(Agent):
    """One neuron tile. It wants its slots used by neurons that pay for them."""

    def __init__(self, model: mesa.Model, tile: int, network: Network) -> None:
        super().__init__(model)
        self.tile, self.network = tile, network
        self.silent_rounds: dict[int, int] = {}  # slot -> rounds without a spike on the probe

    @property
    def free_slots(self) -> list[int]:
        """Slots without a neuron, lowest first."""
        return self.network.free_slots([self.tile])[self.tile]

    def state_dict(self) -> dict[str, Any]:
        """Who has been silent, for how long."""
        return {"silent_rounds": [*self.silent_rounds.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.silent_rounds = dict(state["silent_rounds"])

    def free_wires(self) -> tuple[int, int]:
        """Wires left into and out of the tile, over all sides."""
        fabric, ledger = self.network.fabric, self.network.links.ledger
        cell = fabric.cell_of_tile(self.tile)
        into, out = (sum(ledger.free(fabric.port(cell, side, way)) for side in range(4)) for way in (IN, OUT))
        return into, out

    def describe(self) -> str:
        """One line: what it knows and wants."""
        into, out = self.free_wires()
        row, col = self.network.fabric.position(self.tile)
        return (
            f"tile ({row}, {col}): {len(self.free_slots)} of {self.network.fabric.slots} slots free, "
            f"{into} wires free inwards and {out} outwards; sells to whoever pays most above the price"
        )

    def is_asked(self, call: Call) -> bool:
        """Whether a call goes to this tile."""
        if call.seed_links is not None:
            return self.tile in call.seed_links
        return call.tiles is None or self.tile in call.tiles

    def take_part(self, call: Call) -> None:
        """Answer the gating agent's call: make newborns, which ``Call.send_candidates`` has sent."""
        if self.is_asked(call):
            if call.seed_links is None:
                self._answer_growth(call)
            else:
                self._answer_seeding(call)

    def _answer_growth(self, call: Call) -> None:
        if not self.for_sale(call):
            return
        generator, options = call.generator(self.tile), call.options
        each = [options.candidates] * len(self.network.options.kinds)
        for cell, count in self._cells(each, options.candidates, ALIKE, generator):
            signal = self.signal(call.traces.of(cell), call.expert, call.hears, options.new_taps, options.reach)
            if len(signal.targets):
                self._make(call, signal, count, cell, generator)

    def _answer_seeding(self, call: Call) -> None:
        generator, width = call.generator(self.tile), call.options.seed_width
        for cell, count in self._cells(self._seeds(width, generator), width, 1, generator):
            self._make(call, wires_alone(call.traces, self.tile, self._heard(call.hears)), count, cell, generator)

    def _cells(
        self, of_kinds: Sequence[int], without: int, alike: int, generator: np.random.Generator
    ) -> list[tuple[Cell, int]]:
        """Cells of newborns and how many have them: so many of each kind, or so many of none."""
        options = self.network.options
        return draw_cells(options.kinds, of_kinds, alike, generator) or [(options.plain_cell, without)]

    def _seeds(self, count: int, generator: np.random.Generator) -> list[int]:
        """How many of the seeds here are of each kind, drawn by the kinds' shares."""
        shares = [kind.share for kind in self.network.options.kinds.values()]
        if len(shares) < 2:
            return [count] * len(shares)
        seeds: list[int] = generator.multinomial(count, np.array(shares) / sum(shares)).tolist()
        return seeds

    def _make(self, call: Call, signal: TileSignal, most: int, cell: Cell, generator: np.random.Generator) -> None:
        """Make newborns by the growth rule of a call, as many as asked for and the free slots allow, of one cell."""
        count = min(most, len(self.for_sale(call)))
        if count == 0 or len(signal.sources) == 0:
            return
        rule, dynamics = GROWTH_RULES[call.rule], self.network.newborn_dynamics(cell)
        made: Draft | Proposal
        if rule.directions is None:
            made = rule.propose(signal, count, call.options, dynamics, generator)
        else:
            made = Draft(signal, rule.directions(signal, count, generator), dynamics, rule.blind)
        call.drafts.append(Sketch(self, made, cell))

    def send(self, call: Call, proposal: Proposal, cell: Cell) -> None:
        """Send newborns as candidates, and let them bid."""
        candidates = [
            CandidateNeuron(self.model, call.number + k, proposal, k, call.task, call.rule, cell)
            for k in range(len(proposal.fan_in))
        ]
        call.number += len(candidates)
        call.candidates += candidates
        if call.seed_links is None:
            self.let_bid(candidates, call.prices, call.unpaid, self._left_by_faults(call))
        else:
            for candidate in candidates:
                candidate.bid_as_seed(call.seed_value, *call.seed_links[self.tile])

    def for_sale(self, call: Call) -> list[int]:
        """Free slots on offer: all for a seed expert, else all but those kept for tasks to come; the soundest first."""
        free, stuck = self.free_slots, self.network.memristors.tested(self.tile)
        if stuck is not None:
            free = sorted(free, key=lambda slot: float(stuck[slot % len(stuck)]))
        kept = 0 if call.seed_links is not None else max(call.reserve, call.kept.get(self.tile, 0))
        return free[: max(0, len(free) - kept)]

    def reach(self, expert: Expert, how: Reach = "outputs") -> set[int]:
        """Tiles that a newborn here may want to drive: this one, its neighbours, for outputs the task's output tile.

        For chip all living tiles.
        """
        if how == "chip":
            return set(self.network.fabric.live_tiles)
        far = (expert.output_tile,) if how == "outputs" else ()
        return {self.tile, *self.network.fabric.neighbours(self.tile), *far}

    def signal(
        self, traces: Traces, expert: Expert, hears: Tensor, new_taps: int, reach: Reach = "outputs"
    ) -> TileSignal:
        """Growth signal of this tile for an expert.

        Args:
            traces: filtered probe.
            expert: whom a newborn would serve.
            hears: sources that the expert may listen to [N + I] bool.
            new_taps: most sources without a row here that are offered beside those with one.
            reach: how far a newborn may drive.
        """
        present = self._heard(hears)
        members = expert.members()
        slots = self.network.fabric.slots
        tiles = members // slots
        targets = members[torch.isin(tiles, torch.tensor(sorted(self.reach(expert, reach))))]
        extra = self._new_taps(traces, expert, targets, new_taps, reach) if new_taps and len(targets) else []
        sources = torch.cat([present, torch.tensor(extra, dtype=torch.int64)])
        new = torch.zeros(len(sources), dtype=torch.bool)
        new[len(present) :] = True
        distance, inputs = distances(self.network, self.tile, sources), inputs_of(self.network, targets)
        return tile_signal(traces, self.tile, sources, new, targets, distance, inputs)

    def _heard(self, hears: Tensor) -> Tensor:
        """Sources with a row here [P], of those that an expert may listen to [N + I] bool."""
        rows = self.network.state.source[self.tile]
        present = rows[rows >= 0]
        return present[hears[present]]

    def _left_by_faults(self, call: Call) -> float:
        """Share of a newborn's devices that a self-test of the next slot here leaves to it."""
        stuck = self.network.memristors.tested(self.tile)
        if stuck is None:
            return 1.0
        free = self.for_sale(call)
        return 1.0 - float(stuck[free[0] % len(stuck)]) if free else 1.0

    def let_bid(
        self, candidates: list[CandidateNeuron], prices: Prices, unpaid: bool = False, left: float = 1.0
    ) -> None:
        """Tell this tile's candidates what each target tile would bring, and what stuck devices leave of it."""
        if not candidates:
            return
        proposal = candidates[0].proposal
        tiles = proposal.signal.targets // self.network.fabric.slots
        gains = {tile: (left * proposal.decrease(tiles == tile)).tolist() for tile in sorted(set(tiles.tolist()))}
        known: dict[tuple[int, ...], list[float]] = {}
        for candidate in candidates:
            gain = {tile: of_tile[candidate.index] for tile, of_tile in gains.items()}
            candidate.bid_by_value(prices, gain, unpaid, known, left)

    def idle(self, counts: Tensor, members: list[int], patience: int) -> list[int]:
        """Neurons here that have been silent for ``patience`` rounds and should be retired.

        Args:
            counts: spikes on the probe [N, B].
            members: slots of neurons that may be retired.
            patience: rounds of silence; 0 retires nobody.
        """
        mine = [slot for slot in members if self.network.fabric.tile_of_slot(slot) == self.tile]
        self.silent_rounds = {s: self.silent_rounds.get(s, 0) + 1 for s in mine if not counts[s].any()}
        gone = [s for s, rounds in self.silent_rounds.items() if patience and rounds >= patience]
        for slot in gone:
            del self.silent_rounds[slot]
        return gone

    def _new_taps(self, traces: Traces, expert: Expert, targets: Tensor, count: int, reach: Reach) -> list[int]:
        """The most telling neurons of the expert next door, or anywhere, that have no row here and could get one."""
        links, fabric = self.network.links, self.network.fabric
        near = self.reach(expert, "chip") - {self.tile} if reach == "chip" else set(fabric.neighbours(self.tile))
        able = [
            s
            for s in expert.neurons
            if fabric.tile_of_slot(s) in near
            and (s, self.tile) not in links.rows
            and isinstance(links.offer(s, self.tile), Offer)
        ]
        if not able:
            return []
        scores = tap_scores(traces, torch.tensor(able), targets)
        return [able[k] for k in scores.topk(min(count, len(able))).indices.tolist()]
