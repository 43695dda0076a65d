"""Modules of a user's own that add growth rules, streams, gating networks and the like to the mappings of those.

They are named in ``run.imports`` or before a command (``--import mylab``), or installed with an entry point in the
group ``smalti.plugins``. A module is found where Python finds modules, and in the current folder.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from os import getcwd

GROUP = "smalti.plugins"
_installed: list[str] = []  # that have been imported, or are being so
_asked: list[str] = []  # named before a command: part of every run that this process begins


def load(names: Iterable[str]) -> None:
    """Import the plug-ins that are installed, and those of these names; those that are there already cost nothing.

    Raises:
        ValueError: a name is none of a module, there is no such module, or it fails when it is imported.
    """
    _load_installed()
    for name in names:
        if name not in sys.modules:
            _import(name)


def ask(names: Iterable[str]) -> None:
    """Import plug-ins and make them part of every run to come, so that it has them wherever it goes.

    Raises:
        ValueError: as ``load``.
    """
    modules = list(names)
    load(modules)
    _asked.extend(name for name in modules if name not in _asked)


def asked() -> tuple[str, ...]:
    """Plug-ins that were asked for."""
    return tuple(_asked)


def _import(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"run.imports names {name!r}; give names as in an import, such as mylab for a file mylab.py")
    if getcwd() not in sys.path:
        sys.path.append(getcwd())  # last: no file of the user's may take the place of an installed module
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing != name and not name.startswith(f"{missing}."):
            raise ValueError(f"the plug-in {name} needs {missing}, which is not installed: pip install it") from error
        raise ValueError(
            f"there is no module {missing!r} for the plug-in {name} (run.imports or --import): start smalti in the "
            f"folder that has {missing.split('.')[0]}.py, or add that folder to PYTHONPATH, or pip install it"
        ) from error
    except Exception as error:
        raise ValueError(f"the plug-in {name} fails when it is imported ({type(error).__name__}: {error})") from error


def _load_installed() -> None:
    """One that fails is said, and is not in the way of the others."""
    if _installed:
        return
    _installed.append(GROUP)
    for entry in entry_points(group=GROUP):
        _installed.append(entry.name)
        try:
            entry.load()
        except Exception as error:
            warnings.warn(f"the plug-in {entry.name} ({entry.value}) fails: {error}", stacklevel=2)
