"""``smalti show``: a run in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console


@dataclass(frozen=True)
class Show:
    """Show a run: its configuration, the chip, its tables and results.

    Attributes:
        run: folder of the run.
        table: show this table whole instead: rounds, bids, neurons, links, ports, detections, openings, repairs,
            switches, fates, copies or evaluations.
        energy: show energy and time by this architecture file instead, or by one that comes along: loihi, truenorth.
        picture: also draw the chip into this file (.svg, .png or .pdf; needs the extra `plot`).
    """

    run: tyro.conf.Positional[Path]
    table: str = ""
    energy: str = ""
    picture: Path | None = None

    def execute(self) -> None:
        """Print what was asked for."""
        from smalti.analysis.runs import load_run  # not above: help need not wait for pandas and pyarrow
        from smalti.scheduler.commands.printing.runs import chip_view, configuration_view, print_summary, table_view
        from smalti.scheduler.records.folder import open_run

        folder = open_run(self.run)
        console = Console()
        if self.table:
            console.print(table_view(folder.path, self.table), markup=False, highlight=False, soft_wrap=True)
            return
        if self.energy:
            from smalti.scheduler.commands.printing.energy import print_energy

            print_energy(folder.path, self.energy, console)
            return
        console.print(configuration_view(folder))
        run = load_run(folder.path, keep=True)
        console.print(chip_view(run, console.width))
        print_summary(run, console)
        if self.picture is not None:
            from smalti.analysis.plots.wiring.chip import save_chip  # matplotlib is an extra

            save_chip(folder.path, self.picture)
            console.print(f"drew {self.picture}", markup=False)
