"""The exact optimum of an auction, to compare with: an integer program solved by HiGHS (scipy.optimize.milp).

    maximise    sum of values - sum of base costs    over sets of bids and over the paths of their links
    subject to  slots of each tile, wires on every side of every tile, births

A source has one wire on a side however many of its links pass there, and bids in one tile share a tap. Wishes
cost and bring no value, so the optimum takes none. It knows no scarcity: prices here are base prices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smalti.agents.auction.bids import Bid
from smalti.agents.auction.prices import NEWBORN, Prices
from smalti.model.chip.ledger import Ledger
from smalti.model.chip.links import Refusal
from smalti.model.chip.routes import Path

MAX_VARIABLES = 20_000
TIME_LIMIT = 120.0  # seconds
SCALE = 1e4  # largest coefficient of the scaled objective: HiGHS stops at an absolute gap of 1e-6

Ways = dict[int, Path]  # variable -> the path that it stands for


@dataclass(frozen=True)
class Choice:
    """A bid of the best set."""

    position: int
    ways: Mapping[tuple[int, int], Path]  # (source or NEWBORN, tile) -> path of each link that it needs


def best_set(bids: Sequence[Bid], free_slots: Mapping[int, int], prices: Prices, births: int) -> list[Choice]:
    """The bids with the largest sum of value minus base cost, in their order; asking changes nothing.

    Args:
        bids: bids in the order in which they came.
        free_slots: for every tile the number of its free slots.
        prices: price book over the chip's links.
        births: most winners.

    Raises:
        ValueError: for pairs of neurons, for more than ``MAX_VARIABLES`` variables, or where ``TIME_LIMIT`` passes
            without a proof.
    """
    if any(bid.neurons > 1 for bid in bids):
        raise ValueError(
            "auction.method = 'optimal' cannot place pairs of neurons: set it to sequential, or take another rule"
        )
    program = _AuctionProgram(prices)
    for position, bid in enumerate(bids):
        if free_slots[bid.tile] > 0 and bid.value > prices.options.slot_price and program.possible(bid):
            program.add(position, bid)
    program.limit_wires()
    program.limit_slots(bids, free_slots, births)
    taken = program.solve(f"the exact auction of {len(bids)} bids")
    won = [position for position, x in program.wins.items() if taken[x]]
    return [program.choice(position, bids[position], taken) for position in won]


class _Program:
    """A maximisation over variables between 0 and 1, built row by row."""

    def __init__(self) -> None:
        self.gain: list[float] = []  # objective, one for each variable
        self._integer: list[bool] = []
        self._entries: list[tuple[int, int, float]] = []  # (row, variable, coefficient)
        self._lower: list[float] = []
        self._upper: list[float] = []

    def variable(self, gain: float, integer: bool = True) -> int:
        """A new variable; returns its number."""
        self.gain.append(gain)
        self._integer.append(integer)
        return len(self.gain) - 1

    def limit(self, plus: Iterable[int], minus: Iterable[int] = (), upper: float = 0.0, lower: float = -np.inf) -> None:
        """Lower <= sum of variables ``plus`` - sum of variables ``minus`` <= upper."""
        row = len(self._upper)
        self._entries += [(row, variable, 1.0) for variable in plus]
        self._entries += [(row, variable, -1.0) for variable in minus]
        self._lower.append(lower)
        self._upper.append(upper)

    def solve(self, what: str) -> list[bool]:
        """Which variables are 1 in the proven optimum; ``what`` is named in errors."""
        from scipy.optimize import Bounds, LinearConstraint, milp  # not above: help need not wait for it
        from scipy.sparse import csr_array

        count = len(self.gain)
        if count > MAX_VARIABLES:
            raise ValueError(
                f"{what} needs {count} variables, more than the {MAX_VARIABLES} allowed: "
                "set auction.method to sequential, or let fewer candidates bid"
            )
        if count == 0:
            return []
        gain = np.array(self.gain)
        constraints = []
        if self._entries:
            rows, columns, coefficients = zip(*self._entries, strict=True)
            matrix = csr_array((coefficients, (rows, columns)), shape=(len(self._upper), count))
            constraints.append(LinearConstraint(matrix, np.array(self._lower), np.array(self._upper)))
        answer = milp(
            -gain * (SCALE / float(np.abs(gain).max())),
            integrality=np.array(self._integer, dtype=np.int64),
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"time_limit": TIME_LIMIT, "mip_rel_gap": 0.0},
        )
        if answer.status != 0:
            raise ValueError(
                f"no proven optimum for {what} within {TIME_LIMIT:g} s ({answer.message}): "
                "set auction.method to sequential, or let fewer candidates bid"
            )
        return [bool(value > 0.5) for value in answer.x]


class _AuctionProgram(_Program):
    """Program of one auction: x for each bid that may win, z for each path of a link, y for shared wires."""

    def __init__(self, prices: Prices) -> None:
        super().__init__()
        self.links, self.options = prices.links, prices.options
        self.wins: dict[int, int] = {}  # position of a bid -> x
        self._own: dict[int, dict[int, Ways]] = {}  # position -> target tile -> z
        self._taps: dict[int, dict[int, Ways]] = defaultdict(dict)  # source -> tile -> z

    def possible(self, bid: Bid) -> bool:
        """Whether each link of a bid fits by itself."""
        needed = [(source, bid.tile, None) for source in self._new_taps(bid)]
        targets = [(NEWBORN, tile, bid.tile) for tile in bid.targets]
        return not any(isinstance(self.links.offer(*link), Refusal) for link in (*needed, *targets))

    def add(self, position: int, bid: Bid) -> None:
        """A bid: it wins when each of its links has a path; its own links are laid only then."""
        x = self.wins[position] = self.variable(bid.value - self.options.slot_price)
        self._own[position] = {tile: self._ways(NEWBORN, bid.tile, tile) for tile in bid.targets}
        for ways in self._own[position].values():
            self.limit(ways, minus=[x], upper=0.0, lower=0.0)
        for source in self._new_taps(bid):
            taps = self._taps[source]
            if bid.tile not in taps:
                taps[bid.tile] = self._ways(source, self.links.fabric.tile_of_slot(source), bid.tile)
                self.limit(taps[bid.tile], upper=1.0)
            self.limit([x], minus=taps[bid.tile])

    def limit_wires(self) -> None:
        """Charge every new wire once and keep the wires on each side within what is free there.

        Where a single link of a source may use a side, the sum over its paths is the wire; else the wire is a
        variable y at least as large as that sum for each link. y need not be declared integer, since z are.
        """
        wires: dict[int, list[list[int]]] = defaultdict(list)  # port -> for each wire what adds up to it
        users = [(NEWBORN, own) for own in self._own.values()]
        for source, links in [*users, *self._taps.items()]:
            for port, paths_of_link in _by_port(self.links.ledger, source, links.values()).items():
                wire = paths_of_link[0]
                if len(paths_of_link) > 1:
                    wire = [self.variable(0.0, integer=False)]
                    for paths in paths_of_link:
                        self.limit(paths, minus=wire)
                for variable in wire:
                    self.gain[variable] -= self.options.wire_price
                wires[port].append(wire)
        for port, here in wires.items():
            if len(here) > self.links.ledger.free(port):
                self.limit((v for wire in here for v in wire), upper=self.links.ledger.free(port))

    def limit_slots(self, bids: Sequence[Bid], free_slots: Mapping[int, int], births: int) -> None:
        """At most as many winners as slots in each tile, and as births in all."""
        by_tile: dict[int, list[int]] = defaultdict(list)
        for position, x in self.wins.items():
            by_tile[bids[position].tile].append(x)
        for tile, xs in by_tile.items():
            if len(xs) > free_slots[tile]:
                self.limit(xs, upper=free_slots[tile])
        self.limit(self.wins.values(), upper=births)

    def choice(self, position: int, bid: Bid, taken: Sequence[bool]) -> Choice:
        """A winner with the paths of its links."""
        links = {(NEWBORN, tile): ways for tile, ways in self._own[position].items()}
        links |= {(source, bid.tile): self._taps[source][bid.tile] for source in self._new_taps(bid)}
        paths = {key: next(path for z, path in ways.items() if taken[z]) for key, ways in links.items()}
        return Choice(position, paths)

    def _new_taps(self, bid: Bid) -> list[int]:
        return [source for source in bid.taps if (source, bid.tile) not in self.links.rows]

    def _ways(self, source: int, start: int, tile: int) -> Ways:
        """A variable for each path that is open to a link; its row is paid here, its wires are not."""
        blocked = self.links.ledger.blocked
        paths = [path for path in self.links.ways(start, tile) if blocked(source, path.ports) is None]
        return {self.variable(-self.options.row_price): path for path in paths}


def _by_port(ledger: Ledger, source: int, links: Iterable[Ways]) -> dict[int, list[list[int]]]:
    """For each port where the source has no wire yet: for each link the variables of its paths over it."""
    by_port: dict[int, list[list[int]]] = defaultdict(list)
    for ways in links:
        of_link: dict[int, list[int]] = defaultdict(list)
        for z, path in ways.items():
            for port in ledger.wires_needed(source, path.ports):
                of_link[port].append(z)
        for port, paths in of_link.items():
            by_port[port].append(paths)
    return by_port
