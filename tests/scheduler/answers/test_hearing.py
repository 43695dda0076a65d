"""What a gate with a running window is shown and what it holds; ``test_evaluation`` has the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from smalti.model.gating.running import windows_of
from smalti.scheduler.answers.hearing import features, gate_cost, lessons
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory

Timed = Callable[..., memory.Data]


def simulation(data: memory.Data, running: int, **growth: Any) -> Simulation:
    settings = {
        "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 8, "inputs": "every"},
        "network": {"output_tau_ms": 5.0},
        "stream": {"name": "arrays"},
        "training": {"rounds": 1, "steps": 2, "batch": 16, "warm_up": 1},
        "growth": {"seed_width": 4, "when": "never", "reserve": 0, "siblings": True, "probe": 32, **growth},
        "gating": {"running": running, "network": "prototype"},
    }
    return Simulation(configure(settings), data=data)


def test_a_gate_learns_from_samples_or_from_their_windows(timed: Timed) -> None:
    data = timed()
    once, along = simulation(data, 0), simulation(data, 5)
    x, wanted = once.batches_of(once.experience).training(0)
    counts, labels = lessons(once.gating, x, wanted.labels)
    assert torch.equal(counts, features(once.gating, x))
    assert labels is wanted.labels
    marked = torch.arange(len(x))
    counts, labels = lessons(along.gating, x, marked)
    expected, rows = windows_of(x, 5)
    assert torch.equal(counts, expected)
    assert torch.equal(labels, marked[rows])


def test_a_running_window_holds_its_spikes_and_their_counts(timed: Timed) -> None:
    along = simulation(timed(), 5)
    x, _ = along.batches_of(along.experience).training(0)
    held = [x[:, max(0, t - 5) : t].sum() / len(x) for t in range(1, 15)]  # by a loop over the steps
    cost, gate = gate_cost(along.gating, x, x.sum(1)), along.gating.gate
    assert cost.buffered_spikes == pytest.approx(float(torch.stack(held).mean()), rel=1e-6)
    assert cost.latency == 0
    assert cost.stored_values == gate.stored_values + 6
    assert cost.adds_per_sample == 14 * gate.adds_per_sample
    assert cost.multiplications_per_sample == 14 * gate.multiplications_per_sample
    assert cost.counted_spikes == pytest.approx(2 * float(x.sum()) / len(x))


@pytest.mark.parametrize("running", [0, 5])
def test_a_task_that_opens_on_what_there_is_is_shown_to_the_gate_all_the_same(timed: Timed, running: int) -> None:
    """Every training sample once, though no step trains on them."""
    reuse = {"by": "experts", "grow": "never", "readout_rounds": 0}
    made = simulation(timed(alike=True), running, reuse=reuse)
    while not made.finished:
        made.step()
    assert made.gating.experts[0].lent == [1, 2]
    counts = made.gating.gate.state_dict()["counts"][:, 0].tolist()
    experiences = made.stream.experiences
    for label, experience in enumerate(experiences[1:], 1):
        assert counts[label] == len(experience.train) * (2 if running else 1)  # windows of 5 of 14 steps
