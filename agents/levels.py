"""Who stands on which of two levels: north parts, the relay, south parts, and the ways that lead through them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

UNTOLD = -1  # a factor that nobody has named


@dataclass
class Part:
    """Neurons that run together, on one of the levels."""

    neurons: list[int]  # slots of its hidden neurons
    outputs: tuple[int, ...] = ()  # slots of its output units; of south parts alone
    serves: list[int] = field(default_factory=list)  # value of its level's factor in each task that it serves well


Path = tuple[int, int]  # numbers of a north and of a south part


@dataclass
class Levels:
    """All parts of a chip; empty where experts stand on one level."""

    relay: list[int] = field(default_factory=list)  # slots
    north: list[Part] = field(default_factory=list)
    south: list[Part] = field(default_factory=list)

    def on(self, path: Path) -> list[int]:
        """Hidden neurons that run on a way through the chip."""
        north, south = path
        return [*self.north[north].neurons, *self.relay, *self.south[south].neurons]

    def paths(self, outputs: int) -> list[Path]:
        """All ways that end in so many outputs."""
        ends = [k for k, part in enumerate(self.south) if len(part.outputs) == outputs]
        return [(north, south) for north in range(len(self.north)) for south in ends]

    def told(self, factors: Path, outputs: int) -> Path | None:
        """The way through parts that serve most tasks of these factors, of equals the first; None: there is none."""
        found = []
        for path in self.paths(outputs):
            parts = self.north[path[0]], self.south[path[1]]
            tasks = [part.serves.count(factor) for part, factor in zip(parts, factors, strict=True)]
            if all(tasks):
                found.append((sum(tasks), path))
        return max(found, key=lambda one: one[0])[1] if found else None

    def behind(self, north: int, question: int, outputs: int, taken: Collection[tuple[int, ...]]) -> Path | None:
        """The way from a north part to the south part that serves most tasks of a question; None: there is none.

        Of several, those come first that follow this north part in ways that are taken already: these are matched.
        """
        found = []
        for path in self.paths(outputs):
            tasks = self.south[path[1]].serves.count(question)
            if path[0] == north and tasks:
                found.append((path in taken, tasks, path))
        return max(found, key=lambda one: one[:2])[2] if found else None

    def lose(self, slots: Sequence[int]) -> None:
        """Neurons have been taken off the chip."""
        self.relay = [own for own in self.relay if own not in slots]
        for part in (*self.north, *self.south):
            part.neurons = [own for own in part.neurons if own not in slots]

    def state_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @staticmethod
    def from_state(state: dict[str, Any]) -> Levels:
        """What ``state_dict`` gave."""
        levels = Levels(list(state["relay"]))
        for name, parts in (("north", levels.north), ("south", levels.south)):
            parts += [
                Part(**(part | {"outputs": tuple(part["outputs"]), "serves": list(part["serves"])}))
                for part in state[name]
            ]
        return levels
