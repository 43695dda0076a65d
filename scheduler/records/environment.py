"""What a run ran on: versions, processor, commit. Knows nothing of runs."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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


def environment(seed: int, threads: int) -> dict[str, object]:
    """Facts for ``environment.json``, to be compared before numbers are."""
    import torch  # not above: it takes a second, and those who only open a folder need none

    facts: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "threads": threads,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }
    commit = checkout_commit(Path(__file__).resolve().parent.parent)
    return facts | ({"commit": commit} if commit else {})


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
