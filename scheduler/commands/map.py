"""``smalti map``: somebody else's trained net on a chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.table import Table

from smalti.scheduler.records.pasted import pasted

if TYPE_CHECKING:
    from smalti.model.chip.fabric import Fabric
    from smalti.model.mapping.net import Net
    from smalti.model.mapping.routing import Mapped
    from smalti.scheduler.simulation import Simulation

SHOWN = 20  # rows of what did not fit


@dataclass(frozen=True)
class Map:
    """Place and route a trained recurrent net (a NIR file) on a chip; the run that begins with it trains it on.

    Neurons go to tiles by minimum cut, links to wires by the ledger of the chip. What does not fit is listed, with the
    side of the tile that is full; nothing is written then, unless --prune. Needs the extra `nir`.

    Attributes:
        net: the NIR file.
        config: configuration file: the chip (fabric), the data that the net is for (stream), and how it is trained on.
        out: folder for the run; by default the name of the file without its ending.
        outputs: how many of the last neurons are output units, where the file does not say.
        dt: length of a time step in seconds, where the file does not say.
        prune: leave out what does not fit, and say how many spikes change.
        samples: test samples on which spikes are compared.
    """

    net: tyro.conf.Positional[Path]
    config: Path | None = None
    out: Path | None = None
    outputs: int | None = None
    dt: float | None = None
    prune: bool = False
    samples: int = 64

    def execute(self) -> None:
        """Map, compare, and write the folder."""
        from smalti.analysis.export.reading import read_net  # not above: help need not wait for torch
        from smalti.model.mapping.routing import mapped
        from smalti.scheduler import mapped as runs
        from smalti.scheduler.configuration.config import Config
        from smalti.scheduler.configuration.config_io import load
        from smalti.scheduler.simulation import Simulation

        console, out = Console(), self.out or Path(self.net.stem)
        if out.exists():
            raise ValueError(f"{out} exists; give another folder (--out)")
        read = read_net(self.net, self.outputs, self.dt)
        settings = load(Config, self.config) if self.config else Config()
        simulation = Simulation(runs.fitting(settings, read.net, read.outputs, read.readout))
        runs.check(simulation, read.net, read.outputs)
        fabric = simulation.fabric
        found = mapped(read.net, fabric, read.outputs, *runs.ground(simulation, len(read.outputs)))
        _tell(console, found, fabric, read.net.synapses, read.notes)
        if found.missing and not self.prune:
            raise ValueError(
                f"{found.synapses_lost} of {read.net.synapses} synapses do not fit this chip: give fabric.wires, "
                "fabric.rows or fabric.cols more, fabric.inputs = 'every', or leave them out with --prune"
            )
        runs.planted(simulation, read.net, read.outputs, found)
        lines = _compared(simulation, read.net, found, self.samples)
        runs.written(simulation, out)
        lines += [f"run folder: {out}", f"next:       {pasted('smalti', 'resume', out)}"]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _tell(console: Console, found: Mapped, fabric: Fabric, synapses: int, notes: list[str]) -> None:
    """Where the net stands, and what did not fit."""
    used = len(set(found.tiles.tolist()))
    lines = [
        f"{len(found.tiles)} neurons on {used} of {len(fabric.live_tiles)} tiles, {len(found.links.rows)} links, "
        f"{found.hops} hops; {found.synapses_lost} of {synapses} synapses do not fit",
        *(f"note: {note}" for note in notes),
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not found.missing:
        return
    table = Table("not heard", "in tile", "synapses", "why")
    worst = sorted(found.missing, key=lambda missing: -missing.synapses)
    for missing in worst[:SHOWN]:
        table.add_row(missing.source, str(fabric.position(missing.tile)), str(missing.synapses), missing.reason)
    console.print(table)
    if len(worst) > SHOWN:
        console.print(f"and {len(worst) - SHOWN} more", highlight=False)


def _compared(simulation: Simulation, net: Net, found: Mapped, samples: int) -> list[str]:
    """Spikes of the net without a chip and on it, and what its answers are worth."""
    from smalti.analysis.export.population import samples_of  # not above: help need not wait for torch
    from smalti.scheduler.answers.evaluation import with_label
    from smalti.scheduler.streams.batches import TEST

    x = samples_of(simulation, samples)
    before, _ = net.run(x.numpy())
    there = simulation.network.tape(x).spikes[:, found.slots].permute(2, 0, 1).cpu().numpy() > 0
    changed = f"{int((before != there).sum())} of {before.size} places (sample, step, neuron) differ"
    lines = [
        f"spikes in {len(x)} test samples: {int(before.sum())} without a chip, {int(there.sum())} on it; {changed}"
    ]
    stream, (expert,) = simulation.stream, simulation.gating.experts
    scores = []
    for experience in {e.task: e for e in stream.experiences}.values():
        tested, wanted = simulation.batches_of(experience).evaluation(TEST)
        scores.append(with_label(simulation.gating, expert, tested, expert.classes).score(wanted, stream.readout))
    right = f"test samples answered rightly, mean over tasks: {sum(scores) / len(scores):.3f}"
    return [
        *lines,
        f"{right}; all outputs were compared: a file of several experts holds no gate that chooses among them",
    ]
