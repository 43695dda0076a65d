"""What was run: how a configuration differs from the default, and the commands that repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from smalti.analysis.fields import flat
from smalti.analysis.runs import Run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten

CHECKOUT = "git checkout {}"
INSTALL, INSTALLED = 'pip install -c constraints.txt -e ".[events]"', 'pip install "smalti[events]"'


def defaults() -> dict[str, Any]:
    """The default configuration as a run folder would have it, the engine named."""
    return {name: _listed(value) for name, value in flatten(Config().resolved()).items()}


def changes(config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Fields that are not as by default: name, value, default; None for a field that there is none of today."""
    usual = defaults()
    return [(name, value, usual.get(name)) for name, value in flat(config).items() if value != usual.get(name)]


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return (
            ", ".join(f"({shown(item)})" if isinstance(item, (list, tuple)) else shown(item) for item in value)
            or "none"
        )
    return str(value) if value != "" else "none"


def command(config: Mapping[str, Any]) -> str | None:
    """The ``smalti run`` that repeats a configuration; None where the command line cannot say it.

    An empty list in place of a default that is none cannot be said.
    """
    words = ["smalti", "run"]
    for name, value, _ in changes(config):
        tokens = _tokens(value)
        if not tokens:
            return None
        words += [f"--{name}", *tokens]
    return shlex.join(words)


def steps(run: Run) -> list[str]:
    """Commands that repeat a run: from a checkout of the repository if it was run from one, else as it is installed."""
    commit = run.environment.get("commit")
    prepare = [CHECKOUT.format(commit), INSTALL] if commit else [INSTALLED]
    whole = command(run.config)
    again = shlex.join(["smalti", "run", str(run.path / "config.toml"), "--out", f"{run.path}-again"])
    return [*prepare, *([whole] if whole else []), again]


def _listed(value: object) -> object:
    """As TOML would give it back."""
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _tokens(value: Any) -> list[str]:
    if isinstance(value, list):
        return [token for item in value for token in _tokens(item)]
    return [str(value)]
