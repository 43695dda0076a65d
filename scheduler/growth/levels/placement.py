"""Where parts of two levels stand. It knows the chip's books alone: nothing is born here, and nothing is laid for good.

The relay stands in one tile, which every north neuron must reach; a south part and its outputs stand in one south tile,
which every relay neuron must reach. Places are looked for on a copy of the books, near before far, so that what is
planned together fits together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smalti.model.chip.fabric import Fabric, NoRoomError
from smalti.model.chip.links import Links, Refusal

NOWHERE = -1  # no tile


@dataclass(frozen=True)
class Plan:
    """Slots of neurons to be born, and the links that they need."""

    slots: tuple[int, ...]
    target: int = NOWHERE  # tile that each of them must reach, if it is not its own
    taps: tuple[int, ...] = ()  # slots whom their tile must hear
    outputs: tuple[int, ...] = ()  # slots of output units, with a south part


@dataclass
class Site:
    """The chip as it will be when all that has been planned is there."""

    links: Links  # a copy of the books
    free: dict[int, list[int]]  # tile -> slots, lowest first
    relay: list[int] = field(default_factory=list)  # slots

    @property
    def fabric(self) -> Fabric:
        """The chip."""
        return self.links.fabric

    @property
    def home(self) -> int:
        """The tile of the relay."""
        return self.fabric.tile_of_slot(self.relay[0])

    def place_relay(self, count: int) -> Plan:
        """The relay, in the tile whose way from inputs and to outputs is the shortest.

        Raises:
            NoRoomError: no tile has so many free slots.
        """
        fabric = self.fabric
        roomy = [tile for tile in fabric.live_tiles if len(self.free[tile]) >= count]
        if not roomy:
            most = max(map(len, self.free.values()))
            raise NoRoomError(f"a relay of {count} neurons stands in one tile, and no tile has more than {most} slots")
        ends = (*fabric.north_tiles, *fabric.south_tiles)
        away = {tile: [fabric.distance(tile, end) for end in ends] for tile in roomy}
        tile = min(roomy, key=lambda t: (max(away[t]), sum(away[t]), t))
        self.relay = self._take(tile, count)
        return Plan(tuple(self.relay))

    def place_north(self, count: int) -> Plan:
        """A north part: where every tile hears all inputs, near the relay; else spread over all that hear some.

        Raises:
            NoRoomError: tiles that hear inputs are full, or the way from them to the relay is.
        """
        fabric, slots, reason = self.fabric, list[int](), "they are full"
        north = sorted(fabric.north_tiles, key=lambda tile: (fabric.distance(tile, self.home), tile))
        spread = fabric.options.inputs == "spread"
        for number in range(count):
            turn = number % len(north) if spread else 0
            for tile in (*north[turn:], *north[:turn]):
                if not self.free[tile]:
                    continue
                if refused := self._lay(self.free[tile][0], tile, self.home):
                    reason = refused
                    continue
                slots += self._take(tile, 1)
                break
            else:
                raise NoRoomError(f"tiles that hear inputs have room for {number} of {count} north neurons: {reason}")
        return Plan(tuple(slots), self.home)

    def place_south(self, count: int, outputs: int) -> Plan:
        """A south part with its outputs, in the south tile to which the relay needs fewest links.

        Raises:
            NoRoomError: south tiles are full, or the way from the relay to them is.
        """
        fabric, reason = self.fabric, "they are full"

        def missing(tile: int) -> int:
            known = tile == self.home
            return 0 if known else sum((slot, tile) not in self.links.rows for slot in self.relay)

        for tile in sorted(fabric.south_tiles, key=lambda t: (missing(t), fabric.distance(t, self.home), t)):
            if len(self.free[tile]) < count + outputs:
                continue
            books, self.links = self.links, self.links.copy()
            refused = [self._lay(slot, self.home, tile) for slot in self.relay]
            if any(refused):
                self.links, reason = books, max(refused)
                continue
            ends = self.free[tile][-outputs:]
            del self.free[tile][-outputs:]
            return Plan(tuple(self._take(tile, count)), taps=tuple(self.relay), outputs=tuple(ends))
        needed = f"{count} neurons and {outputs} outputs of a south part"
        raise NoRoomError(f"no south tile has room for {needed}: {reason}")

    def _take(self, tile: int, count: int) -> list[int]:
        taken, self.free[tile] = self.free[tile][:count], self.free[tile][count:]
        return taken

    def _lay(self, source: int, start: int, tile: int) -> str:
        """Lay a link in the books, unless there is one or none is needed; says what is in its way."""
        if tile == start or (source, tile) in self.links.rows:
            return ""
        offer = self.links.offer(source, tile)
        if isinstance(offer, Refusal):
            return offer.reason
        self.links.lay(offer)
        return ""
