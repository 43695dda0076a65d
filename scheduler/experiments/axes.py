"""Axes of an experiment: a field of the configuration and the values that it takes, listed or in a range.

"growth.rule" = ["random", "gradmax_whitened"]                       # these values
"training.learning_rate" = { low = 1e-3, high = 1e-1, log = true }   # anything between, drawn
"growth.births" = { low = 1, high = 7, step = 2 }                    # 1, 3, 5, 7
"growth.target_rate" = { low = 0.05, high = 0.2, points = 4 }        # so many values, evenly apart
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from smalti.model.options.values import choices, shown
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten, from_mapping, nested
from smalti.scheduler.experiments.options import MOST

LARGEST = 1e18  # number in a range
Value = object  # what a field may hold: bool, int, float, str, or a list of these


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        low: least value.
        high: greatest value.
        log: whether the logarithm is what is spread evenly, for values over several orders of magnitude.
        step: distance of values; 0 for any between.
        points: how many values a grid takes, evenly apart; 0 for as many as the steps give.
    """

    low: float
    high: float
    log: bool = False
    step: float = 0.0
    points: int = 0

    def __post_init__(self) -> None:
        if not -LARGEST <= self.low < self.high <= LARGEST:
            raise ValueError(
                f"low = {self.low} must be less than high = {self.high}, both from {-LARGEST:g} to {LARGEST:g}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"low = {self.low} must be positive where log = true")
        if not 0 <= self.step < math.inf or self.points < 0 or self.points == 1:
            raise ValueError(f"step = {self.step} must be positive, and points = {self.points} at least 2")
        if self.points > MOST:
            raise ValueError(f"points = {shown(self.points)} is more than {MOST:,}; take fewer")
        if self.step and (self.points or self.log):
            raise ValueError("step goes neither with points nor with log; for a grid on a log scale give points")


@dataclass(frozen=True)
class Choices:
    """An axis of listed values."""

    field: str
    values: tuple[Value, ...]

    @property
    def count(self) -> int:
        """How many values a grid takes."""
        return len(self.values)

    def grid(self) -> tuple[Value, ...]:
        """All values."""
        return self.values

    def at(self, share: float) -> Value:
        """The value at a share of the way, 0 <= share < 1."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Interval:
    """An axis of numbers in a range; ``whole`` where the field takes whole numbers only."""

    field: str
    range: Range
    whole: bool

    @property
    def count(self) -> int:
        """How many values a grid takes; fewer where points of whole numbers come to the same.

        Raises:
            ValueError: the range says not which they are, or they are too many.
        """
        if self.range.points:
            return self.range.points
        if not self._step:
            raise ValueError(
                f'axes."{self.field}" has any number of values; a grid needs a list, or step or points in the range '
                "(or take design = 'random' or 'sobol')"
            )
        count = (self.range.high - self.range.low) / self._step * (1 + 1e-12) + 1
        if count >= MOST + 1:
            raise ValueError(f'axes."{self.field}" has {count:,.0f} values, more than {MOST:,}; take a larger step')
        return math.floor(count)

    @property
    def _step(self) -> float:
        """Distance of the values of a grid; 0 where they have none."""
        return self.range.step or float(self.whole and not self.range.log)

    def grid(self) -> tuple[Value, ...]:
        """The values of a grid.

        Raises:
            ValueError: as ``count``.
        """
        low, high, count = self.range.low, self.range.high, self.count
        if self.range.points:
            spread = np.geomspace if self.range.log else np.linspace
            return tuple(dict.fromkeys(self._plain(value) for value in spread(low, high, count)))
        return tuple(self._plain(low + number * self._step) for number in range(count))

    def at(self, share: float) -> Value:
        """The value at a share of the way, 0 <= share < 1."""
        if self.range.step or self.range.points:
            values = self.grid()
            return values[min(int(share * len(values)), len(values) - 1)]
        low, high = self.range.low, self.range.high
        if self.whole:  # every whole number has an interval of its own
            low, high = low - 0.5, high + 0.5
        if self.range.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return self._plain(min(max(value, self.range.low), self.range.high))

    def _plain(self, value: float) -> Value:
        return round(value) if self.whole else float(f"{value:.12g}")  # 0.3, not 0.30000000000000004


Axis: TypeAlias = Choices | Interval


def read_axis(field: str, given: object) -> Axis:
    """An axis as the file gives it.

    Raises:
        ValueError: naming the axis and what is wrong with it.
    """
    usual, name = _usual(field), f'axes."{field}"'
    if field not in usual:
        raise ValueError(f'{name}: there is no field "{field}"; {choices(field, usual)}')
    if field == "run.quick":
        raise ValueError(f"{name}: an experiment is quick as a whole or not at all; give --quick")
    if isinstance(given, list):
        return Choices(field, _listed(name, given))
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{name} = {shown(given)} must be a list of values, or a range such as {{ low = 1, high = 9 }}"
        )
    kind = type(usual[field])
    if kind not in (int, float):
        raise ValueError(f"{name} is no number and has no range; give a list of values")
    try:
        values = from_mapping(Range, given)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    for part in ("low", "high", "step"):
        if kind is int and not float(getattr(values, part)).is_integer():
            raise ValueError(f"{name}: {part} = {getattr(values, part)} must be a whole number, as the field is")
    return Interval(field, values, kind is int)


def dotted(section: Mapping[str, Value]) -> dict[str, Value]:
    """Axes by dotted name, whether the file has it in quotes, as a path of keys, or in a section [axes.growth]."""
    flat: dict[str, Value] = {}
    for name, value in section.items():
        if isinstance(value, Mapping) and not {"low", "high"} & value.keys():
            flat |= {f"{name}.{inner}": item for inner, item in dotted(value).items()}
        else:
            flat[name] = value
    return flat


def _usual(field: str) -> dict[str, object]:
    """Every field with its default; among them those of the kind of neurons whose field this is."""
    section, _, kind = field.rpartition(".")[0].rpartition(".")
    named: dict[str, object] = {f"{section}.{kind}": {}} if section == "network.kinds" else {}
    return flatten(from_mapping(Config, nested(named)))


def _listed(name: str, given: list[object]) -> tuple[Value, ...]:
    if not given:
        raise ValueError(f"{name} = [] must hold at least one value")
    if len(given) > MOST:
        raise ValueError(f"{name} holds {len(given):,} values, more than {MOST:,}; take fewer")
    seen: set[str] = set()
    for value in given:
        if (text := repr(value)) in seen:
            raise ValueError(f"{name} holds {shown(value)} twice")
        seen.add(text)
    return tuple(given)
