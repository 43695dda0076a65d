"""A configuration from whatever a user gives: a ``Config``, a file, the name of a stream, a mapping, keywords."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from smalti.model.options.values import build, choices, dotted, shown
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import Section, merge, read_toml
from smalti.scheduler.configuration.presets import completed
from smalti.scheduler.streams import STREAMS, StreamOptions
from smalti.scheduler.streams.memory import FILE

MEMORY = "arrays"  # the stream that data in memory is
Given = Config | Mapping[str, Any] | os.PathLike[str] | str | None


def configure(given: Given = None, options: Mapping[str, Any] | None = None) -> Config:
    """The configuration that is meant.

    >>> configure("digits", {"rounds": 5, "growth": {"rule": "random"}}).training.rounds
    5
    >>> configure({"growth.rule": "random"}).growth.rule
    'random'

    What is left out takes what the preset of the stream says, then its default; a ``Config`` leaves nothing out.

    Args:
        given: a ``Config``; the path of a TOML file; the name of a stream; or a mapping, as the file holds it, whose
            keys may be dotted. None: all defaults.
        options: what is to be other than in there. A dotted name (``"growth.rule"``) is that field. A bare one is a
            section if there is one of that name (``growth={"rule": "random"}``), else the field of that name if
            exactly one section has it (``rounds=5``); one within a section of a section gives way.

    Raises:
        ValueError: a name that is unknown or could mean several fields, a value that does not fit, or a file that
            cannot be read.
    """
    changes = spelled_out(options or {})
    if isinstance(given, Config):
        new: Config = changed(given, changes)
        return new
    data, source = _data(given)
    try:
        config = build(Config, completed(merge(data, changes)))
    except ValueError as error:
        if data == {"stream": {"name": given}} and str(error).startswith("stream.name = "):
            raise ValueError(f"{given!r} is neither a file nor a stream; {choices(given, STREAMS)}") from error
        raise ValueError(f"{source}: {error}" if source else str(error)) from error
    return config


def changed(config: Any, changes: Mapping[str, Any], section: str = "") -> Any:
    """The same options, some of them other: a mapping changes the fields of a section that it names.

    Raises:
        ValueError: a field is unknown, or a value does not fit.
    """
    known = [field.name for field in fields(config)]
    for name in changes:
        if name not in known:
            raise ValueError(f"{dotted(section, name)} is unknown; {choices(name, known)}")
    new = {}
    for name, value in sorted(changes.items(), key=lambda item: item[0] not in getattr(config, "FIRST", ())):
        new[name] = _changed_value(getattr(config, name), value, dotted(section, name))
    return replace(config, **new)


def _changed_value(old: Any, value: Any, where: str) -> Any:
    """The value of a field that had another one; of a mapping, sections that are not named stay as they are."""
    if not isinstance(value, Mapping):
        return value
    if isinstance(old, Mapping):
        return {**old, **{n: _changed_value(old.get(n), item, dotted(where, n)) for n, item in value.items()}}
    return changed(old, value, where) if is_dataclass(old) else value


def spelled_out(options: Mapping[str, Any]) -> Section:
    """Options by their full names, as nested sections.

    Raises:
        ValueError: a bare name is unknown, or several fields have it.
    """
    return merge(*(nested(_full(name), value) for name, value in options.items()))


def nested(name: str, value: Any) -> Section:
    """Sections in sections from a dotted name; a mapping's own names may be dotted too."""
    if isinstance(value, Mapping):
        value = merge(*(nested(str(inner), item) for inner, item in value.items()))
    for part in reversed(name.split(".")):
        value = {part: value}
    whole: Section = value
    return whole


def _full(name: str) -> str:
    """The dotted name of what a name means."""
    if not isinstance(name, str):
        raise ValueError(f'{shown(name)} is no name of a field; give its dotted name, such as "growth.rule"')
    sections, names = [field.name for field in fields(Config)], list(_names(Config()))
    if "." in name or name in sections:
        return name
    meant = [full for full in names if full.endswith(f".{name}")]
    highest = min((full.count(".") for full in meant), default=0)
    meant = [full for full in meant if full.count(".") == highest]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        raise ValueError(f"{name} is unknown; {choices(name, [*sections, *(n.split('.')[-1] for n in names)])}")
    ways = ", ".join(f'{{"{full}": ...}}' for full in meant)
    raise ValueError(f"{name} could mean {' or '.join(meant)}; give its dotted name: {ways}")


def _names(options: Any, before: str = "") -> Iterator[str]:
    """Dotted names of all fields and sections."""
    for field in fields(options):
        yield f"{before}{field.name}"
        if is_dataclass(value := getattr(options, field.name)):
            yield from _names(value, f"{before}{field.name}.")


def _data(given: Mapping[str, Any] | os.PathLike[str] | str | None) -> tuple[Section, str]:
    """What was given as sections, and the file that it is from."""
    if given is None:
        return {}, ""
    if isinstance(given, Mapping):
        return spelled_out(given), ""
    if not isinstance(given, (str, os.PathLike)):
        kind = type(given).__name__
        raise ValueError(f"a configuration cannot be of type {kind}; give a Config, a TOML file, a stream or a mapping")
    path = Path(given)
    if isinstance(given, os.PathLike) or path.suffix == ".toml" or path.is_file():
        return read_toml(path), str(path)
    return {"stream": {"name": given}}, ""


def of_data(config: Config) -> Config:
    """The configuration of a simulation that is given data in memory.

    Raises:
        ValueError: the configuration names other data.
    """
    stream = config.stream
    if stream.name not in (StreamOptions().name, MEMORY) or (stream.path and Path(stream.path).name != FILE):
        raise ValueError(f"stream.name = {stream.name!r} names other data than is given; leave name and path away")
    return replace(config, stream=replace(stream, name=MEMORY))
