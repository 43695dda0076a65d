"""Rounds for Weights & Biases, offline: nothing leaves the machine before `wandb sync RUN/logs/wandb/offline-run-*`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

from smalti.scheduler.records.folder import RunFolder


class Wandb:
    """RUN/logs/wandb: an offline run of the name of the folder, begun anew from the tables whenever the run goes on."""

    def __init__(self, folder: RunFolder, place: Path) -> None:
        rmtree(place / "wandb", ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        package: Any = import_module("wandb")
        self.run = package.init(
            mode="offline",
            dir=str(place),
            project="smalti",
            name=folder.path.name,
            config=tomllib.loads(folder.config.read_text(encoding="utf-8")),
            settings=package.Settings(console="off", silent=True, disable_git=True, save_code=False),
        )

    def add(self, number: int, values: Mapping[str, float]) -> None:
        """Log the numbers of a round."""
        self.run.log(dict(values), step=number)

    def end(self) -> None:
        """Close the run."""
        self.run.finish()
