"""Who uses which wire: a reference-counted book of every side of every tile of the grid.

A wire is one source on one side in one direction, however many links of that source lie behind it (shared trunk).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from smalti.model.chip.fabric import Fabric


class Ledger:
    """Wires in use, with hard limits that no reservation crosses."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.used = np.zeros(len(fabric.capacity), dtype=np.int64)  # [ports] wires in use
        self.capacity = fabric.capacity  # [ports] wires that can be given out, without those known to be dead
        self._wires: list[int] = self.capacity.tolist()  # the same, as plain numbers for speed
        self._free: list[int] = self.capacity.tolist()  # [ports] wires left, without those that are kept
        self.version = 0  # grows whenever wires are taken, given back or kept
        self._holders: dict[int, dict[int, int]] = {}  # port -> source -> links that use that wire
        self._dead: Mapping[int, frozenset[int]] = {}  # port -> numbers of its dead wires
        self._known = False
        self._number: dict[int, dict[int, int]] = {}  # port with dead wires -> source -> number of its wire

    def blocked(self, source: int, ports: Iterable[int]) -> int | None:
        """The first port with no wire left for this source, or None when all ports have room."""
        for port in ports:
            if self._free[port] <= 0 and source not in self._holders.get(port, ()):
                return port
        return None

    def wires_needed(self, source: int, ports: Iterable[int]) -> list[int]:
        """The ports on which this source has no wire yet."""
        return [port for port in ports if source not in self._holders.get(port, ())]

    def wires(self, port: int) -> int:
        """Wires of a port that can be given out, in use or not."""
        return self._wires[port]

    def free(self, port: int) -> int:
        """Wires left on a port, without those that are kept."""
        return max(0, self._free[port])

    def all_free(self, ports: Iterable[int]) -> list[int]:
        """``free`` of each of these ports."""
        free = self._free
        return [free[port] for port in ports]

    def keep(self, wires: Mapping[int, int]) -> None:
        """Keep free wires for tasks to come, port -> wires; nothing else is kept from now on."""
        self._free = (self.capacity - self.used).tolist()
        self.give_up({port: -count for port, count in wires.items()})

    def give_up(self, wires: Mapping[int, int]) -> None:
        """Keep these wires no longer, port -> wires; what else is kept stays so."""
        self.version += 1
        for port, count in wires.items():
            self._free[port] += count

    def copy(self) -> Ledger:
        """The same book, which keeps nothing, for trials."""
        book = Ledger(self.fabric)
        book.used = self.used.copy()
        book._holders = {port: dict(holders) for port, holders in self._holders.items()}
        book.capacity, book._wires, book._dead, book._known = self.capacity, self._wires, self._dead, self._known
        book._number = {port: dict(numbers) for port, numbers in self._number.items()}
        book.keep({})
        return book

    def strike(self, dead: Mapping[int, frozenset[int]], behind: Mapping[int, int], known: bool) -> None:
        """Faults have come; sources that hold wires have those of the lowest numbers, in their own order.

        Args:
            dead: port -> numbers of its dead wires.
            behind: port -> dead rows behind it.
            known: whether neither wires nor rows are to be given out any more.
        """
        self.version += 1
        self._dead, self._known = dead, known
        self._number = {port: {s: n for n, s in enumerate(sorted(self._holders.get(port, ())))} for port in dead}
        if known:
            self.capacity = self.capacity.copy()
            for port, count in [*((port, len(wires)) for port, wires in dead.items()), *behind.items()]:
                count = min(count, int(self.capacity[port]))
                self.capacity[port] -= count
                self._free[port] -= count
            self._wires = self.capacity.tolist()

    def severed(self, source: int, ports: Iterable[int]) -> bool:
        """Whether a wire that this source holds on these ports is dead."""
        return any(port in self._dead and self._number[port].get(source) in self._dead[port] for port in ports)

    def numbers(self) -> list[tuple[int, int, int]]:
        """Which wires sources hold on ports with dead ones, as (port, source, number)."""
        return [(port, source, n) for port, holders in self._number.items() for source, n in holders.items()]

    def renumber(self, numbers: Iterable[tuple[int, int, int]]) -> None:
        """Take over what ``numbers`` gave."""
        for port, source, number in numbers:
            self._number[port][source] = number

    def reserve(self, source: int, ports: Iterable[int]) -> None:
        """Take one more reference on each port. The caller has asked ``blocked`` before."""
        self.version += 1
        for port in ports:
            holders = self._holders.setdefault(port, {})
            if source in holders:
                holders[source] += 1
                continue
            holders[source] = 1
            if port in self._dead:
                taken = {*self._number[port].values(), *(self._dead[port] if self._known else ())}
                self._number[port][source] = next(n for n in range(len(taken) + 1) if n not in taken)
            self._free[port] -= 1
            self.used[port] += 1
            assert len(holders) <= self.capacity[port], self.fabric.describe_port(port)

    def release(self, source: int, ports: Iterable[int]) -> None:
        """Give back one reference on each port; the wire is free when nobody refers to it any more."""
        self.version += 1
        for port in ports:
            holders = self._holders[port]
            holders[source] -= 1
            if holders[source] == 0:
                del holders[source]
                if port in self._dead:
                    del self._number[port][source]
                self._free[port] += 1
                self.used[port] -= 1
