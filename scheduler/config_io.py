"""Options from mappings and TOML, and back: for any nested frozen dataclasses. Knows no option by name.

Fields may be bool, int, float, str, Literal, tuples of these, or dataclasses, which become sections. There is
no null in TOML, and none here. The docstrings' ``Attributes:`` become comments.
"""

from __future__ import annotations

import difflib
import math
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import docstring_parser
import tomlkit
from tomlkit.items import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Section = Mapping[str, Any]  # as TOML gives it, sections in sections

T = TypeVar("T", bound="DataclassInstance")

PLAIN: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
}


def from_mapping(cls: type[T], data: Mapping[str, object]) -> T:
    """An instance of ``cls`` from nested mappings, as TOML gives them; what is left out takes its default.

    A class with a function ``renewed`` is asked by it to bring data of older versions up to date.

    Raises:
        ValueError: an unknown section or field, or a value of the wrong type, with what is allowed; and
            whatever the dataclasses refuse.
    """
    renewed = getattr(cls, "renewed", None)
    return _build(cls, data if renewed is None else renewed(data), "")


def merge(*sections: Section) -> Section:
    """Nested mappings as one; the later wins."""
    merged: dict[str, Any] = {}
    for section in sections:
        for name, value in section.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = merge(merged[name], value) if both else value
    return merged


def load(cls: type[T], path: Path | str) -> T:
    """An instance of ``cls`` from a TOML file.

    Raises:
        ValueError: naming the file; it cannot be read, is no TOML (with the line), or does not fit ``cls``.
    """
    data = read_toml(Path(path))
    try:
        return from_mapping(cls, data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ValueError: naming the file; it cannot be read, or is no TOML (with the line).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path} is not UTF-8 (at line {line}); save it as UTF-8") from error
    except ValueError as error:
        why = str(error).replace("at end of document", f"at line {text.count(chr(10)) + 1}, the end")
        raise ValueError(f"{path} is no valid TOML: {why}") from error


def dump(config: DataclassInstance) -> str:
    """TOML with every field and its docstring as a comment; ``load`` gives an equal instance back."""
    document = tomlkit.document()
    _fill(document, config)
    return tomlkit.dumps(document)


def flatten(config: DataclassInstance) -> dict[str, object]:
    """Every field by its dotted name: ``{"fabric.rows": 3, ...}``."""
    flat: dict[str, object] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            flat |= {f"{field.name}.{name}": item for name, item in flatten(value).items()}
        else:
            flat[field.name] = value
    return flat


def differences(config: T, default: T) -> dict[str, object]:
    """What ``config`` has other than ``default``: dotted name -> value in ``config``."""
    usual = flatten(default)
    return {name: value for name, value in flatten(config).items() if value != usual[name]}


def _build(cls: type[T], data: object, where: str) -> T:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} = {data!r} must be a section [{where}] with fields of its own")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in fields(cls) if field.init]
    for key in data:
        if key not in known:
            raise ValueError(f"{_dotted(where, key)} is unknown; {choices(key, known)}")
    for field in fields(cls):
        required = field.init and field.default is MISSING and field.default_factory is MISSING
        if required and field.name not in data:
            raise ValueError(f"{_dotted(where, field.name)} is missing; give {_wanted(hints[field.name])}")
    return cls(**{key: _value(hints[key], item, _dotted(where, key)) for key, item in data.items()})


def _value(kind: Any, value: object, where: str) -> object:
    """``value`` as the annotation ``kind`` wants it."""
    if is_dataclass(kind):
        return _build(typing.cast("type[Any]", kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise ValueError(f"{where} = {value!r} is unknown; {choices(value, arguments)}")
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        if len(kinds) != len(value):
            raise ValueError(f"{where} = {value!r} must be {_wanted(kind)}")
        return tuple(_value(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _as_float(value, where)
    if kind in PLAIN and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{where} = {value!r} must be {_wanted(kind)}")


def _as_float(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{where} is too large; give a number of at most 308 digits") from None
    if math.isnan(number):
        raise ValueError(f"{where} = nan never equals anything; give a number")
    return number


def _wanted(kind: Any) -> str:
    """What a value of this annotation looks like.

    Raises:
        TypeError: the annotation is none that options may have; a mistake of whoever wrote the dataclass.
    """
    if is_dataclass(kind):
        return "a section"
    if kind in PLAIN:
        return PLAIN[kind]
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if typing.get_origin(kind) is tuple:
        if arguments[1:] == (...,):
            return f"a list, each item {_wanted(arguments[0])}"
        return f"a list of {len(arguments)}: {', '.join(map(_wanted, arguments))}"
    raise TypeError(f"options cannot be of type {kind}; take bool, int, float, str, Literal, tuple or a dataclass")


def check_name(field: str, name: str, registry: Mapping[str, object]) -> None:
    """Whether a registry holds the name that a field gives.

    Raises:
        ValueError: it does not; all that it holds, and what may be meant.
    """
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"{field} = {name!r} is unknown; take one of {', '.join(registry)}{meant}")


def choices(given: object, allowed: Iterable[object]) -> str:
    """Did you mean, and all that is allowed."""
    names = [str(name) for name in allowed]
    close = difflib.get_close_matches(str(given), names, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"allowed: {', '.join(names)}"


def _dotted(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)


def _fill(table: Table | tomlkit.TOMLDocument, config: DataclassInstance) -> None:
    """Add every field, sections last: what follows the header of a section belongs to it."""
    parsed = docstring_parser.parse(type(config).__doc__ or "", docstring_parser.DocstringStyle.GOOGLE)
    comments = {p.arg_name: " ".join((p.description or "").split()) for p in parsed.params}
    items = [(field.name, getattr(config, field.name)) for field in fields(config) if field.init]
    for name, value in sorted(items, key=lambda item: is_dataclass(item[1])):
        section = tomlkit.table() if is_dataclass(value) else None
        if section is not None:
            if comments.get(name):
                section.comment(comments[name])
            _fill(section, value)
        elif comments.get(name):
            table.add(tomlkit.comment(comments[name]))
        table.add(name, _plain(value) if section is None else section)


def _plain(value: object) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
