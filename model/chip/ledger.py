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
        self._capacity: list[int] = fabric.capacity.tolist()
        self._free: list[int] = list(self._capacity)  # [ports] wires left, without those that are kept
        self.version = 0  # grows whenever wires are taken, given back or kept
        self._holders: dict[int, dict[int, int]] = {}  # port -> source -> links that use that wire

    def blocked(self, source: int, ports: Iterable[int]) -> int | None:
        """The first port with no wire left for this source, or None when all ports have room."""
        for port in ports:
            if self._free[port] <= 0 and source not in self._holders.get(port, ()):
                return port
        return None

    def wires_needed(self, source: int, ports: Iterable[int]) -> list[int]:
        """The ports on which this source has no wire yet."""
        return [port for port in ports if source not in self._holders.get(port, ())]

    def free(self, port: int) -> int:
        """Wires left on a port, without those that are kept."""
        return self._free[port]

    def all_free(self, ports: Iterable[int]) -> list[int]:
        """``free`` of each of these ports."""
        free = self._free
        return [free[port] for port in ports]

    def keep(self, wires: Mapping[int, int]) -> None:
        """Keep free wires for tasks to come, port -> wires; nothing else is kept from now on."""
        self._free = (self.fabric.capacity - self.used).tolist()
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
        book.keep({})
        return book

    def reserve(self, source: int, ports: Iterable[int]) -> None:
        """Take one more reference on each port. The caller has asked ``blocked`` before."""
        self.version += 1
        for port in ports:
            holders = self._holders.setdefault(port, {})
            if source in holders:
                holders[source] += 1
                continue
            holders[source] = 1
            self._free[port] -= 1
            self.used[port] += 1
            assert len(holders) <= self._capacity[port], self.fabric.describe_port(port)

    def release(self, source: int, ports: Iterable[int]) -> None:
        """Give back one reference on each port; the wire is free when nobody refers to it any more."""
        self.version += 1
        for port in ports:
            holders = self._holders[port]
            holders[source] -= 1
            if holders[source] == 0:
                del holders[source]
                self._free[port] += 1
                self.used[port] -= 1
