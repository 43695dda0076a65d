"""Whether the files of a run folder hold what reading them needs: a damaged one is named, not stumbled over later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api import types

from smalti.model.options.values import dotted, shown
from smalti.scheduler.records.columns import FLOAT, INT32, INT64, TEXT, Column
from smalti.scheduler.records.schema import SCHEMA_VERSION, TABLES


def _count(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def _text(value: object) -> bool:
    return isinstance(value, str)


def _tasks(value: object) -> bool:
    return isinstance(value, list) and all(task == 0 or _count(task) for task in value)


def _places(value: object) -> bool:
    return isinstance(value, list) and all(_tasks(place) and len(place) == 2 for place in value)


def _number(value: object) -> bool:
    return isinstance(value, (int, float))


NEEDED: Mapping[str, Callable[[object], bool]] = {
    "fabric.rows": _count,
    "fabric.cols": _count,
    "fabric.neurons_per_tile": _count,
    "fabric.dead_tiles": _places,
    "stream.name": _text,
    "stream.setting": _text,
    "stream.order": _tasks,
    "training.rounds": _count,
    "growth.when": _text,
    "growth.enough_loss": _number,
    "growth.give_back": _number,
    "growth.retire_after": _number,
    "gating.stiffness": _number,
    "faults.heal": lambda value: value in ("none", "relay", "auction"),
    "faults.at_round": _number,
    "faults.tolerance": _number,
}
"""Fields of a configuration that measures and pages ask for, where a version has them. (Options need torch.)"""

LONGEST = 1e10  # seconds


def _is(column: Column, values: pd.Series) -> bool:
    """Whether values are of the kind of a column; whole numbers with gaps may have been read as floats."""
    if column.dtype in (INT32, INT64) and not column.nullable:
        return bool(types.is_integer_dtype(values))
    if column.dtype in (INT32, INT64, FLOAT):
        return bool(types.is_numeric_dtype(values))
    return column.dtype != TEXT or bool(types.is_string_dtype(values))


def read_facts(file: Path) -> dict[str, Any]:
    """The content of environment.json.

    Raises:
        ValueError: naming the file; it is no JSON, or says something that cannot be.
    """
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{file} is damaged: it holds no object of names and values")
    for name, least in (("schema_version", 0), ("experiences", 0), ("steps", 0)):
        value = facts.get(name, least)
        if type(value) is not int or not least <= value < 2**63:
            raise ValueError(f"{file} is damaged: {name} = {shown(value)} is no whole number, {least} or more")
    if not isinstance(facts.get("versions", {}), dict):
        raise ValueError(f"{file} is damaged: versions = {shown(facts['versions'])} holds no names and versions")
    return facts


class Section(dict[str, Any]):
    """A section of a configuration; asked for what it lacks, it names its file."""

    def __init__(self, values: Mapping[str, Any], file: Path, section: str = "") -> None:
        nested = {k: Section(v, file, dotted(section, k)) if isinstance(v, dict) else v for k, v in values.items()}
        super().__init__(nested)
        self._file, self._section = file, section

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"{self._file} is damaged: it lacks {dotted(self._section, name)}")


def sound_config(config: Mapping[str, Any], file: Path) -> Section:
    """A configuration, sections in sections, of which what every reader of a run needs is of its kind.

    Raises:
        ValueError: naming the file and the field.
    """
    for field, sound in NEEDED.items():
        section, name = field.split(".")
        given = config.get(section, {})
        if not isinstance(given, Mapping):
            raise ValueError(f"{file} is damaged: {section} = {shown(given)} must be a section [{section}]")
        if name in given and not sound(given[name]):
            raise ValueError(f"{file} is damaged: {field} = {shown(given[name])} cannot be")
    return Section(config, file)


def check_table(name: str, table: pd.DataFrame, folder: Path, version: int) -> None:
    """Whether a table has its columns, with values of their kind; older versions may lack some.

    Raises:
        ValueError: naming the folder of the table and the column.
    """
    for column in TABLES.get(name, ()):
        if column.name not in table:
            if version == SCHEMA_VERSION:
                raise ValueError(f"{folder} is damaged: it lacks the column {column.name}")
            continue
        values = table[column.name]
        if len(values) and not _is(column, values):
            raise ValueError(f"{folder} is damaged: its column {column.name} holds {values.dtype}, not {column.dtype}")
        if column.name.startswith("seconds") and not values.between(0, LONGEST).all():
            raise ValueError(f"{folder} is damaged: its column {column.name} holds what is no time")
