"""How parts of two levels are born: Gaussian fan-ins calibrated on spikes, as the seeds of other experts have them.

North neurons hear the inputs of their tile, relay neurons the north parts, south neurons the relay, outputs the neurons
of their part, from zero on. A relay neuron that is there gets devices onto the wires of a new north part, calibrated as
if it were born for that part; those that it has stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.bids import SEED, Bid
from smalti.agents.auction.prices import Quote
from smalti.agents.auction.sequential import award
from smalti.agents.expert import Expert
from smalti.agents.levels import Part
from smalti.model.grafting.graft import Birth, graft, switch_on
from smalti.model.grafting.overheard import Overheard
from smalti.model.growth.newborns.calibrate import SAMPLES
from smalti.model.growth.newborns.proposal import finish
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.signal import Traces, wires_alone
from smalti.model.probe import Kernel
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.levels.placement import NOWHERE, Plan

NORTH, RELAY, SOUTH = range(3)  # stages of random numbers
SPARE = 2  # directions that are drawn for each neuron, for some cannot be made to fire
NOBODY = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class Midwife:
    """Bears parts for an expert.

    Args:
        grower: of the network.
        expert: for whom they are born.
        task: that it is founded for.
        x: spikes of the probe batch [B, T, I].
        chance: (stage, tile) -> random numbers.
    """

    grower: Grower
    expert: Expert
    task: int
    x: Tensor
    chance: Callable[[int, int], np.random.Generator]

    def north(self, plan: Plan, like: Part | None = None) -> Part:
        """Bear a north part, as a copy of another one or at random, and let the relay hear it, if there is one."""
        self._lay(plan)
        if like is not None:
            return self._copied(plan, like)
        network, heard = self.grower.network, self._overheard([])
        for tile in sorted({network.fabric.tile_of_slot(slot) for slot in plan.slots}):
            slots = [slot for slot in plan.slots if network.fabric.tile_of_slot(slot) == tile]
            rows = network.state.source[tile]
            inputs = rows[rows >= network.fabric.neurons]
            for slot, fan_in in zip(slots, self._fan_in(heard, tile, inputs, len(slots), NORTH), strict=True):
                self._graft(slot, inputs, fan_in)
        part = Part([*plan.slots])
        self.grower.agent.levels.north.append(part)
        if relay := self.grower.agent.levels.relay:
            self._drive(part, relay)
        return part

    def _copied(self, plan: Plan, like: Part) -> Part:
        """Bear neurons that hear and drive as those of another part do, one each."""
        network, levels = self.grower.network, self.grower.agent.levels
        width, weight = network.fabric.slots, network.state.weight.detach()
        inputs = torch.arange(network.channels) + network.fabric.neurons
        for slot, old in zip(plan.slots, like.neurons, strict=True):
            tile, column = divmod(old, width)
            heard = [network.links.rows[channel, tile] for channel in inputs.tolist()]
            self._graft(slot, inputs, weight[tile, heard, column].clone())
        part = Part([*plan.slots])
        levels.north.append(part)
        tile, columns = levels.relay[0] // width, torch.tensor(levels.relay, device=network.device) % width
        rows = torch.tensor([network.links.rows[old, tile] for old in like.neurons], device=network.device)
        self._hear(part, levels.relay, weight[tile, rows[None, :], columns[:, None]].clone())
        return part

    def relay(self, plan: Plan) -> None:
        """Bear the relay, which hears the first north part."""
        self._lay(plan)
        levels = self.grower.agent.levels
        sources = torch.tensor(levels.north[0].neurons)
        heard, tile = self._overheard(levels.north[0].neurons), plan.slots[0] // self.grower.network.fabric.slots
        for slot, fan_in in zip(plan.slots, self._fan_in(heard, tile, sources, len(plan.slots), RELAY), strict=True):
            self._graft(slot, sources, fan_in)
        levels.relay.extend(plan.slots)

    def south(self, plan: Plan, north: Part) -> Part:
        """Bear a south part over the relay, as a north part drives it, and the outputs of the expert."""
        self._lay(plan)
        levels = self.grower.agent.levels
        heard, sources = self._overheard([*north.neurons, *levels.relay]), torch.tensor(levels.relay)
        tile = plan.slots[0] // self.grower.network.fabric.slots
        for slot, fan_in in zip(plan.slots, self._fan_in(heard, tile, sources, len(plan.slots), SOUTH), strict=True):
            self._graft(slot, sources, fan_in)
        for slot in plan.outputs:
            self._graft(slot, torch.tensor(plan.slots), torch.zeros(len(plan.slots)), output=True)
        part = Part([*plan.slots], plan.outputs)
        levels.south.append(part)
        return part

    def _lay(self, plan: Plan) -> None:
        """Lay the wires of those who are born, as planned; what a neuron takes is written down as the bid that it won.

        Its value is that of a place in a seed expert: that the task can be heard at all.
        """
        grower, links, value = self.grower, self.grower.network.links, math.log(max(2, len(self.expert.classes)))
        for slot in plan.slots:
            tile = links.fabric.tile_of_slot(slot)
            taps = tuple(source for source in plan.taps if (source, tile) not in links.rows)
            targets = (plan.target,) if plan.target not in (NOWHERE, tile) else ()
            bid = Bid(grower.number, tile, self.task, SEED, taps, targets, (), value)
            quote = grower.prices.quote(bid, len(grower.network.free_slots([tile])[tile]))
            assert isinstance(quote, Quote), quote  # it was planned on a copy of the books
            grower.outcomes.append(award(bid, quote, [slot], links))
            grower.number += 1
        for slot in plan.outputs:
            links.add_local(slot)

    def _drive(self, part: Part, relay: list[int]) -> None:
        """Let neurons of the relay hear a part that is new, at random."""
        tile, sources = relay[0] // self.grower.network.fabric.slots, torch.tensor(part.neurons)
        self._hear(part, relay, self._fan_in(self._overheard(part.neurons), tile, sources, len(relay), RELAY))

    def _hear(self, part: Part, relay: list[int], fan_in: Tensor) -> None:
        """Give neurons of the relay devices of these weights [relay, part] on the wires of a part."""
        network, slots = self.grower.network, self.grower.network.fabric.slots
        tile = relay[0] // slots
        rows = torch.tensor([network.links.rows[source, tile] for source in part.neurons], device=network.device)
        columns = torch.tensor(relay, device=network.device) % slots
        fresh = torch.zeros_like(network.state.mask)
        with torch.no_grad():
            network.state.weight[tile, rows[None, :], columns[:, None]] = fan_in.to(network.state.weight)
        fresh[tile, rows[None, :], columns[:, None]] = True
        switch_on(network, fresh, self.grower.moments)

    def _overheard(self, running: list[int]) -> Overheard:
        """What these neurons do on the probe, and the inputs."""
        network = self.grower.network
        mask = torch.zeros_like(network.state.alive)
        mask[running] = True
        return Overheard(network, self.x[:SAMPLES]).follow(mask)

    def _fan_in(self, heard: Overheard, tile: int, sources: Tensor, count: int, stage: int) -> Tensor:
        """Fan-ins [count, P] from these sources, calibrated; nothing for those that nothing makes fire."""
        network, options = self.grower.network, self.grower.options
        traces = Traces(heard, Kernel(network.options.leak))
        signal = wires_alone(traces, tile, sources)
        directions = random_directions(signal, SPARE * count, self.chance(stage, tile))
        found = finish(signal, directions, options, network.newborn_dynamics(), blind=True).fan_in[:count]
        return torch.cat([found, found.new_zeros(count - len(found), len(sources))])

    def _graft(self, slot: int, sources: Tensor, fan_in: Tensor, output: bool = False) -> None:
        grower = self.grower
        birth = Birth(slot, output, sources, fan_in, NOBODY, torch.empty(0))
        graft(grower.network, birth, grower.moments)
        grower.born.append((slot, SEED, self.task))
        if not output:
            self.expert.neurons.append(slot)
