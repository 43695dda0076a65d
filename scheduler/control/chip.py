"""A chip for control: experts for tasks without labels, opened and grown by the auction, with ideal devices.

An expert opens as it does in a run (``scheduler.growth.seed_expert``): a chain of seeds, calibrated on spikes of the
senses, that bid for slots, rows and wires. It grows by more seeds on the same way, whose last fan-out is zero: what it
does stays the same until it learns. Evolution strategies have no adjoints, and so predict no value of a newborn: seeds
bid one value for all, prices decide among them.
"""

from __future__ import annotations

from functools import partial

import mesa
import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import TileAgent
from smalti.model.chip.fabric import Fabric
from smalti.model.gating.networks import GATING
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.randomness import Use, generator


class ControlChip(mesa.Model):  # type: ignore[misc]
    """A chip and the agents that sell its places.

    Args:
        config: its sections fabric, network, gating, growth, auction and run are taken.
        channels: input channels.

    Raises:
        ValueError: the senses have more channels than the chip has north wires, or the network is none that can act.
    """

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__(seed=config.run.seed)
        _check(config.network)
        fabric = Fabric(config.fabric)
        if channels > fabric.channels:
            raise ValueError(
                f"the senses have {channels} channels and the chip hears {fabric.channels}; raise fabric.wires, or "
                "take fewer cells"
            )
        self.seed_of_run = config.run.seed
        self.network = Network(fabric, channels, config.network, 1, seed=config.run.seed)
        self.moments = Moments.fresh(self.network.state.weight)
        gate = GATING["label"](config.gating, channels)
        self.agent = GatingAgent(self, self.network, gate, config.gating, config.growth)
        for tile in fabric.live_tiles:
            TileAgent(self, tile, self.network)
        prices = Prices(config.auction, self.network.links)
        judge = Judge(self.network)
        self.grower = Grower(self, self.network, self.moments, self.agent, prices, config.growth, judge)
        self._events = 0

    def open(self, outputs: int, x: Tensor, width: int) -> Expert:
        """Open an expert for the next task.

        Args:
            outputs: output units.
            x: spikes of the senses [B, T, I], on which it is calibrated.
            width: seeds in every tile on its way.

        Raises:
            NoRoomError: there is no place, or no way, for it.
        """
        task = len(self.agent.experts)
        expert = self.agent.add_expert(tuple(range(task * outputs, (task + 1) * outputs)))
        expert.meet(task, expert.classes, True)
        self._bear(expert, x, width, False)
        return expert

    def grow(self, expert: Expert, x: Tensor, width: int) -> int:
        """Give an expert more seeds, at most ``width`` in every tile on its way; how many there are more."""
        before = len(expert.neurons)
        self._bear(expert, x, width, True)
        return len(expert.neurons) - before

    def _bear(self, expert: Expert, x: Tensor, width: int, born: bool) -> None:
        def chance(event: int, stage: int, tile: int) -> np.random.Generator:
            return generator(self.seed_of_run, Use.CONTROL, 0, event, stage, tile)

        self.grower.outcomes = []
        open_expert(
            self.grower, expert, expert.tasks[0], x, partial(chance, self._events), None, born=born, width=width
        )
        self._events += 1

    def taking_part(self, expert: Expert) -> Tensor:
        """Neurons that run when this expert acts [N] bool."""
        return self.agent.running(expert)

    def own(self, expert: Expert) -> Tensor:
        """Devices that are the expert's to learn [K, R, n] bool: those of its neurons' and outputs' columns."""
        columns = torch.zeros(self.network.fabric.neurons, dtype=torch.bool)
        columns[expert.members()] = True
        return self.network.state.mask & columns.view(self.network.fabric.tiles, 1, -1)


def _check(options: NetworkOptions) -> None:
    """Whether copies of a network can act.

    Raises:
        ValueError: they cannot, with the cure.
    """
    if torch.device(options.device).type != "cpu":
        raise ValueError(
            f"network.device = {options.device!r} cannot be had in control: copies in episodes are computed on the "
            "CPU; take cpu"
        )
    if options.readout == "spike_count":
        raise ValueError(
            "network.readout = 'spike_count' counts spikes of a whole sample, and who acts is asked for the membranes "
            "of its outputs at every observation: take membrane_mean or membrane_last"
        )
