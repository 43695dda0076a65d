"""Repairs of an old expert whose loss has risen, bought one after the other at an auction.

What is for sale is tried on the chip and taken back (``growth.repairs.trial``), so that every bid is a measurement:

- link: one link that faults took away lies again, with what is remembered of its devices onto this expert; links: all
  of them that find a way, the strongest first, for one alone may do nothing where its neighbours are gone;
- readout: the output columns are programmed anew, in closed form, over what the expert may hear and still speaks;
- outputs: the same with outputs born anew in another south tile, in the place of those that there are;
- neurons: births by the usual rule and auction, and then such a read-out;
- copy: a copy of the expert beside the chip, to whom faults are known, learns on the samples that are kept
  (``faults.practice``), and what it has learned is programmed once;
- refresh: the devices of the expert are programmed once more to the weights that they should have.

A bid is worth the fall of the loss on samples that are kept of the task, as it will be when the expert is asked again:
devices that drift take back some of what they gave. It costs the links, slots and spikes that it takes at the prices of
the auction, and ``auction.write_price`` for every device that it writes. Of those worth more than they cost the one
that lowers the loss most per device is done; then all is measured again, until the loss is back within the tolerance or
nothing is worth its price. Where writes have errors, the chip gets others than the trial had: a kind of repair that
turns out to lower nothing is not for sale to this expert again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smalti.scheduler.growth.repairs.remedies import Remedies, Repair

Row = dict[str, object]
NOTHING = "nothing"
MOST = 100  # auctions for one expert


@dataclass(frozen=True)
class Measured:
    """What a repair came to."""

    repair: Repair
    loss: float  # after it
    writes: int
    price: float  # of all that it takes, writes too


@dataclass
class Repairs:
    """The auctions for one expert."""

    remedies: Remedies
    rows: list[Row] = field(default_factory=list)  # of the table ``repairs``, but for the round
    failed: set[str] = field(default_factory=set)  # that did not do what was tried, for writes are noisy: no more of it

    def run(self) -> bool:
        """Hold them; whether anything was done."""
        remedies, done = self.remedies, 0
        loss = self.remedies.loss()
        while loss > remedies.patient.enough and done < MOST:
            there = [repair for repair in remedies.for_sale(done) if repair.name not in self.failed]
            tried = [measured for repair in there if (measured := self._tried(repair)) is not None]
            worth = [one for one in tried if one.writes and loss - one.loss > one.price]
            best = max(worth, key=lambda one: (loss - one.loss) / one.writes, default=None)
            self.rows += [self._row(one, one, loss, False) for one in tried if one is not best]
            if best is None:
                nothing = Measured(Repair(NOTHING, lambda: None), loss, 0, 0.0)
                self.rows.append(self._row(nothing, nothing, loss, True))
                break
            restore, taken = self.remedies.marked(), self._done(best.repair)
            if taken is None:  # with the errors of these writes nothing was worth hearing
                restore()
                self.rows.append(self._row(best, best, loss, False))
                self.failed.add(best.repair.name)
                continue
            self.rows.append(self._row(best, taken, loss, True))
            done += 1
            if taken.loss >= loss:
                self.failed.add(best.repair.name)
            loss = taken.loss
        return done > 0

    def _tried(self, repair: Repair) -> Measured | None:
        """What a repair would come to; everything is as it was afterwards."""
        restore = self.remedies.marked()
        try:
            return self._done(repair)
        finally:
            restore()

    def _done(self, repair: Repair) -> Measured | None:
        """Do it and look; None where it cannot be done, and nothing has changed then that ``mark`` would not undo."""
        memristors, prices = self.remedies.grower.network.memristors, self.remedies.grower.prices.options
        before = memristors.wear.writes
        with memristors.rewriting(laid=True):
            price = repair.do()
        if price is None:
            return None
        writes = memristors.wear.writes - before
        return Measured(repair, self.remedies.loss(), writes, price + writes * prices.write_price)

    def _row(self, promised: Measured, measured: Measured, loss: float, taken: bool) -> Row:
        """A row of the table: what its trial promised, and what it came to; a trial that is no more promised itself."""
        return {
            "task": self.remedies.patient.task,
            "expert": self.remedies.patient.expert.number,
            "repair": measured.repair.name,
            "loss_before": loss,
            "loss_promised": promised.loss,
            "loss_after": measured.loss,
            "writes": measured.writes,
            "price": measured.price,
            "taken": taken,
        }
