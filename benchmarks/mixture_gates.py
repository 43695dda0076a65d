"""What gates on two levels know of either factor: which north part runs, and which south part after it.

    smalti benchmark deep-mixture --out runs/deep-mixture --streams names pairs --variants deep-gates
    python benchmarks/mixture_gates.py runs/deep-mixture

Of the finished runs whose gating network is ``levels`` the gates are asked about validation data. Printed are means
over the samples of all tasks: how often either gate is right (the second one where the north part is told), and the
normalised mutual information (``measures.information``) of its choice with either factor. Beside it the same of
combinations that were held out, of which the gates have seen nothing; right is there the way through the parts that
serve most tasks of the two factors. How often what is answered is right stands in the tables of the runs.
"""

from __future__ import annotations

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
from smalti.model.gating.networks.levels import LevelsGating
from smalti.scheduler.answers import relayed
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.batches import VALIDATION

COLUMNS = (
    *("north right", "view by north", "question by north"),
    *("south right", "view by south", "question by south"),
)


@dataclass(frozen=True)
class MixtureGates:
    """Ask the gates of finished runs.

    Attributes:
        out: folder of the experiment.
    """

    out: tyro.conf.Positional[Path]


def main() -> None:
    """Print a row for each stream, variant and kind of combination."""
    options = tyro.cli(MixtureGates, description=__doc__)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name, simulation, gate in finished(options.out):
        for kind, experiences in (
            ("trained", simulation.stream.experiences),
            ("held out", simulation.stream.held_out),
        ):
            if experiences:
                found.setdefault((name, kind), []).append(measure(simulation, gate, experiences))
    view = Table("runs", "combinations", *COLUMNS)
    for (name, kind), runs in found.items():
        view.add_row(name, kind, *(" / ".join(f"{run[column]:.2f}" for run in runs) for column in COLUMNS))
    Console(width=170).print(view)


def finished(out: Path) -> Iterator[tuple[str, Simulation, LevelsGating]]:
    """The finished runs with gates on two levels: stream and variant, the simulation, its gate.

    Raises:
        ValueError: there is none.
    """
    folders = [path for path in sorted((out / "trials").glob("*")) if (path / "finished").exists()]
    runs = [(path.name.rsplit("_seed", 1)[0], load_run(path)) for path in folders]
    asked = [(name, run) for name, run in runs if run.config["gating"]["network"] == "levels"]
    if not asked:
        raise ValueError(
            f"{out} has no finished trial with gates on two levels: run smalti benchmark deep-mixture --variants "
            "deep-gates first"
        )
    for name, run in asked:
        simulation = restored(run)
        assert isinstance(simulation.gating.gate, LevelsGating)
        yield name, simulation, simulation.gating.gate


def way(simulation: Simulation, experience: Experience) -> Way:
    """The way of a task, or of a combination that is held out, its factors being told."""
    agent, stream = simulation.gating, simulation.stream
    expert = agent.find(experience.classes)
    told = None if expert is None else (expert.path[0], expert.path[1])
    told = told or agent.levels.told(stream.factors[experience.task], stream.outputs_for(experience.classes))
    assert told is not None, "every factor has been trained"
    return told


def measure(simulation: Simulation, gate: LevelsGating, experiences: Sequence[Experience]) -> dict[str, float]:
    """What gates choose for the validation samples of some combinations, by ``COLUMNS``."""
    agent, stream, parts = simulation.gating, simulation.stream, dict[str, list[Tensor]]()

    def note(name: str, values: Tensor) -> None:
        parts.setdefault(name, []).append(values)

    for experience in {e.task: e for e in experiences}.values():
        x, _ = simulation.batches_of(experience).evaluation(VALIDATION)
        north, south = way(simulation, experience)
        counts = relayed.heard(agent, gate, x).counts
        told = relayed.heard(agent, gate, x, [one for one, path in gate.paths.items() if path[0] == north]).counts
        chosen, after_told = gate.ways(gate.first(counts))[:, 0], gate.souths(told)
        for level, value in enumerate(stream.factors[experience.task]):
            note(f"factor {level}", torch.full((len(x),), value))
        note("north", chosen)
        note("south", gate.souths(counts))
        note("north right", (chosen == north).double())
        note("south right", (after_told == south).double())
    joined = {name: torch.cat(values) for name, values in parts.items()}
    views, questions = joined["factor 0"], joined["factor 1"]
    return {
        "north right": float(joined["north right"].mean()),
        "south right": float(joined["south right"].mean()),
        "view by north": shared_information(joined["north"], views),
        "question by north": shared_information(joined["north"], questions),
        "view by south": shared_information(joined["south"], views),
        "question by south": shared_information(joined["south"], questions),
    }


if __name__ == "__main__":
    script(main)
