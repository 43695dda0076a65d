"""Options from mappings and TOML, and back: for any nested frozen dataclasses. Knows no option by name.

Fields are those of ``model.options.values``; there is no null in TOML, and none here. The docstrings' ``Attributes:``
become comments.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import docstring_parser
import tomlkit
from tomlkit.items import Table

from smalti.model.options.values import build, dotted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Section = Mapping[str, Any]  # as TOML gives it, sections in sections

LARGEST, DEEPEST = 1 << 22, 32  # bytes of a file, and levels of lists and sections in it

T = TypeVar("T", bound="DataclassInstance")


def from_mapping(cls: type[T], data: Mapping[str, object]) -> T:
    """An instance of ``cls`` from nested mappings, as TOML gives them; what is left out takes its default.

    A class with a function ``renewed`` is asked by it to bring data up to date, and to complete them.

    Raises:
        ValueError: an unknown section or field, or a value of the wrong type, with what is allowed; and
            whatever the dataclasses refuse.
    """
    renewed = getattr(cls, "renewed", None)
    return build(cls, data if renewed is None else renewed(data))


def merge(*sections: Section) -> Section:
    """Nested mappings as one; the later wins."""
    merged: dict[str, Any] = {}
    for section in sections:
        for name, value in section.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = merge(merged[name], value) if both else value
    return merged


def load(cls: type[T], path: Path | str, changes: Section | None = None) -> T:
    """An instance of ``cls`` from a TOML file, some fields being other than in there.

    Raises:
        ValueError: naming the file; it cannot be read, is no TOML (with the line), or does not fit ``cls``.
    """
    data = merge(read_toml(Path(path)), changes or {})
    try:
        return from_mapping(cls, data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ValueError: naming the file; it cannot be read, is no TOML (with the line), or is too large or nested too deep.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(raw) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST:,} bytes; no configuration is that long")
    try:
        text = raw.decode("utf-8-sig")  # some editors begin a file with a mark of its encoding
        data = tomllib.loads(text)
        if _depth(data) > DEEPEST:
            raise RecursionError
        return data
    except RecursionError:
        raise ValueError(f"{path} nests lists or sections more than {DEEPEST} deep; none of its fields does") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path} is not UTF-8 (at line {line}); save it as UTF-8") from error
    except ValueError as error:
        why = str(error).replace("at end of document", f"at line {text.count(chr(10)) + 1}, the end")
        raise ValueError(f"{path} is no valid TOML: {why}") from error


def _depth(data: object) -> int:
    """Levels of lists and sections in each other, counted up to one more than may be."""
    level: list[Any] = [data]
    depth = 0
    while level and depth <= DEEPEST:
        parts = [part.values() if isinstance(part, Mapping) else part for part in level]
        level = [item for part in parts for item in part if isinstance(item, (Mapping, list))]
        depth += 1
    return depth


def dump(config: DataclassInstance) -> str:
    """TOML with every field and its docstring as a comment; ``load`` gives an equal instance back."""
    document = tomlkit.document()
    _fill(document, config)
    return tomlkit.dumps(document)


def flatten(config: DataclassInstance) -> dict[str, object]:
    """Every field by its dotted name: ``{"fabric.rows": 3, ...}``; those of a mapping's sections by their names too."""
    flat: dict[str, object] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        named = value if isinstance(value, Mapping) else {"": value}
        for name, part in named.items():
            where = dotted(field.name, name) if name else field.name
            if is_dataclass(part) and not isinstance(part, type):
                flat |= {f"{where}.{inner}": item for inner, item in flatten(part).items()}
            else:
                flat[where] = part
    return flat


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Sections as in a file from dotted names: ``{"growth.rule": "random"}`` is ``{"growth": {"rule": "random"}}``."""
    data: dict[str, Any] = {}
    for field, value in values.items():
        *sections, last = field.split(".")
        inner = data
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = value
    return data


def differences(config: T, default: T) -> dict[str, object]:
    """What ``config`` has other than ``default``: dotted name -> value in ``config``, None where it has none."""
    usual, flat = flatten(default), flatten(config)
    changed = {name: value for name, value in flat.items() if name not in usual or value != usual[name]}
    return changed | {name: None for name in usual if name not in flat}


def _fill(table: Table | tomlkit.TOMLDocument, config: DataclassInstance) -> None:
    """Add every field, sections last: what follows the header of a section belongs to it."""
    comments = _comments(type(config))
    items = [(field.name, getattr(config, field.name)) for field in fields(config) if field.init]
    for name, value in sorted(items, key=lambda item: _is_section(item[1])):
        section = tomlkit.table() if _is_section(value) else None
        if section is not None:
            if comments.get(name):
                section.comment(comments[name])
            if not isinstance(value, Mapping):
                _fill(section, value)
            else:
                for inner, part in value.items():
                    _fill(within := tomlkit.table(), part)
                    section.add(inner, within)
        elif comments.get(name):
            table.add(tomlkit.comment(comments[name]))
        table.add(name, _plain(value) if section is None else section)


@cache
def _comments(cls: type[DataclassInstance]) -> dict[str, str]:
    """What the docstring says of every field."""
    parsed = docstring_parser.parse(cls.__doc__ or "", docstring_parser.DocstringStyle.GOOGLE)
    return {p.arg_name: " ".join((p.description or "").split()) for p in parsed.params}


def _is_section(value: object) -> bool:
    return is_dataclass(value) or isinstance(value, Mapping)


def _plain(value: object) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
