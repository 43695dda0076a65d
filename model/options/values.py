"""Values of options, as a user gives them, turned into what the fields hold. Knows no option by name.

Fields may be bool, int, float, str, Literal, tuples of these, dataclasses, which become sections, or mappings from
names to a dataclass, which become sections of sections. Numbers of numpy and torch are taken as Python's, arrays and
lists as tuples, whole numbers where any number will do, paths as text, mappings as sections.
"""

from __future__ import annotations

import difflib
import math
import os
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

LONGEST = 200  # characters of a value in a message
PLAIN: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
}


def settle(options: DataclassInstance, section: str) -> None:
    """Give every field of a dataclass that is being made the type of its annotation: first thing in ``__post_init__``.

    Raises:
        ValueError: a value is of another type, with the name of its field and what is allowed.
    """
    for name, kind in _kinds(type(options)).items():
        given = getattr(options, name)
        if type(given) is kind:  # what of these is allowed is up to the class
            continue
        value = convert(kind, given, dotted(section, name))
        if value is not given:
            object.__setattr__(options, name, value)


def expand_home(options: DataclassInstance, *names: str) -> None:
    """Let ``~`` at the beginning of paths stand for the home folder, as in a shell."""
    for name in names:
        object.__setattr__(options, name, os.path.expanduser(getattr(options, name)))


def build(cls: type[T], data: object, section: str = "") -> T:
    """An instance of a dataclass from nested mappings; what is left out takes its default.

    Raises:
        ValueError: an unknown section or field, or a value of the wrong type, with what is allowed; and whatever the
            dataclasses refuse.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{section} = {shown(data)} must be a section [{section}] with fields of its own")
    kinds = _kinds(cls)
    for key in data:
        if key not in kinds:
            raise ValueError(f"{dotted(section, key)} is unknown; {choices(key, kinds)}")
    for field in fields(cls):
        required = field.init and field.default is MISSING and field.default_factory is MISSING
        if required and field.name not in data:
            raise ValueError(f"{dotted(section, field.name)} is missing; give {_wanted(kinds[field.name])}")
    first = getattr(cls, "FIRST", ())  # sections that make names of others valid
    given = {key: data[key] for key in sorted(data, key=lambda key: key not in first)}
    return cls(**{key: convert(kinds[key], item, dotted(section, key)) for key, item in given.items()})


def convert(kind: Any, value: object, where: str) -> object:
    """``value`` as the annotation ``kind`` wants it; itself where it is that already.

    Raises:
        ValueError: it cannot be that, with the name ``where`` and what is allowed.
    """
    if is_dataclass(kind):
        section = typing.cast("type[Any]", kind)
        return value if isinstance(value, section) else build(section, value, where)
    if (named := class_of_named(kind)) is not None:
        return _named(named, value, where)
    value = _plain(value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise ValueError(f"{where} = {shown(value)} is unknown; {choices(value, arguments)}")
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        if len(kinds) != len(value):
            raise ValueError(f"{where} = {shown(value)} must be {_wanted(kind)}")
        items = tuple(convert(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
        same = isinstance(value, tuple) and all(a is b for a, b in zip(items, value, strict=True))
        return value if same else items
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _as_float(value, where)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return _as_int(value, where)
    if kind in PLAIN and kind is not int and isinstance(value, kind):
        return value
    raise ValueError(f"{where} = {shown(value)} must be {_wanted(kind)}")


def class_of_named(kind: Any) -> type[Any] | None:
    """The dataclass of an annotation ``Mapping[str, ThatClass]``; None for any other."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is Mapping and arguments[0] is str and is_dataclass(arguments[1]):
        return typing.cast("type[Any]", arguments[1])
    return None


def _named(cls: type[Any], value: object, where: str) -> dict[str, object]:
    """Instances of a dataclass by name, in a mapping of their own."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} = {shown(value)} must be a section [{where}] of sections, each with its own name")
    for name in value:
        if not isinstance(name, str):
            raise ValueError(f"{where} has the name {shown(name)}; names must be text")
    return {name: convert(cls, item, dotted(where, name)) for name, item in value.items()}


def choices(given: object, allowed: Iterable[object]) -> str:
    """Did you mean, and all that is allowed."""
    names = [str(name) for name in allowed]
    close = difflib.get_close_matches(given[:LONGEST], names, n=1) if isinstance(given, str) else ()
    return (f"did you mean {close[0]}? " if close else "") + f"allowed: {', '.join(names)}"


def dotted(section: str, name: object) -> str:
    """Name of a field as users write it."""
    return f"{section}.{name}" if section else str(name)


@cache
def _kinds(cls: type[Any]) -> dict[str, Any]:
    """Annotations of the fields that are given when an instance is made."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls) if field.init}


def shown(value: object) -> str:
    """A value in a message: as Python writes it, cut where that is long, and said in words where it cannot be."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or lists in lists in lists
        return f"a value of type {type(value).__name__} too large to show"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _plain(value: Any, where: str) -> Any:
    """Numbers, arrays and tensors as Python's own, paths as text."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not hasattr(value, "tolist"):
        return value
    try:
        return value.tolist()
    except (RuntimeError, TypeError) as error:  # tensors without values, or that are sparse
        raise ValueError(f"{where} is a {type(value).__name__} whose values cannot be had: {error}") from error


def _as_int(value: int, where: str) -> int:
    """A whole number that tables and files can hold: 64 bits with a sign."""
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{where} = {shown(value)} must lie between -2^63 and 2^63 - 1")
    return value


def _as_float(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{where} is too large; give a number of at most 308 digits") from None
    if math.isnan(number):
        raise ValueError(f"{where} = nan never equals anything; give a number")
    return value if isinstance(value, float) else number


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
    raise TypeError(
        f"options cannot be of type {kind}; take bool, int, float, str, Literal, tuple, a dataclass, or a mapping from "
        "names to one"
    )
