"""What a run ran on: versions, processor, commit. And whether that has changed."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.schema import SCHEMA_VERSION

PACKAGES = (
    "smalti",
    "torch",
    "numpy",
    "numba",
    "mesa",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "safetensors",
)


def environment(seed: int, threads: int) -> dict[str, Any]:
    """Facts for ``environment.json``, to be compared before numbers are."""
    import torch  # not above: it takes a second, and those who only open a folder need none

    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "threads": threads,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }
    commit = checkout_commit(Path(__file__).resolve().parents[2])
    return facts | ({"commit": commit} if commit else {})


COMPARED = ("python", "machine", "cpu_capability", "commit")
RESUMED = "resumed"  # what it went on with, and from which round, each time that differed

ENDED = "ended"  # before which round a run had to end, and why


def facts_of(file: Path) -> dict[str, Any]:
    """What ``environment.json`` says.

    Raises:
        ValueError: it is damaged, with the file.
    """
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        sound = isinstance(known, dict) and isinstance(known.get("versions", {}), dict)
        resumed = known.get(RESUMED, []) if sound else None
        if not isinstance(resumed, list) or not all(isinstance(one, dict) for one in resumed):
            raise ValueError("it holds no object of names and values")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged ({error}); restore it from a copy") from error
    return dict(known)


def changes(file: Path) -> list[str]:
    """What is other now than ``environment.json`` says of the latest of it: "torch 2.6 instead of 2.5"."""
    known = facts_of(file)
    latest: dict[str, Any] = (known.get(RESUMED) or [{}])[-1]
    before, now = {**known, **latest}, environment(seed=0, threads=0)
    flat: list[dict[str, Any]] = [
        {**{name: facts.get(name) for name in COMPARED}, **facts.get("versions", {})} for facts in (before, now)
    ]
    names = dict.fromkeys([*flat[0], *flat[1]])
    return [
        f"{name} {flat[1].get(name)} instead of {flat[0].get(name)}"
        for name in names
        if flat[0].get(name) != flat[1].get(name)
    ]


def note_changes(file: Path, **since: int) -> None:
    """Add to ``environment.json`` what all is made with from now on, such as since ``round=12``."""
    known = facts_of(file)
    present = environment(seed=0, threads=0)
    now = {name: fact for name, fact in present.items() if name in (*COMPARED, "versions")}
    known[RESUMED] = [*known.get(RESUMED, []), {**since, **now}]
    write_text_atomic(file, json.dumps(known, indent=2) + "\n")


def note_ended(file: Path, round: int, reason: str) -> None:
    """Say in ``environment.json`` before which round a run had to end, and why."""
    known = facts_of(file)
    write_text_atomic(file, json.dumps({**known, ENDED: {"round": round, "reason": reason}}, indent=2) + "\n")


def checkout_commit(folder: Path) -> str | None:
    """The commit of the git checkout whose root is ``folder``; None if it is none, or git is not there."""
    command = ["git", "-C", str(folder), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    root, commit = answer.splitlines()
    return commit if Path(root).resolve() == folder.resolve() else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
