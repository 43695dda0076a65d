"""One thing to know about a run, and how several of a kind are named. ``look`` looks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MOST = 6  # places or tasks that are named one by one


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know about a run."""

    kind: str  # one word
    weight: Literal["warning", "note"]
    title: str  # what is the case
    detail: str  # where, and what can be done


def count_of(number: int, name: str) -> str:
    """So many of something."""
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{number} {name if number == 1 else plural}"


def several(names: list[str], most: int = MOST, separator: str = ", ") -> str:
    """The first of them, and how many more there are."""
    rest = len(names) - most
    return separator.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
