"""NeuroBench's measures by hand, and against its own harness on an exported net, where that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from smalti.analysis.export.population import Population, population_of
from smalti.analysis.measures import neurobench
from smalti.analysis.outcomes import outcomes
from smalti.analysis.quantities import METRICS
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.scheduler.streams.batches import TEST


def evaluation(after: int, on: int, samples: int, spikes: float, operations: float) -> dict[str, Any]:
    told = {"after": after, "on": on, "setting": "class", "split": "test", "samples": samples}
    return {**told, "spikes_per_sample": spikes, "operations_per_sample": operations}


@pytest.fixture
def chip(tables: Any) -> Any:
    """2 x 2 tiles of 4 slots and 2 wires a side, one of them dead: 3 * (4 + 8) * 4 = 144 crosspoints."""
    fabric = {"rows": 2, "cols": 2, "neurons_per_tile": 4, "wires": 2, "dead_tiles": [[1, 1]]}
    rows = [evaluation(0, 0, 99, 99.0, 99.0), evaluation(1, 0, 30, 10.0, 40.0), evaluation(1, 1, 10, 2.0, 20.0)]
    return tables(
        {"fabric": fabric, "stream": {"steps": 10}},
        {
            "rounds": pd.DataFrame({"round": [0, 1], "neurons": [3, 4], "devices": [9, 36]}),
            "neurons": pd.DataFrame({"retired_round": pd.array([None, 1, None, None, None, None], dtype="Int32")}),
            "evaluations": pd.DataFrame(rows),
        },
    )


def test_by_hand(chip: Any) -> None:
    assert neurobench.static(chip) == {"Footprint": 4 * 36 + 4 * 5, "ConnectionSparsity": 0.75}
    found = neurobench.workload(chip, "class", "test")
    assert found == {
        "ActivationSparsity": pytest.approx(1 - 8 / 40),  # (30 * 10 + 10 * 2) / 40 = 8 spikes
        "Effective_ACs": (30 * 40 + 10 * 20) / 40,
        "Effective_MACs": 0.0,
        "Dense": 1440.0,
        "MembraneUpdates": 50.0,
    }
    assert neurobench.workload(chip, "task", "test") == {}


def test_without_time_steps_only_what_needs_none_is_told(chip: Any) -> None:
    chip.steps = 0
    assert set(neurobench.workload(chip, "class", "test")) == {"Effective_ACs", "Effective_MACs"}


def test_they_are_among_the_outcomes_of_a_run(finished_run: Path) -> None:
    run = load_run(finished_run)
    assert run.steps == 12
    table = outcomes(run)
    assert set(neurobench.NAMES) <= set(METRICS)
    assert set(neurobench.NAMES) <= set(table["metric"])


class Spiking(torch.nn.Module):
    """An expert as torch modules that NeuroBench hooks into: two Linear layers and a layer of neurons."""

    def __init__(self, population: Population, layer: Any) -> None:
        super().__init__()
        net = population.net
        self.fan_in, self.recurrence = (self.linear(weight) for weight in (net.fan_in, net.recurrent))
        self.neurons = layer

    @staticmethod
    def linear(weight: np.ndarray) -> torch.nn.Linear:
        made = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        made.weight.data = torch.from_numpy(weight.copy())
        return made

    def forward(self, x: Tensor) -> Tensor:
        fired, counts = torch.zeros(len(x), self.recurrence.out_features), 0
        self.neurons.mem = torch.zeros_like(fired)
        current = torch.zeros_like(fired)
        for t in range(x.shape[1]):
            fired = self.neurons(self.fan_in(x[:, t]) + current)
            current = self.recurrence(fired)
            counts = counts + fired
        return counts


@pytest.mark.filterwarnings("default")  # of the harness, whose warnings are not ours
def test_the_harness_counts_the_same(finished_run: Path) -> None:
    pytest.importorskip("neurobench")
    import snntorch
    from neurobench.metrics import static, workload
    from neurobench.models import TorchModel

    run = load_run(finished_run)
    simulation = restored(run)
    experience, expert = simulation.stream.experiences[0], simulation.gating.experts[0]
    population = population_of(simulation, 0)
    net = population.net

    class Neurons(snntorch.SpikingNeuron):  # type: ignore[misc]
        def forward(self, i: Tensor) -> Tensor:
            fired = (self.before >= torch.from_numpy(theta)).float() if hasattr(self, "before") else 0.0
            self.mem = self.mem * torch.from_numpy(net.leak) - float(net.threshold[0]) * fired + i
            self.before = self.mem
            return (self.mem >= torch.from_numpy(theta)).float()

    theta = np.where(net.fires, net.threshold, np.inf).astype(np.float32)
    layer = Neurons(init_hidden=True)
    model = TorchModel(Spiking(population, layer))
    model.add_activation_module(Neurons)
    model.register_hooks()
    x, _ = simulation.batches_of(experience).evaluation(TEST)
    with torch.no_grad():
        counts = model(x.float())
    asked = run.table("evaluations").query("setting == 'task' and split == 'test' and on == 0").iloc[-1]
    assert float(counts.sum() / len(x)) == pytest.approx(asked["spikes_per_sample"])

    data = (x, None)
    operations = workload.SynapticOperations()(model, None, data)
    assert operations["Effective_ACs"] == pytest.approx(asked["operations_per_sample"])
    assert operations["Effective_MACs"] == 0
    size, steps = net.neurons, run.steps
    quiet = workload.ActivationSparsity()(model, None, data)
    assert (1 - quiet) * size * steps == pytest.approx(asked["spikes_per_sample"])
    dense = size * (size + net.channels)
    assert static.ConnectionSparsity()(model) == pytest.approx(1 - net.synapses / dense, abs=1e-4)
    assert static.Footprint()(model) == neurobench.WEIGHT_BYTES * dense + extra(layer)
    moved = workload.MembraneUpdates()(model, None, data)
    assert 0.5 * size * steps < moved <= size * steps
    assert len(expert.outputs) == 2


def extra(layer: torch.nn.Module) -> int:
    """Bytes that a layer of snnTorch holds beside weights."""
    return sum(part.numel() * part.element_size() for part in (*layer.parameters(), *layer.buffers()))
