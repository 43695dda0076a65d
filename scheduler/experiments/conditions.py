"""Conditions on the fields of a configuration: what is left out of an experiment, and where an axis applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smalti.model.options.values import choices, shown
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten, from_mapping, nested
from smalti.scheduler.experiments.axes import Value, dotted

Condition = Mapping[str, Value]


@dataclass(frozen=True)
class Only:
    """An axis that applies under a condition."""

    axis: str
    when: Condition


def matches(flat: Mapping[str, Value], condition: Condition) -> bool:
    """Whether a configuration has all the values of a condition."""
    return all(_is(flat[name], value) for name, value in condition.items())


def entries(name: str, given: object) -> Sequence[Mapping[str, Value]]:
    """A list of entries as the file gives it."""
    if not isinstance(given, list) or not all(isinstance(entry, Mapping) and entry for entry in given):
        raise ValueError(f"{name} must be entries [[{name}]] with at least one field each")
    return given


def read_condition(where: str, given: object) -> Condition:
    """A condition as the file gives it.

    Raises:
        ValueError: naming the field that is unknown or cannot have that value.
    """
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"{where} = {shown(given)} must name fields and their values")
    condition, usual = dotted(given), flatten(Config())
    for name, required in condition.items():
        if name not in usual:
            raise ValueError(f'{where}: there is no field "{name}"; {choices(name, usual)}')
        if not (alternatives := _alternatives(usual[name], required)):
            raise ValueError(f'{where}: "{name}" = [] can have no value; give one at least')
        for value in alternatives:
            from_mapping(Config, nested({name: value}))  # raises where the field cannot have that value
    return condition


def read_only(given: Mapping[str, Value]) -> Only:
    """An entry of ``only`` as the file gives it."""
    if given.keys() != {"axis", "when"}:
        raise ValueError(f"only has {sorted(given)}; give axis and when")
    return Only(str(given["axis"]), read_condition("only.when", given["when"]))


def _alternatives(held: Value, required: Value) -> Sequence[Value]:
    """Values of which a field is to have one: those of a list, unless the field itself holds a list."""
    if not isinstance(required, list):
        return (required,)
    lists = bool(required) and all(isinstance(one, list) for one in required)
    return required if not isinstance(held, tuple) or lists else (required,)


def _is(held: Value, required: Value) -> bool:
    plain = _listed(held)
    return any(
        plain == _listed(one) and isinstance(held, bool) == isinstance(one, bool)
        for one in _alternatives(held, required)
    )


def _listed(value: Value) -> Value:
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value
