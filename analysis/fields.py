"""Fields of configurations by their dotted names, and in which of them several configurations differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Every field by its dotted name."""
    fields: dict[str, Any] = {}
    for name, value in config.items():
        fields |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return fields


def frozen(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same, lists as tuples, so that tables can be grouped by them."""
    return {name: _frozen(value) for name, value in flat(config).items()}


def varied(configs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Fields with more than one value among the configurations that have them, in the order of the files."""
    flats = [frozen(config) for config in configs]
    names = dict.fromkeys(name for one in flats for name in one)
    return tuple(name for name in names if len({_key(one[name]) for one in flats if name in one}) > 1)


def _key(value: Any) -> tuple[str, Any]:
    return (type(value).__name__, value)  # 1 and true are different settings


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
