"""A gate for each of two levels, where nobody tells the task: which north part runs, and which south part after it.

    smalti benchmark deep-mixture --out runs/deep-mixture --streams names pairs --variants deep
    python benchmarks/mixture_gates.py runs/deep-mixture

The first gate hears input counts, the second one the counts of the relay while the north part that the first one has
chosen drives it. Both are density gates (``smalti.model.gating``), a Gaussian for each class of each task. They are
shown the training samples of the finished runs of ``deep``, experience after experience, as they would have been: what
a task's parts do does not change when it has ended. They have no say in how the network learned.

Printed for validation data, means over samples of all tasks: how often each gate is right (the second one where the
north part is told), the normalised mutual information (``measures.information``) of its choice with either
factor, and how often the combination answers rightly with both gates, with the south part told, and with both told.
Beside it the same of combinations that were held out, of which the gates have seen nothing, and of two gates that
choose at random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.script import script
from smalti.agents.levels import Path as Way
from smalti.analysis.measures.information import shared_information
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.gating import GatingNetwork, GatingOptions
from smalti.model.gating.features import spike_counts
from smalti.model.gating.networks import GATING
from smalti.model.gating.running import resolved
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.batches import VALIDATION

NAME = re.compile(r"(.+)_deep_seed(\d+)_[0-9a-f]+$")  # of a trial: stream, seed
COLUMNS = (
    *("north right", "view by north", "question by north"),
    *("south right", "view by south", "question by south"),
    *("untold", "south told", "told"),
)


@dataclass(frozen=True)
class MixtureGates:
    """Choose parts by gates.

    Attributes:
        out: folder of the experiment.
    """

    out: tyro.conf.Positional[Path]


def main() -> None:
    """Print a row for each stream, gate and kind of combination."""
    options = tyro.cli(MixtureGates, description=__doc__)
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for stream, simulation in finished(options.out):
        for gate in ("gaussian", "random"):
            levels = LevelGates.of(simulation, gate)
            for kind, experiences in (
                ("trained", simulation.stream.experiences),
                ("held out", simulation.stream.held_out),
            ):
                if experiences:
                    found.setdefault((stream, gate, kind), []).append(measure(levels, experiences))
    view = Table("stream", "gates", "combinations", *COLUMNS)
    for (stream, gate, kind), runs in found.items():
        view.add_row(stream, gate, kind, *(" / ".join(f"{run[name]:.2f}" for run in runs) for name in COLUMNS))
    Console(width=170).print(view)


def finished(out: Path) -> Iterator[tuple[str, Simulation]]:
    """The finished runs of ``deep``, with the name of their stream.

    Raises:
        ValueError: there is none.
    """
    names = [(NAME.match(folder.name), folder) for folder in sorted((out / "trials").glob("*"))]
    folders = [(name[1], folder) for name, folder in names if name is not None and (folder / "finished").exists()]
    if not folders:
        raise ValueError(f"{out} has no finished trials of smalti benchmark deep-mixture --variants deep: run it first")
    for stream, folder in folders:
        yield stream, restored(load_run(folder))


@dataclass(frozen=True)
class LevelGates:
    """A gate for each level of a finished simulation."""

    simulation: Simulation
    options: GatingOptions
    north: GatingNetwork
    south: GatingNetwork

    @staticmethod
    def of(simulation: Simulation, network: str) -> LevelGates:
        """Gates of a kind, that have been shown all training samples once."""
        stream, agent = simulation.stream, simulation.gating
        options = resolved(GatingOptions(network=network), stream.steps, stream.frames)
        relay = len(agent.levels.relay)
        gates = LevelGates(
            simulation,
            options,
            GATING[network](options, options.windows * stream.channels),
            GATING[network](options, relay),
        )
        for experience in {e.task: e for e in stream.experiences}.values():
            way = gates.way(experience)
            gates.north.assignment.assign(way[0], experience.classes)
            gates.south.assignment.assign(way[1], experience.classes)
            for x, wanted in simulation.batches_of(experience).once():
                gates.north.observe(gates.heard(x), wanted.labels, experience.task)
                gates.south.observe(gates.relayed(x, way[0]), wanted.labels, experience.task)
        return gates

    def way(self, experience: Experience) -> Way:
        """The way of a task, or of a combination that is held out, its factors being told."""
        agent, stream = self.simulation.gating, self.simulation.stream
        expert = agent.find(experience.classes)
        told = None if expert is None else (expert.path[0], expert.path[1])
        outputs = stream.outputs_for(experience.classes)
        told = told or agent.levels.told(stream.factors[experience.task], outputs)
        assert told is not None, "every factor has been trained"
        return told

    def heard(self, x: Tensor) -> Tensor:
        """Input counts of samples [B, F]."""
        return spike_counts(x, self.options.windows)

    def relayed(self, x: Tensor, north: int) -> Tensor:
        """Counts of the relay [B, R] while a north part drives it."""
        agent, network = self.simulation.gating, self.simulation.network
        running = torch.zeros_like(network.state.alive)
        running[[*agent.levels.north[north].neurons, *agent.levels.relay]] = True
        with torch.no_grad():
            counts = network.run(x, torch.tensor(agent.levels.south[0].outputs), running).counts
        return counts[agent.levels.relay].T

    def choose(self, x: Tensor, north: int | None = None) -> tuple[Tensor, Tensor]:
        """Number of the north and south part for each sample [B]; the north part may be told."""
        if north is None:
            chosen = torch.tensor(self.north.assignment.experts)[self.north.scores(self.heard(x)).argmax(1)]
        else:
            chosen = torch.full((len(x),), north)
        south = torch.empty_like(chosen)
        for number in torch.unique(chosen).tolist():
            rows = torch.nonzero(chosen == number).flatten()
            scores = self.south.scores(self.relayed(x[rows], number))
            south[rows] = torch.tensor(self.south.assignment.experts)[scores.argmax(1)]
        return chosen, south

    def says(self, x: Tensor, way: Way, outputs: int) -> Tensor:
        """Which of the outputs of a combination is the largest for each sample [B]."""
        agent, network = self.simulation.gating, self.simulation.network
        ends = torch.tensor(agent.levels.south[way[1]].outputs[:outputs])
        running = torch.zeros_like(network.state.alive)
        running[[*agent.levels.on(way), *ends.tolist()]] = True
        with torch.no_grad():
            return network.read(network.run(x, ends, running)).argmax(1)


def measure(gates: LevelGates, experiences: Sequence[Experience]) -> dict[str, float]:
    """What gates choose for the validation samples of some combinations, and what is answered then; by ``COLUMNS``."""
    stream, parts = gates.simulation.stream, dict[str, list[Tensor]]()

    def note(name: str, values: Tensor) -> None:
        parts.setdefault(name, []).append(values)

    for experience in {e.task: e for e in experiences}.values():
        x, wanted = gates.simulation.batches_of(experience).evaluation(VALIDATION)
        way, factors = gates.way(experience), stream.factors[experience.task]
        place = torch.searchsorted(torch.tensor(experience.classes), wanted.labels)
        right = gates.says(x, way, len(experience.classes)) == place
        north, south = gates.choose(x)
        after_told = gates.choose(x, way[0])[1]
        for level, value in enumerate(factors):
            note(f"factor {level}", torch.full((len(x),), value))
        note("north", north)
        note("south", south)
        note("north right", (north == way[0]).double())
        note("south right", (after_told == way[1]).double())
        note("untold", ((north == way[0]) & (south == way[1]) & right).double())
        note("south told", ((north == way[0]) & right).double())
        note("told", right.double())
    joined = {name: torch.cat(values) for name, values in parts.items()}
    views, questions = joined["factor 0"], joined["factor 1"]
    return {
        **{name: float(joined[name].mean()) for name in COLUMNS if name in joined},
        "view by north": shared_information(joined["north"], views),
        "question by north": shared_information(joined["north"], questions),
        "view by south": shared_information(joined["south"], views),
        "question by south": shared_information(joined["south"], questions),
    }


if __name__ == "__main__":
    script(main)
