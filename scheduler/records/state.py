"""The state of a simulation as tensors and plain facts, and back, as a checkpoint keeps them.

Whoever keeps something from round to round says it by ``state_dict``: a mapping of tensors, plain values and further
mappings, all by text. Tensors are taken out of it, by their path in it; the rest is the facts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

PLAIN = {int, str, bool, type(None)}  # that JSON takes as they are
SEPARATOR = "."  # between the names of a path; the last one may hold it too


class Stateful(Protocol):
    """Keeps something from round to round."""

    def state_dict(self) -> dict[str, Any]:
        """All of it; numbers that are not finite may come back as text."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""


def split(state: Mapping[str, Any], path: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by their path, and the facts, of which JSON can be made."""
    tensors: dict[str, Tensor] = {}
    facts: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            tensors[path + name] = value.detach()
        elif isinstance(value, Mapping):
            inner, facts[name] = split(value, path + name + SEPARATOR)
            tensors |= inner
        else:
            facts[name] = _plain(value)
    return tensors, facts


def joined(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The state of which these are ``split``."""
    state: dict[str, Any] = {name: joined({}, v) if isinstance(v, Mapping) else v for name, v in facts.items()}
    for path, tensor in tensors.items():
        place, name = state, path
        while (outer := name.partition(SEPARATOR))[1] and isinstance(place.get(outer[0]), dict):
            place, name = place[outer[0]], outer[2]
        place[name] = tensor
    return state


def _plain(value: Any) -> Any:
    """JSON knows no tuples and no infinity."""
    if isinstance(value, (list, tuple)):
        return [item if type(item) in PLAIN else _plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
