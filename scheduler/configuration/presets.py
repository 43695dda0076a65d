"""Applies the preset of a stream (``scheduler.streams.presets``) where nobody says anything. Knows no field by name.

A ``Config`` is complete: nothing is added to one, and so nothing to what a run folder or a checkpoint keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smalti.scheduler.configuration import plugins
from smalti.scheduler.configuration.config_io import flatten, merge, nested
from smalti.scheduler.streams.presets import PRESETS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def completed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Sections in sections, with what the preset of their stream says of the fields that they leave out.

    A mapping that is given empty, such as ``kinds = {}`` of the section network, leaves nothing out.
    """
    imports = _field(data, "run", "imports")
    if isinstance(imports, (list, tuple)) and all(isinstance(name, str) for name in imports):
        plugins.load(imports)  # they may bring the stream and its preset
    name = _field(data, "stream", "name")
    preset = PRESETS.get(name, {}) if isinstance(name, str) else {}
    wanted = {field: value for field, value in preset.items() if not _emptied(data, field)}
    return dict(merge(nested(wanted), data))


def kept(config: DataclassInstance) -> dict[str, object]:
    """What of the preset of its stream a configuration has: dotted name -> value."""
    flat = flatten(config)
    preset = PRESETS.get(str(flat["stream.name"]), {})
    return {name: flat[name] for name, value in preset.items() if flat.get(name) == _plain(value)}


def _emptied(data: Mapping[str, Any], name: str) -> bool:
    """Whether a mapping within a section that would hold this dotted field is given, and empty."""
    section, *rest = name.split(".")
    given = data.get(section)
    for part in rest[:-1]:
        given = given.get(part) if isinstance(given, Mapping) else None
        if isinstance(given, Mapping) and not given:
            return True
    return False


def _field(data: Mapping[str, Any], section: str, name: str) -> object:
    """A field of a section, which may be a mapping or made already; None where it is left out."""
    given = data.get(section, {})
    return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)


def _plain(value: object) -> object:
    return tuple(_plain(item) for item in value) if isinstance(value, (list, tuple)) else value
