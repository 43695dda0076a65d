"""A candidate neuron: lives for one auction, chooses whom to hear and whom to reach, and bids for a place."""

from __future__ import annotations

import math
from collections.abc import Mapping

import mesa
import torch
from torch import Tensor

from smalti.agents.agent import Agent
from smalti.agents.auction.bids import SEED, Bid, in_coins
from smalti.agents.auction.prices import Prices
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.kinds import Cell


class CandidateNeuron(Agent):
    """One neuron that might be born.

    It knows its fan-in, the predicted decrease of the loss for each tile it could drive, and prices. It wants
    the targets that pay for their wires.
    """

    def __init__(
        self,
        model: mesa.Model,
        number: int,
        proposal: Proposal,
        index: int,
        task: int,
        rule: str,
        cell: Cell | None = None,
    ) -> None:
        super().__init__(model)
        self.cell = cell  # its constants; None without kinds
        self.number, self.task, self.rule = number, task, rule
        self.proposal, self.index = proposal, index
        self.tile = proposal.signal.tile
        self.taps = proposal.taps[index]
        self.bid: Bid | None = None

    @property
    def sources(self) -> Tensor:
        """Whom it hears [p]."""
        return self.proposal.signal.sources[self.proposal.wired[self.index]]

    @property
    def fan_in(self) -> Tensor:
        """Weights of whom it hears [p]."""
        return self.proposal.fan_in[self.index][self.proposal.wired[self.index]]

    @property
    def fan_out(self) -> dict[int, float]:
        """Slot that it could drive -> weight."""
        drives = self.proposal.fan_out[self.index]
        return dict(zip(self.proposal.signal.targets.tolist(), drives.tolist(), strict=True))

    def bid_by_value(
        self,
        prices: Prices,
        decrease: Mapping[int, float],
        unpaid: bool = False,
        known: dict[tuple[int, ...], list[float]] | None = None,
        left: float = 1.0,
    ) -> None:
        """Choose the target tiles whose decrease pays for the link, and bid the decrease of all of them.

        Values are taken ``in_coins``, so that both engines settle ties alike.

        Args:
            prices: today's prices.
            decrease: predicted decrease in nats from driving each tile alone, own tile included.
            unpaid: its place need not be paid for; where no target pays, it takes the one with the largest decrease,
                of equals the southernmost, which is nearest to the outputs.
            known: decreases of all newborns of its proposal by the tiles that they drive, as far as somebody has asked;
                filled in.
            left: share of the decrease that stuck devices leave; ``decrease`` has been lowered by it.

        Raises:
            ValueError: a decrease is no finite number, as those of a rule that makes weights that are none.
        """
        if not all(map(math.isfinite, decrease.values())):
            raise ValueError(
                f"growth.rule = {self.rule!r} made a candidate that would lower the loss by {[*decrease.values()]}: a "
                "rule must make fan-in and fan-out of finite numbers"
            )
        chosen = [self.tile] if self.tile in decrease else []
        spare: list[tuple[float, int]] = []
        for tile, exact in decrease.items():
            if tile == self.tile:
                continue
            gain = in_coins(exact)
            price = prices.of_newborn(self.tile, tile)
            if price is None:
                continue
            if gain > price:
                chosen.append(tile)
            spare.append((gain, tile))
        if unpaid and spare and not chosen:
            chosen = [max(spare)[1]]
        value = 0.0
        if chosen:
            key, known = tuple(chosen), {} if known is None else known
            if key not in known:
                tiles = self.proposal.signal.targets // prices.links.fabric.slots
                known[key] = self.proposal.decrease(torch.isin(tiles, torch.tensor(chosen))).tolist()
            value = in_coins(left * known[key][self.index])
        self.bid = self._bid(tuple(t for t in chosen if t != self.tile), (), value)

    def bid_as_seed(self, value: float, targets: tuple[int, ...], wishes: tuple[int, ...]) -> None:
        """Bid for a place in a seed expert, whose worth is that the task can be heard at all."""
        self.rule = SEED
        self.bid = self._bid(targets, wishes, value)

    def describe(self) -> str:
        """One line: what it knows and wants."""
        if self.bid is None:
            return f"candidate {self.number} in tile {self.tile}: has not bid"
        reach = ", ".join(map(str, self.bid.targets)) or "its own tile only"
        return (
            f"candidate {self.number} in tile {self.tile}: hears {len(self.sources)} wires "
            f"({len(self.taps)} new), wants to reach {reach}, "
            f"bids {self.bid.value:.4f} nats for task {self.task}"
        )

    def _bid(self, targets: tuple[int, ...], wishes: tuple[int, ...], value: float) -> Bid:
        neurons = 2 if self.proposal.paired else 1
        kind = "" if self.cell is None else self.cell.name
        return Bid(self.number, self.tile, self.task, self.rule, self.taps, targets, wishes, value, neurons, kind)
