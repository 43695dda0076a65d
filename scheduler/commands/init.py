"""``smalti init``: a commented configuration to start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.pasted import pasted


@dataclass(frozen=True)
class Init:
    """Write a commented configuration file with all defaults.

    Attributes:
        file: the file to write; it must not exist.
    """

    file: tyro.conf.Positional[Path] = Path("smalti.toml")

    def execute(self) -> None:
        """Write the file."""
        from smalti.scheduler.config import Config  # not above: help need not wait for torch
        from smalti.scheduler.config_io import dump

        if self.file.exists():
            raise ValueError(f"{self.file} exists; give another name or delete it")
        if not self.file.parent.is_dir():
            raise ValueError(f"the folder {self.file.parent} does not exist; make it first")
        write_text_atomic(self.file, dump(Config()))
        command = pasted("smalti", "run", self.file)
        Console().print(f"wrote {self.file}; edit it, then `{command}`", highlight=False, markup=False, soft_wrap=True)
