"""Names that fields of the configuration had in older versions, and fields that are gone: the one table of them.

What is read from a file, a run folder or the command line may still use them; a warning says what to write instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

RENAMED = {
    "growth.upkeep": "growth.rewiring",
    "growth.upbringing": "growth.newborns",
    "growth.replay": "growth.birth_record",
    "growth.replay_at": "growth.birth_record_at",
    "growth.shortlist": "growth.preselection",
}
"""Old name -> new name, of fields and of whole sections, each within the same section."""

REMOVED: dict[str, bool | float] = {
    "network.dt_ms": 1.0,
    "network.reset_gradient": False,
    "network.surrogate_slope": 1.0,
    "training.continual.si_damping": 0.001,
    "growth.enough_novelty": 3.0,
    "growth.factor": 0.2,
    "growth.practice_length": 0.2,
    "growth.ridge": 1e-3,
    "gating.learned.bias_step": 0.001,
    "gating.learned.settled": 0.0,
    "gating.detect.memory": 30,
}
"""Field that is gone -> its last default, which is what every run has now."""


def renewed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration ``data``, sections in sections, by today's names.

    Raises:
        ValueError: a field that is gone has another value than its last default, or stands beside its new name.
    """
    new = _copy(data)
    outdated = [_rename(new, name, current) for name, current in RENAMED.items() if _has(new, name)]
    gone = [_remove(new, name, default) for name, default in REMOVED.items() if _has(new, name)]
    outdated += [f"to be left out: {', '.join(gone)}"] if gone else []
    if outdated:
        warnings.warn(f"the configuration is that of an older version; {'; '.join(outdated)}", stacklevel=2)
    return new


def renewed_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command line, by today's names.

    Raises:
        ValueError: as ``renewed``.
    """
    new, left = [], list(arguments)
    while left:
        argument = left.pop(0)
        option, equals, value = argument.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or not (_renamed(name) or name in REMOVED):
            new.append(argument)
        elif name in REMOVED:
            given = value if equals else (left.pop(0) if left else "")
            warnings.warn(f"to be left out: {_gone(name, _parsed(given), REMOVED[name])}", stacklevel=2)
        else:
            warnings.warn(f"--{name} is now called --{_renamed(name)}", stacklevel=2)
            new.append(f"--{_renamed(name)}{equals}{value}")
    return new


def _renamed(name: str) -> str:
    """Today's name of a field; empty where it is the same."""
    for old, current in RENAMED.items():
        if name == old or name.startswith(f"{old}."):
            return current + name.removeprefix(old)
    return ""


def _copy(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copy(value) if isinstance(value, Mapping) else value for name, value in section.items()}


def _section(data: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The section in which a field of a dotted name would stand (empty if there is none), and its last name."""
    *path, last = name.split(".")
    section: Any = data
    for part in path:
        section = section.get(part) if isinstance(section, dict) else None
    return (section if isinstance(section, dict) else {}), last


def _has(data: dict[str, Any], name: str) -> bool:
    section, last = _section(data, name)
    return last in section


def _rename(data: dict[str, Any], name: str, current: str) -> str:
    section, last = _section(data, name)
    if current.rpartition(".")[2] in section:
        raise ValueError(f"{name} is now called {current}, and both are given; keep {current} alone")
    section[current.rpartition(".")[2]] = section.pop(last)
    return f"{name} is now called {current}"


def _remove(data: dict[str, Any], name: str, default: bool | float) -> str:
    section, last = _section(data, name)
    return _gone(name, section.pop(last), default)


def _gone(name: str, value: object, default: bool | float) -> str:
    if value != default or isinstance(value, bool) != isinstance(default, bool):
        raise ValueError(f"{name} = {value} cannot be had any more: it is always {default} now; leave it out")
    return f"{name} (it is always {default})"


def _parsed(text: str) -> object:
    """A value of the command line."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text
