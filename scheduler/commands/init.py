"""``smalti init``: a commented configuration to start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.pasted import pasted


@dataclass(frozen=True)
class Init:
    """Write a commented configuration file: all defaults, or the recipe of a size of chip.

    Attributes:
        file: the file to write; it must not exist.
        size: default (the chip of 3 x 4 tiles of 16 neurons), or small, medium or large: 8 x 8, 16 x 16 or 32 x 32
            tiles of 32 neurons, with what 20 tasks need there.
    """

    file: tyro.conf.Positional[Path] = Path("smalti.toml")
    size: Literal["default", "small", "medium", "large"] = "default"

    def execute(self) -> None:
        """Write the file."""
        from smalti.scheduler.configuration import recipes

        if self.file.exists():
            raise ValueError(f"{self.file} exists; give another name or delete it")
        if not self.file.parent.is_dir():
            raise ValueError(f"the folder {self.file.parent} does not exist; make it first")
        write_text_atomic(self.file, recipes.text(self.size))
        command = pasted("smalti", "run", self.file)
        Console().print(f"wrote {self.file}; edit it, then `{command}`", highlight=False, markup=False, soft_wrap=True)
