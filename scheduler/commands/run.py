"""``smalti run``: one simulation from the beginning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from smalti.scheduler.commands.progress import progress_bar
from smalti.scheduler.commands.report import leave_report
from smalti.scheduler.config import Config


@dataclass(frozen=True)
class Run:
    """Run a simulation: a spiking network on a tiled chip learns tasks one after another and grows as it needs to.

    Without arguments: split digits, five tasks of two classes, on the default chip.

    Attributes:
        config_file: configuration to start from (`smalti init` writes one); options below override it.
        seed: seed of all random numbers; short for --run.seed.
        out: folder for the run; by default the next free one under runs/.
        report: leave a report.html in the folder, which takes some seconds at the end (see `smalti report`).
        settings: everything that a run depends on.
    """

    config_file: tyro.conf.Positional[Path | None] = None
    seed: int | None = None
    out: Path | None = None
    report: bool = True
    settings: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=Config)

    def execute(self) -> None:
        """Run, with a progress bar, then print the summary and leave a report."""
        from smalti.scheduler.commands.summary import print_summary  # not above: help need not wait for Mesa and pandas
        from smalti.scheduler.runner import start

        config = self.settings
        if self.seed is not None:
            config = replace(config, run=replace(config.run, seed=self.seed))
        out = self.out or next_free(Path("runs"), f"{config.stream.name}-{config.stream.setting}")
        console = Console()
        with progress_bar(console) as watch:
            start(config, out, watch)
        print_summary(out, console)
        if self.report:
            leave_report(out, console)


def next_free(folder: Path, name: str) -> Path:
    """The first of NAME-001, NAME-002, ... that does not exist in a folder."""
    return next(p for p in (folder / f"{name}-{number:03d}" for number in count(1)) if not p.exists())
