"""What a finished run came to: validation accuracy, and how active its trained neurons are. Used by other benchmarks.

A run is rebuilt from the last checkpoint of its folder, which stays as it is. Test data is not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import torch

from smalti.analysis.outcomes import accuracy
from smalti.analysis.runs import load_run
from smalti.model.engines import dense
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import load
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.runner import restore_last
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Stream, StreamOptions


@dataclass(frozen=True)
class Trial:
    """What one finished run came to."""

    accuracy: float  # validation
    active: float  # share of running hidden neurons inside the support
    rate: float  # spikes per running hidden neuron and step
    neurons: int


@dataclass
class Meter:
    """Measures finished runs; the data of a stream is loaded once."""

    loaded: dict[StreamOptions, Stream] = field(default_factory=dict)

    def trial(self, path: Path, setting: str) -> Trial | None:
        """Accuracy, activity and size of a run; None where it is not finished."""
        simulation = self.restored(path) if path.exists() else None
        if simulation is None:
            return None
        run = load_run(path)
        active, rate = activity(simulation)
        neurons = int(run.table("rounds")["neurons"].iloc[-1])
        return Trial(accuracy(run, setting), active, rate, neurons)

    def restored(self, path: Path) -> Simulation | None:
        """The simulation of a run folder as training left it; None where it is not finished."""
        folder = open_run(path)
        config = load(Config, folder.config)
        simulation = Simulation(config, self.loaded.get(config.stream))
        self.loaded[config.stream] = simulation.stream
        if len(folder.read("rounds")) < simulation.total_rounds:  # another process may be writing there
            return None
        with folder.lock():
            restore_last(simulation, folder)
        return simulation if simulation.finished else None


def activity(simulation: Simulation) -> tuple[float, float]:
    """Active fraction and firing rate of the running hidden neurons, mean over the experiences learned."""
    network, agent = simulation.network, simulation.gating
    inside, fired = [], []
    torch.set_num_threads(simulation.config.run.threads)
    for experience in simulation.stream.experiences:
        expert = agent.find(experience.classes)
        if expert is None:
            continue
        running = agent.running(expert)
        hidden = running & network.state.alive & ~network.state.output
        x, _ = simulation.batches_of(experience).training(0)
        spikes = x.permute(1, 2, 0).to(network.device, network.options.dtype).contiguous()
        dynamics = network.dynamics(running)
        tape = dense.forward(network.state.weight.detach(), network.wiring(), dynamics, spikes)
        slope = dynamics.surrogate(tape.membrane - dynamics.threshold)
        inside.append(float((slope[:, hidden] > 0).double().mean()))
        fired.append(float(tape.spikes[:, hidden].double().mean()))
    return mean(inside), mean(fired)
