from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.analysis.anew import trials
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.answers import evaluation
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION
from smalti.scheduler.streams.scores import direction


@pytest.fixture(scope="module")
def simulation(timed_run: Path) -> Simulation:
    return restored(load_run(timed_run))


@pytest.fixture(scope="module")
def shown(simulation: Simulation) -> list[trials.Trial]:
    return trials.trials(simulation)


def test_outputs_are_those_of_the_evaluation(simulation: Simulation, shown: list[trials.Trial]) -> None:
    for experience, trial in zip(simulation.stream.experiences, shown, strict=True):
        x, wanted = simulation.batches_of(experience).evaluation(VALIDATION)
        answers = evaluation.with_task(simulation.gating, x, experience.classes)
        np.testing.assert_allclose(trial.outputs, answers.steps[0], atol=1e-5)
        np.testing.assert_array_equal(trial.targets, wanted.targets[0])
        np.testing.assert_array_equal(trial.weights, wanted.weights[0])
        np.testing.assert_array_equal(trial.inputs, x[0] > 0)
        assert trial.value == direction(answers.steps[:1], wanted.targets[:1], wanted.weights[:1])
        assert (trial.task, trial.name, trial.score) == (experience.task, experience.name, "direction")
        assert trial.names == ("fixation", "cosine", "sine")


def test_only_those_run_whom_the_outputs_need(simulation: Simulation, shown: list[trials.Trial]) -> None:
    agent = simulation.gating
    for expert, trial in zip(agent.experts, shown, strict=True):
        running = agent.running(expert) & ~simulation.network.state.output
        assert sorted(trial.neurons["slot"]) == torch.nonzero(running).flatten().tolist()
        assert trial.neurons["task"].is_monotonic_increasing
    assert {*shown[0].neurons["task"]} == {0}
    assert {*shown[-1].neurons["task"]} > {2}  # it hears others


def test_spikes_are_those_that_are_counted(simulation: Simulation, shown: list[trials.Trial]) -> None:
    experience, trial = simulation.stream.experiences[1], shown[1]
    x, _ = simulation.batches_of(experience).evaluation(VALIDATION)
    expert = simulation.gating.experts[1]
    outputs = torch.tensor(expert.outputs)
    with torch.no_grad():
        counts = simulation.network.run(x[:1], outputs, simulation.gating.running(expert)).counts[:, 0]
    np.testing.assert_array_equal(trial.spikes.sum(0), counts.numpy()[trial.neurons["slot"]])
    assert trial.spikes.sum() > 0


def test_what_cannot_be_shown_is_refused(simulation: Simulation, finished_run: Path) -> None:
    classes: Run = load_run(finished_run)
    with pytest.raises(ValueError, match="ask for their class"):
        trials.trials(classes)
    with pytest.raises(ValueError, match=r"experience 7 cannot be asked; take one of \[0, 1, 2\]"):
        trials.trials(simulation, [7])
    with pytest.raises(ValueError, match="sample = 1000: task 0 has the validation samples 0 to"):
        trials.trials(simulation, [0], sample=1000)
