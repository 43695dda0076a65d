"""A task that is not solved opens again: its outputs hear whom they would buy today, among all who have come since.

The auction of taps and its closed form are those of a task that opens (``scheduler.growth.offers``), in the tile of
the task's outputs, beside the links that are there; the expert's own neurons run in any case and count as no taps. The
outputs stay where they are and nobody is born; nobody hears outputs, and the devices of others do not move, so that all
other answers stay the same bits. What the chip then says to validation data decides: where the score is no better,
everything is as it was, also what devices were programmed to and how often.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.model.grafting.graft import rehear, release
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.offers import Row, taken_to_hear
from smalti.scheduler.growth.readout import Batch, Heard, Site, judged

STEP = "again"  # what the table ``openings`` calls it


@dataclass(frozen=True)
class Reopening:
    """One attempt; the outputs of the expert serve this task and no other."""

    grower: Grower
    task: int
    expert: Expert
    training: Batch  # from which the read-out is made
    validation: Batch
    score: float  # on validation data so far
    lots: np.random.Generator

    def run(self) -> Row:
        """Try it; the row of the table ``openings``, with the score that the task has now if it is taken."""
        site = self._site()
        score, loss, taken = site.score, site.loss, False
        if site.score > self.score:
            with self.grower.network.memristors.rewriting():
                score, loss, taken = self._listen(site)
        others = site.sources[~torch.isin(site.sources, torch.tensor(self.expert.neurons, dtype=torch.int64))]
        row = {"task": self.task, "step": STEP, "expert": self.expert.number, "loss": loss, "score": score}
        said = {
            "taken": taken,
            "served": score >= self.grower.options.reuse.enough,
            "refused": "",
            "bought": 0,
            "paid": 0.0,
        }
        return {**row, **said, **taken_to_hear(self.grower, others, self.expert.number)}

    def _site(self) -> Site:
        """What the tile of the outputs offers."""
        grower, expert, network = self.grower, self.expert, self.grower.network
        heard = Heard.of(grower, self.training, self.validation, expert.classes)
        books = network.links.copy()
        books.ledger.keep(grower.kept.wires)
        prices = Prices(grower.prices.options, books)
        return heard.site(expert.output_tile, prices, self.task, expert.classes, self.lots, expert.neurons)

    def _listen(self, site: Site) -> tuple[float, float, bool]:
        """Let the outputs hear the taps; score and loss, and whether it stays so."""
        grower, network, tile = self.grower, self.grower.network, site.tile
        links, before = network.links, self._heard()
        state, moments = deepcopy(network.state.state_dict()), deepcopy(grower.moments.state_dict())
        restore = network.memristors.remember()
        for source in site.sources.tolist():
            if (source, tile) not in links.rows:
                links.add(source, tile)
        for column, slot in enumerate(self.expert.outputs):
            rehear(network, slot, site.sources, site.weights[:, column], grower.moments)
        score, loss = judged(grower, self.expert, self.validation)
        taken = score > self.score
        if taken:
            grower.outcomes += site.taps.outcomes
            grower.number += len(site.taps.outcomes)
        else:
            network.state.load_state_dict(state)
            grower.moments.load_state_dict(moments)
            restore()
        release(network, before + [s for s in site.sources.tolist() if s not in before], tile)
        return score, loss, taken

    def _heard(self) -> list[int]:
        """Whom the outputs hear."""
        state, tile = self.grower.network.state, self.expert.output_tile
        columns = [slot % self.grower.network.fabric.slots for slot in self.expert.outputs]
        rows = state.mask[tile][:, columns].any(1)
        heard: list[int] = state.source[tile][rows.to(state.source.device)].tolist()
        return heard
