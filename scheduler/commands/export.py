"""``smalti export``: a run for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from smalti.analysis.runs import Run

NIR_ONLY = {"form": "auto", "samples": 32}  # options that only that format has, with their defaults


@dataclass(frozen=True)
class Export:
    """Write a run for other tools: its net as NIR, its wiring as a graph, or its chip as tables and weights.

    `smalti export nir RUN` writes net.nir and tells what other tools make of it (extra `nir`); `smalti export graph
    RUN` net.graphml, or Graphviz for a name that ends with .dot; `smalti export chip RUN` a folder. docs/export.md has
    an example of each.

    Attributes:
        what: nir, graph or chip.
        run: folder of the run.
        out: file to write, for chip a folder; it must not exist. By default net.nir, net.graphml or chip.
        expert: only what runs when this expert is asked; by default the whole net. Not for chip.
        form: of a NIR file: lif or exact; auto takes the one that keeps all spikes, lif for hard resets, else exact.
        samples: test samples whose spikes go along with a NIR file; 0 for none.
    """

    what: tyro.conf.Positional[Literal["nir", "graph", "chip"]]
    run: tyro.conf.Positional[Path]
    out: Path | None = None
    expert: int | None = None
    form: Literal["auto", "lif", "exact"] = "auto"
    samples: int = 32

    def execute(self) -> None:
        """Write what was asked for and say where."""
        from smalti.analysis.runs import load_run  # not above: help need not wait for pandas

        if self.what != "nir" and (given := [n for n, value in NIR_ONLY.items() if getattr(self, n) != value]):
            raise ValueError(f"--{given[0]} is for NIR files; leave it out for {self.what}")
        if self.what == "chip" and self.expert is not None:
            raise ValueError("--expert is for nir and graph; leave it out for chip")
        run, write = load_run(self.run, keep=True), {"nir": self._nir, "graph": self._graph, "chip": self._chip}
        write[self.what](run, self._place({"nir": "net.nir", "graph": "net.graphml", "chip": "chip"}[self.what]))

    def _place(self, name: str) -> Path:
        """Where it is written.

        Raises:
            ValueError: something is there already, or the folder around it does not exist.
        """
        out = self.out or Path(name)
        if out.exists():
            raise ValueError(f"{out} exists; give another name (--out) or delete it")
        if not out.parent.is_dir():
            raise ValueError(f"the folder {out.parent} does not exist; make it first")
        return out

    def _graph(self, run: Run, out: Path) -> None:
        from smalti.analysis.export.graph import export_graph  # not above: help need not wait for torch

        network = export_graph(run, out, self.expert)
        said = f"wrote {out}: {len(network)} nodes, {network.number_of_edges()} edges"
        Console().print(said, markup=False, highlight=False, soft_wrap=True)

    def _chip(self, run: Run, out: Path) -> None:
        from smalti.analysis.export.chip import FILES, export_chip  # not above: help need not wait for torch

        rows = export_chip(run, out)
        counted = (f"{name} ({rows[name]} rows)" if name in rows else name for name in FILES)
        Console().print(f"wrote {out}: {', '.join(counted)}", markup=False, highlight=False, soft_wrap=True)

    def _nir(self, run: Run, out: Path) -> None:
        from smalti.agents.auction.bids import GATE  # not above: help need not wait for torch
        from smalti.analysis.export.net import export_net

        done = export_net(run, out, None if self.form == "auto" else self.form, self.expert, self.samples)
        net, console = done.population.net, Console()
        lines = [f"wrote {out}: {net.neurons} neurons, {net.channels} channels, {net.synapses} synapses; {done.form}"]
        if done.spikes_file is not None:
            lines.append(f"wrote {done.spikes_file}: what they do in {done.samples} test samples")
        share = "all are the same" if not done.differing else f"{done.differing} places differ"
        lines.append(f"the file, stepped as NIR says, against {done.spikes} spikes of the chip: {share}")
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
        table = Table("importer", "spikes", "how, or why not")
        for rating in done.ratings:
            table.add_row(rating.importer, rating.verdict, rating.how)
        console.print(table)
        if set(run.table("neurons")["rule"]) & {GATE}:
            said = "columns of the gating network are among the neurons; what is added to their sums is not in the file"
        else:
            said = "the gating network, which chooses among experts, is off the chip and not in the file"
        console.print(said, highlight=False, soft_wrap=True)
