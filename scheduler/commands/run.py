"""``smalti run``: one simulation from the beginning."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from smalti.scheduler.commands.ending import concluding
from smalti.scheduler.commands.printing.progress import following
from smalti.scheduler.commands.resume import going_on
from smalti.scheduler.commands.stopping import advising
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records.reserved import reserved


@dataclass(frozen=True)
class Run:
    """Run a simulation: a spiking network on a tiled chip learns tasks one after another and grows as it needs to.

    Without arguments: split digits, five tasks of two classes, on the default chip.

    Attributes:
        config_file: configuration to start from (`smalti init` writes one); options below override it.
        seed: seed of all random numbers; short for --run.seed.
        out: folder for the run; by default the next free one under runs/.
        quick: shrink the run to seconds, to try things out; short for --run.quick.
        report: leave a report.html in the folder, which takes a moment at the end (see `smalti report`).
        settings: everything that a run depends on.
    """

    config_file: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[FILE.toml]")] = None
    seed: int | None = None
    out: Path | None = None
    quick: bool = False
    report: bool = True
    settings: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=Config)

    def execute(self) -> None:
        """Run, telling how far it is, then print the summary and leave a report."""
        config, run = self.settings, self.settings.run
        seed = run.seed if self.seed is None else self.seed
        config = replace(config, run=replace(run, seed=seed, quick=run.quick or self.quick))
        name = f"{config.stream.name}-{config.stream.setting}"
        with nullcontext(self.out) if self.out else reserved(Path("runs"), name) as out:
            self._into(out, config)

    def _into(self, out: Path, config: Config) -> None:
        console = Console()
        with advising(lambda: going_on(out) or "nothing was begun"):
            from smalti.scheduler.runner import start  # not above: help need not wait for torch

            with concluding(out, console, self.report), following(console, out) as watch:
                start(config, out, watch, begun=watch)
