"""What all agents have in common."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from weakref import WeakKeyDictionary

import mesa


class Numbers(WeakKeyDictionary[mesa.Model, Iterator[int]]):
    """The next number of an agent, for every model that is still in use."""

    def __getitem__(self, model: mesa.Model) -> Iterator[int]:
        """Numbers of a model, from 1."""
        return self.setdefault(model, count(1))


class Agent(mesa.Agent):  # type: ignore[misc]
    """An agent that lets go of its model: Mesa 3 numbers agents in a table that keeps every model in memory."""

    _ids = Numbers()
