"""Observations as spikes: a population code of each, whose channels fire as regularly as their rate allows.

Tuning curves are those of ``scheduler.streams.coding.population``. A channel adds up its rate and fires when the sum
reaches 1, so that a few steps already tell a value, without the chance of random spikes. Its sum goes on from one
observation to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smalti.scheduler.control.worlds import Reals, World
from smalti.scheduler.streams.coding import population


@dataclass
class Senses:
    """The senses of several episodes."""

    world: World
    cells: int  # channels of an observation
    sums: Reals = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))  # [L, I] of who is heard

    @property
    def channels(self) -> int:
        """I."""
        return len(self.world.low) * self.cells

    def begin(self, episodes: int) -> None:
        """Nothing has been heard yet; channels begin half way."""
        self.sums = np.full((episodes, self.channels), 0.5, dtype=np.float32)

    def keep(self, going: np.ndarray) -> None:
        """Let go of episodes that are over; those [L] bool go on."""
        self.sums = self.sums[going]

    def rates(self, seen: Reals) -> Reals:
        """Spikes a step [L, I], 0..1, of observations [L, F]."""
        low, high = np.array(self.world.low, np.float32), np.array(self.world.high, np.float32)
        scaled = np.clip((seen - low) / (high - low), 0, 1)
        return population.encode(scaled[:, None], (len(low),), self.cells)[:, 0]

    def spikes(self, rates: Reals) -> Reals:
        """Who fires in the next step [L, I]."""
        self.sums += rates
        fired = (self.sums >= 1).astype(np.float32)
        self.sums -= fired
        return fired
