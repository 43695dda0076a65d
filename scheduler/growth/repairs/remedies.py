"""By what an old expert can be repaired: links, read-outs, outputs elsewhere, neurons, a copy, a refresh.

What each is and costs is said in ``scheduler.growth.repairs.auction``, which chooses among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.model.chip.links import Offer
from smalti.model.grafting.graft import rehear, release
from smalti.model.grafting.healing import Remembered, way, write
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import Batch, Heard, Site, loss_of
from smalti.scheduler.growth.repairs.trial import mark


@dataclass(frozen=True)
class Patient:
    """An old expert, whose outputs serve one task and no other."""

    expert: Expert
    task: int
    kept: Batch  # samples on which its loss is measured
    training: Batch  # from which read-outs are made, and candidates
    enough: float  # loss up to which nothing is repaired
    chance: Callable[[int, int, int], np.random.Generator]  # (auction, stage, tile) -> random numbers
    reserve: int  # slots that births leave free in every tile
    seconds: float  # until it is asked again
    learn: Callable[[int], None] | None  # (auction) lets the expert learn in place; None where no copy can


class Outputs(Expert):
    """An expert of whom newborns drive the outputs alone, for nothing trains what they say to others."""

    @staticmethod
    def of(expert: Expert) -> Outputs:
        """The same expert, who gets the neurons that are born."""
        return Outputs(**{each.name: getattr(expert, each.name) for each in fields(Expert)})

    def members(self) -> Tensor:
        """Slots of the outputs."""
        return torch.tensor(self.outputs, dtype=torch.int64)


@dataclass(frozen=True)
class Repair:
    """Something that may be done; it gives the price of links, slots and spikes, None where it cannot be done."""

    name: str
    do: Callable[[], float | None]


@dataclass
class Remedies:
    """What there is for one expert; all of it changes the chip at once, and ``marked`` gives back what was before."""

    grower: Grower
    patient: Patient
    lost: Sequence[Remembered]  # links that faults took away
    devices: Sequence[Tensor]  # what is known of devices beside the chip and the optimiser, [K, R, n] each

    def __post_init__(self) -> None:
        self.former = {*self.patient.expert.members().tolist()}  # slots whose devices may be remembered

    def for_sale(self, auction: int) -> list[Repair]:
        """What can be tried now; links that do not lie yet, one by one and all at once."""
        network, expert = self.grower.network, self.patient.expert
        gone = [link for link in self.lost if bool(self._columns(link).any())]
        links = [Repair("link", partial(self._lay, [link])) for link in gone]
        if len(links) > 1:
            links.append(Repair("links", partial(self._lay, gone)))
        deaf = not self._reached()
        readout = [] if deaf else [Repair("readout", partial(self._read, auction))]
        classes = len(expert.classes) if self.grower.judge.readout is None else 1
        most = self.grower.options.max_neurons * classes or network.fabric.neurons
        births = min(self.grower.options.births * classes, most - len(expert.neurons))
        grown = [Repair("neurons", partial(self._grow, auction, births))] if births > 0 and not deaf else []
        copies = [] if self.patient.learn is None or deaf else [Repair("copy", partial(self._copy, auction))]
        drifts = [] if network.memristors.exact else [Repair("refresh", self._refresh)]
        moved = bool(self._born() & {*expert.outputs})
        elsewhere = [] if moved else [Repair("outputs", self._move)]
        return [*links, *readout, *elsewhere, *grown, *copies, *drifts]

    def marked(self) -> Callable[[], None]:
        """What gives back all that is now."""
        return mark(self.grower, self.patient.expert, self.devices)

    def loss(self) -> float:
        """Of the expert on the samples that are kept, when it will be asked again."""
        with self._later():
            return loss_of(self.grower, self.patient.expert, self.patient.kept)

    @contextmanager
    def _later(self) -> Iterator[None]:
        """What the chip will be when experts are asked again: a refresh is worth what is left of it then."""
        memristors = self.grower.network.memristors
        now = memristors.seconds
        memristors.at(now + self.patient.seconds)
        try:
            yield
        finally:
            memristors.at(now)

    def _born(self) -> set[int]:
        """Slots of all who were born in this round."""
        return {slot for slot, _, _ in self.grower.born}

    def _columns(self, link: Remembered) -> Tensor:
        """Columns [n] bool of this expert whose devices on a link are remembered and out of use."""
        network, slots = self.grower.network, self.grower.network.fabric.slots
        mine = self.former.intersection(self.patient.expert.members().tolist()) - self._born()
        columns = torch.zeros_like(link.mask)
        columns[[slot % slots for slot in mine if slot // slots == link.tile]] = True
        row = network.links.rows.get((link.source, link.tile))
        return columns & link.mask if row is None else columns & link.mask & ~network.state.mask[link.tile, row]

    def _lay(self, links: Sequence[Remembered]) -> float | None:
        """Lay links again, as far as there is room; None where there is none."""
        network, paid, laid = self.grower.network, 0.0, False
        for link in links:
            columns = self._columns(link)
            if (link.source, link.tile) not in network.links.rows:
                offer = way(network, link)
                if offer is None:
                    continue
                paid += self.grower.prices.link(offer)[1]
                network.links.lay(offer)
            write(network, link, columns, self.grower.moments, self.devices)
            laid = True
        return paid if laid else None

    def _read(self, auction: int) -> float | None:
        """Program the output columns anew, over what speaks; None where nothing is worth hearing."""
        network, expert, tile = self.grower.network, self.patient.expert, self.patient.expert.output_tile
        site = self._site(tile, auction)
        if not len(site.sources):
            return None
        before = self._heard(tile)
        if not self._linked(site):
            return None
        for column, slot in enumerate(expert.outputs):
            rehear(network, slot, site.sources, site.weights[:, column], self.grower.moments)
        release(network, before, tile)
        return self._bought(site)

    def _move(self) -> float | None:
        """Let outputs be born in the other south tile that offers most; those that there were are retired."""
        grower, patient, expert = self.grower, self.patient, self.patient.expert
        network, size = grower.network, len(expert.outputs)
        free = network.free_slots(t for t in network.fabric.south_tiles if t != expert.output_tile)
        room = [tile for tile, slots in free.items() if len(slots) - grower.kept.slots.get(tile, 0) >= size]
        sites = [site for tile in room if len((site := self._site(tile, 0)).sources)]
        if not sites:
            return None
        site = max(sites, key=lambda one: one.taps.surplus)
        grower.buy(expert.outputs)
        expert.output_tile, expert.outputs = site.tile, tuple(free[site.tile][-size:])
        if not self._linked(site):
            return None
        for column, slot in enumerate(expert.outputs):
            network.links.add_local(slot)
            grower.bear(slot, expert, "tap", patient.task, True, site.sources, site.weights[:, column], {})
        slots = sum(grower.prices.slot(len(free[site.tile]) - k, site.tile) for k in range(size))
        return self._bought(site) + slots

    def _linked(self, site: Site) -> bool:
        """Lay the links of a read-out; whether all find room, as they may not where outputs have left their tile.

        Wires that those gave back may lead the first links by other ways than in the auction's books.
        """
        links = self.grower.network.links
        for source in site.sources.tolist():
            if (source, site.tile) not in links.rows:
                offer = links.offer(source, site.tile)
                if not isinstance(offer, Offer):
                    return False
                links.lay(offer)
        return True

    def _grow(self, auction: int, births: int) -> float | None:
        """Let neurons be born, and program the read-out; None where nobody is."""
        grower, patient = self.grower, self.patient
        (x, wanted), few, before = patient.training, slice(grower.options.probe), len(grower.outcomes)
        chance = partial(patient.chance, auction)
        grower.grow(Outputs.of(patient.expert), patient.task, births, x[few], wanted[few], chance, patient.reserve)
        won = [outcome.price for outcome in grower.outcomes[before:] if outcome.won]
        if not won:
            return None
        read = self._read(auction)
        return None if read is None else sum(won) + read

    def _copy(self, auction: int) -> float:
        """Let a copy learn, and program what it has learned."""
        weight, learn = self.grower.network.state.weight, self.patient.learn
        assert learn is not None
        restore = self.marked()
        learn(auction)
        learned = weight.detach().clone()
        restore()
        with torch.no_grad():
            weight.copy_(learned)
        return 0.0

    def _refresh(self) -> float:
        """Program all devices onto the expert's neurons and outputs once more."""
        network = self.grower.network
        columns = self.patient.expert.running(network).view(network.fabric.tiles, 1, -1)
        network.memristors.refresh(network.state.mask & columns)
        return 0.0

    def _site(self, tile: int, auction: int) -> Site:
        """The read-out that a tile offers over what the expert may hear and does, of those who speak there."""
        grower, expert, network = self.grower, self.patient.expert, self.grower.network
        within = grower.agent.hears(expert)
        within[: network.fabric.neurons] |= network.upstream.heard_by(expert.running(network)).cpu()
        within[[source for source, there in network.links.silent() if there == tile]] = False
        with self._later():
            heard = Heard.of(grower, self.patient.training, self.patient.kept, expert.classes, within)
        books = network.links.copy()
        books.ledger.keep(grower.kept.wires)
        lots = self.patient.chance(auction, 1, network.fabric.tiles)  # numbers of no tile
        prices = Prices(grower.prices.options, books)
        return heard.site(tile, prices, self.patient.task, expert.classes, lots, expert.neurons)

    def _bought(self, site: Site) -> float:
        """Price of what a read-out has bought; its bids are written down."""
        self.grower.outcomes += site.taps.outcomes
        self.grower.number += len(site.taps.outcomes)
        return sum(outcome.price for outcome in site.taps.outcomes if outcome.won)

    def _output_devices(self, tile: int) -> Tensor:
        """Devices in use onto the outputs [R, O] bool."""
        columns = [slot % self.grower.network.fabric.slots for slot in self.patient.expert.outputs]
        return self.grower.network.state.mask[tile][:, columns]

    def _heard(self, tile: int) -> list[int]:
        """Whom the outputs hear."""
        heard: list[int] = self.grower.network.state.source[tile][self._output_devices(tile).any(1).cpu()].tolist()
        return heard

    def _reached(self) -> bool:
        """Whether the slots of the outputs are sound, so that something can reach them."""
        faults = self.grower.network.links.faults
        return faults is None or not bool(faults.slots[list(self.patient.expert.outputs)].any())
