from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from smalti.model.gating.networks import GATING
from smalti.model.optimiser import OptimiserOptions
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.steps import STEPS
from smalti.scheduler.answers import hearing
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.processor import flushes
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import StreamOptions, memory
from smalti.scheduler.streams.batches import VALIDATION

Shown = Callable[[Simulation], dict[int, int]]
MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]

# Any run, in the settings that change what a round does; each shrunk to two rounds a task.
SETTINGS: dict[str, dict[str, dict[str, object]]] = {
    "default": {},
    "adapt": {"gating": {"adapt": 5}},
    "taps": {"gating": {"taps": True}, "growth": {"when": "schedule", "every": 1, "until": 1.0}},
    "random rule": {"growth": {"rule": "random"}},
    "pairs": {"growth": {"rule": "split", "births": 2}},
    "pairs placed": {"growth": {"rule": "split", "births": 2, "where": "uniform"}},
    "primed": {"growth": {"rule": "primed"}, "network": {"surrogate_width": 1.5}},
    "zero fan-in": {"growth": {"rule": "gradmax"}, "network": {"surrogate_width": 1.5}},
    "practice": {"growth": {"rule": "intern", "pool": 4, "practice": 2}},
    "exact auction": {"auction": {"method": "optimal"}},
    "never grows": {"growth": {"when": "never"}},
    "schedule and uniform": {"growth": {"when": "schedule", "every": 1, "where": "uniform", "until": 1.0}},
    "plateau and balanced": {"growth": {"when": "plateau", "patience": 1, "where": "balanced", "until": 1.0}},
    "noracl and nearest": {"growth": {"when": "noracl", "patience": 1, "where": "nearest", "until": 1.0}},
    "novelty and fullest": {"growth": {"when": "novelty", "where": "fullest", "until": 1.0}},
    "random and value": {"growth": {"when": "random", "every": 1, "where": "value", "until": 1.0}},
    "geometric": {"growth": {"amount": "geometric", "until": 1.0}},
    "until the price": {"growth": {"amount": "until_price", "until": 1.0}},
    "neighbours": {
        "growth": {"reach": "neighbours", "until": 1.0},
        "fabric": {"rows": 3, "cols": 3},
        "stream": {"steps": 13},
    },
    "task": {"stream": {"setting": "task"}},
    "joint": {"stream": {"setting": "joint"}},
    **{f"{name} gate": {"gating": {"network": name, "top": 0}} for name in sorted({*GATING} - {"levels"})},
    "windows and two experts": {"gating": {"windows": 3, "top": 2}},
    "shared expert": {"gating": {"experts": "shared"}},
    "trunk": {"gating": {"trunk": True}},
    "unprotected": {"gating": {"protect": False}},
    "largest membrane": {"network": {"readout": "membrane_max"}},
    "spike count": {"network": {"readout": "spike_count", "surrogate_width": 1.5}},
    "hard reset": {"network": {"reset": "hard", "surrogate": "fast_sigmoid"}},
    "float64": {"network": {"precision": "float64"}},
    "kinds of neurons": {"network": {"kinds": {"plain": {}, "slow": {"synapse_ms": 5.0, "adaptation": 0.2}}}},
    "sgd": {"training": {"optimiser": OptimiserOptions(method="sgd")}},
    "retiring": {"growth": {"retire_after": 1, "target_rate": 0.05}, "training": {"learning_rate": 0.3, "rounds": 4}},
    "one row": {"fabric": {"rows": 1, "cols": 3}},
    "six rows": {"fabric": {"rows": 6}, "stream": {"steps": 16}},
    "dead tile": {"fabric": {"rows": 3, "dead_tiles": ((1, 0),), "dead_routers": ((2, 1),)}, "stream": {"steps": 13}},
    "rewiring": {"growth": {"rewiring": RewiringOptions(steps=tuple(STEPS), guard=3, rewired=0.5), "until": 1.0}},  # type: ignore[arg-type]
    "scarce": {
        "fabric": {"neurons_per_tile": 5, "wires": 4, "corner_wires": 1},
        "growth": {"births": 4, "until": 1.0, "reserve": 2},
    },
}


def values(rounds: list[RoundRows]) -> list[object]:
    """All that a seed must reproduce: every column but those of the clock; text, so that NaN equals NaN."""
    timeless = [{k: v for k, v in rows.rounds[0].items() if not k.startswith("seconds")} for rows in rounds]
    ports = [{name: column.tolist() for name, column in rows.ports.items()} for rows in rounds]
    return [repr(part) for part in (timeless, [r.bids for r in rounds], ports, [r.evaluations for r in rounds])]


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_keeps_the_limits_and_its_books(
    play: Play, tiny: MakeConfig, changes: dict[str, dict[str, object]]
) -> None:
    training = {"rounds": 2, "steps": 3, **changes.get("training", {})}
    simulation, rounds = play(tiny(**{**changes, "training": training}))
    assert len(rounds) == simulation.total_rounds == len(simulation.stream.experiences) * training["rounds"]
    assert simulation.registry.neurons


def test_an_expert_that_taps_others_answers_as_if_all_neurons_ran(play: Play, tiny: MakeConfig) -> None:
    gating, growth = {"taps": True}, {"when": "schedule", "every": 1, "births": 1, "until": 1.0, "reserve": 3}
    simulation, _ = play(tiny(training={"rounds": 4, "steps": 8}, gating=gating, growth=growth))
    first, second = simulation.gating.experts
    running = simulation.gating.running(second)
    assert running[first.neurons].all(), "nobody was tapped: the test shows nothing"
    x, _ = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    outputs = torch.tensor(second.outputs)
    with torch.no_grad():
        asked, everybody = (simulation.network.run(x, outputs, who) for who in (running, None))
    assert torch.equal(asked.membrane, everybody.membrane)
    alone = simulation.network.run(x, outputs, second.running(simulation.network))
    assert not torch.equal(asked.membrane, alone.membrane)


def test_who_hears_experts_is_shown_every_training_sample_once_when_their_neurons_stay_put(
    play: Play, tiny: MakeConfig
) -> None:
    simulation, _ = play(tiny(training={"rounds": 2, "steps": 2}, gating={"network": "seed"}))
    gate, experiences = simulation.gating.gate, simulation.stream.experiences
    assert gate.widths == {e.number: len(e.neurons) for e in simulation.gating.experts}
    state = gate.state_dict()
    assert state["0.counts"][:, 0].sum() == sum(len(e.train) for e in experiences)
    assert state["1.counts"][:, 0].sum() == len(experiences[1].train)


def test_listening_longer_than_a_sample_is_refused(tiny: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"gating\.listen = 13 is longer than a sample of 12 time steps; give 0 to 12"):
        Simulation(tiny(gating={"listen": 13}))


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same two classes twice, in the second task on other channels; an array tells the task."""
    path = tmp_path_factory.mktemp("data") / "domains.npz"
    chance = np.random.default_rng(1)
    y, task = np.tile([0, 1], 40), np.repeat([0, 1], 40)
    x = 0.1 * chance.random((80, 8))
    x[np.arange(80), 4 * task + 2 * y] = 0.9
    np.savez(path, x=x, y=y, task=task)
    return path


def test_domains_share_an_expert_that_goes_on_learning(play: Play, tiny: MakeConfig, domains: Path) -> None:
    config = tiny(stream={"setting": "domain", "path": str(domains)}, training={"rounds": 3, "steps": 10})
    simulation, rounds = play(config)
    (expert,) = simulation.gating.experts
    assert expert.tasks == [0, 1]
    assert {row["setting"] for rows in rounds for row in rows.evaluations} == {"domain", "experts", "gate"}
    assert {bid["task"] for rows in rounds for bid in rows.bids} == {0, 1}
    losses = [rows.rounds[0]["loss"] for rows in rounds]
    assert losses[5] < losses[3]


def test_tasks_of_the_users_own(play: Play, tiny: MakeConfig, blobs: Path, tmp_path: Path) -> None:
    with np.load(blobs) as file:
        x, y = file["x"], file["y"]
    path = tmp_path / "own.npz"
    np.savez(path, x=x, y=y, task=np.array([7, 9, 9, 7])[y])
    simulation, _ = play(tiny(stream={"path": str(path)}, training={"rounds": 1, "steps": 2}))
    assert [expert.classes for expert in simulation.gating.experts] == [(0, 3), (1, 2)]


def test_the_same_seed_gives_the_same_values(play: Play, tiny: MakeConfig) -> None:
    (first, one), (second, two) = play(tiny()), play(tiny())
    assert values(one) == values(two)
    assert first.registry.neurons == second.registry.neurons
    assert first.registry.links == second.registry.links
    assert torch.equal(first.network.state.weight.detach(), second.network.state.weight.detach())


def test_another_seed_gives_others(play: Play, tiny: MakeConfig) -> None:
    one, two = (play(tiny(run={"seed": seed}))[1] for seed in (0, 1))
    losses = [[rows.rounds[0]["loss"] for rows in rounds] for rounds in (one, two)]
    assert all(a != b for a, b in zip(*losses, strict=True))
    assert values(one)[1] != values(two)[1]


def test_threads_and_denormals_of_the_process_do_not_matter_and_stay(play: Play, tiny: MakeConfig) -> None:
    config = tiny(training={"rounds": 1, "steps": 3})
    expected = values(play(config)[1])
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    try:
        assert values(play(config)[1]) == expected
        assert torch.get_num_threads() == 2
        assert flushes()
        torch.set_flush_denormal(False)
        assert values(play(config)[1]) == expected
        assert not flushes()
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(1)


def test_the_gate_sees_every_training_sample_once(tiny: MakeConfig, shown_to_gate: Shown) -> None:
    simulation = Simulation(tiny(training={"rounds": 3, "steps": 4, "batch": 10}))
    seen = shown_to_gate(simulation)
    while not simulation.finished:
        simulation.step()
    assert seen == {e.task: len(e.train) for e in simulation.stream.experiences}


def test_the_gate_counts_in_windows_of_a_time_axis_that_the_data_bring(tiny: MakeConfig) -> None:
    y = np.arange(60) % 4
    order = np.stack([np.roll(np.eye(4).repeat(3, 0), 3 * k, axis=0) for k in range(4)])  # alike, but for when
    x = np.random.default_rng(0).random((60, 12, 4)) < 0.8 * order[y]
    data = memory.arrays(x, y)
    config = tiny()
    simulation = Simulation(replace(config, stream=StreamOptions(name="arrays")), data=data)
    assert simulation.gating.options.windows == 5
    for experience in simulation.stream.experiences:
        for spikes, wanted in simulation.batches_of(experience).once():
            counts = hearing.features(simulation.gating, spikes)
            assert counts.shape == (len(spikes), 5 * 4)
            simulation.gating.gate.observe(counts, wanted.labels, experience.task)
    asked = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    scores = simulation.gating.gate.class_scores(hearing.features(simulation.gating, asked[0]))
    told = torch.tensor(simulation.gating.gate.classes)[scores.argmax(1)]
    assert (told == asked[1].labels).all()
    alike = Simulation(replace(config, stream=StreamOptions(name="arrays", steps=12)), data=memory.arrays(x[:, 0], y))
    assert alike.gating.options.windows == 1
    assert Simulation(config).gating.options.windows == 1


def test_novelty_is_that_of_the_beginning_of_each_task(play: Play, tiny: MakeConfig) -> None:
    _, rounds = play(tiny(training={"rounds": 2, "steps": 3}))
    novelty = [rows.rounds[0]["novelty"] for rows in rounds]
    assert novelty[0] == novelty[1] == float("inf")
    assert novelty[2] == novelty[3]


def test_a_pinned_run(play: Play, tiny: MakeConfig) -> None:
    """Whoever changes these numbers on purpose says so in CHANGELOG.md. Losses are to be met within 1e-3."""
    config = tiny(network={"precision": "float64"}, growth={"until": 1.0})
    _, rounds = play(config)
    table = [
        [rows.rounds[0][name] for name in ("neurons", "links", "devices", "wires", "born", "retired")]
        for rows in rounds
    ]
    assert table == [
        [5, 23, 39, 60, 7, 0],
        [7, 29, 71, 80, 2, 0],
        [9, 35, 111, 98, 2, 0],
        [14, 49, 149, 128, 7, 0],
        [16, 54, 174, 140, 2, 0],
        [18, 59, 207, 152, 2, 0],
    ]
    losses = [rows.rounds[0]["loss"] for rows in rounds]
    assert losses == pytest.approx([0.6693, 0.5677, 0.4732, 0.6594, 0.5617, 0.4198], abs=1e-3)
    accuracies = [rows.rounds[0]["accuracy"] for rows in rounds]
    assert accuracies == pytest.approx([0.484, 0.750, 0.953, 0.484, 0.875, 0.984], abs=0.02)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
def test_both_engines_make_the_same_run_of_tasks_that_return(play: Play, tiny: MakeConfig) -> None:
    """The first task's devices pause while the second is learned, and learn again."""
    tables = []
    for engine in ("dense", "events"):
        network = {"precision": "float64", "engine": engine}
        simulation, _ = play(tiny(network=network, growth={"until": 1.0}, stream={"order": [0, 1, 0]}))
        tables.append({name: simulation.table(name) for name in ("rounds", "bids", "links")})
    dense, events = tables
    losses = [table["rounds"]["loss"].to_numpy() for table in tables]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert events["bids"]["won"].any()
    pd.testing.assert_frame_equal(dense["bids"], events["bids"])
    pd.testing.assert_frame_equal(dense["links"], events["links"])


def test_validation_is_measured_after_every_round_if_that_is_asked_for(tiny: MakeConfig, play: Play) -> None:
    _, rounds = play(tiny(training={"validate": True}))
    asked = [row for rows in rounds for row in rows.rounds]
    assert all(0 <= float(str(row["validation"])) <= 1 for row in asked)
    for rows in rounds:
        for row in rows.evaluations:  # nothing is born in the last round of an experience
            if (row["split"], row["setting"]) == ("validation", "task") and row["after"] == row["on"]:
                assert row["accuracy"] == rows.rounds[0]["validation"]
    _, silent = play(tiny())
    assert all(math.isnan(float(str(rows.rounds[0]["validation"]))) for rows in silent)
    assert [rows.rounds[0]["loss"] for rows in silent] == [row["loss"] for row in asked]


def test_writes_are_the_steps_of_devices_that_learn_and_the_devices_laid(play: Play, tiny: MakeConfig) -> None:
    """Nothing is frozen in the first experience: what learns in its rounds is all that there was when they began."""
    simulation, rounds = play(tiny(growth={"births": 2, "retire_after": 0}))
    steps = simulation.config.training.steps
    found = [(int(str(row["writes"])), int(str(row["devices"]))) for rows in rounds for row in rows.rounds]
    for (_, before), (writes, now) in pairwise(found[:3]):
        assert writes == steps * before + now - before
    protected = [e for e in simulation.gating.experts if 1 in e.tasks]
    assert protected
    assert found[-1][0] < steps * found[-2][1]  # the devices of the first expert are frozen
