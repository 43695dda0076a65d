"""Old tasks open again once others have come: they gain, nobody else notices, and what is no better leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from smalti.model.devices import DevicesOptions
from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.answers import evaluation
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.growth.reopening import Reopening
from smalti.scheduler.protocols.task_aware import TaskAware
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import VALIDATION, TaskBatches

Books = Callable[[Simulation], None]
CutShort = Callable[[Config, Path, int], None]
STEPS = 14


def arrays(tasks: int = 3, samples: int = 80) -> dict[str, Any]:
    """Trials of six channels that ask at every step for the trace of one half less that of the other, now and before.

    Every second task weighs the halves the other way round. Few neurons say it badly, more of them better.
    """
    chance = np.random.default_rng(0)
    rate = chance.random((tasks * samples, STEPS, 6)).astype(np.float32) ** 2
    task = np.repeat(np.arange(tasks), samples)
    level = rate[..., :3].mean(2) - rate[..., 3:].mean(2)
    said = np.stack([level, np.roll(level, 2, axis=1)], axis=2) * 2
    said[task % 2 == 1] *= -1
    weights = np.repeat((np.arange(STEPS) >= 4).astype(np.float32)[None], len(task), 0)
    return {
        "x": rate,
        "targets": said.astype(np.float32),
        "weights": weights,
        "task": np.char.add("t", task.astype(str)),
    }


def lagged(tasks: int = 3) -> memory.Data:
    return memory.arrays(**arrays(tasks))


def config(**reuse: Any) -> Config:
    """The first task has two neurons, later ones twelve; nothing is ever enough, and every task gets its neurons."""
    return configure(
        {
            "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 16, "inputs": "every"},
            "network": {"output_tau_ms": 2.0},
            "stream": {"name": "arrays", "setting": "task"},
            "training": {"rounds": 2, "steps": 20, "batch": 16, "warm_up": 2},
            "growth": {"seed_widths": (2, 12, 12), "when": "never", "reserve": 0, "siblings": True, "probe": 32},
            "growth.reuse": {"by": "readout", "enough": 1.0, "samples": 48, "taps": 12, "beside": False, **reuse},
            "auction": {"slot_price": 0.0, "row_price": 0.0, "wire_price": 0.0, "spike_price": 0.0},
            "gating": {"network": "label"},
        }
    )


def said(simulation: Simulation) -> list[Tensor]:
    """What the outputs of every expert say to the validation data of its first task."""
    spoken = []
    for expert in simulation.gating.experts:
        experience = simulation.stream.experiences[expert.tasks[0]]
        x, _ = TaskBatches(experience, simulation.stream.steps, 16, 0).evaluation(VALIDATION)
        steps = evaluation.with_label(simulation.gating, expert, x, experience.classes).steps
        assert steps is not None
        spoken.append(steps)
    return spoken


def scores(simulation: Simulation) -> dict[int, float]:
    """On validation data, by task, after the experience that has just ended."""
    rows = simulation.rows.evaluations
    return {int(str(r["on"])): float(str(r["accuracy"])) for r in rows if r["split"] == "validation"}


@pytest.fixture(scope="module")
def after_two() -> Simulation:
    """Two tasks learned, and none opened again."""
    simulation = Simulation(config(), data=lagged())
    for _ in range(4):
        simulation.step()
    return simulation


def test_a_task_gains_what_a_later_expert_holds(check: Books, after_two: Simulation) -> None:
    without, simulation = scores(after_two), Simulation(config(reopen=True), data=lagged())
    rows: list[dict[str, object]] = []
    before: dict[int, float] = {}
    while not simulation.finished:
        simulation.step()
        check(simulation)
        here = [row for row in simulation.rows.openings if row["step"] == "again"]
        rows += here
        if simulation.round % 2 == 0:
            now = scores(simulation)
            assert all(now[task] >= before.get(task, -np.inf) for task in now)
            for row in here:
                task, score = int(str(row["task"])), float(str(row["score"]))
                assert row["taken"] == (now[task] > before[task])
                assert not row["taken"] or score == pytest.approx(now[task], abs=1e-6)
            before = now
        if simulation.round == 4:
            assert now[0] > without[0] + 0.02
            assert now[1] == without[1]
            first, second = simulation.gating.experts
            heard = simulation.network.upstream.of(torch.tensor(first.outputs))
            assert heard[second.neurons].any()
    assert [(row["round"], row["task"]) for row in rows] == [(3, 0), (5, 0), (5, 1)]
    assert rows[0]["taken"]
    assert int(str(rows[0]["taps"])) > 0
    assert rows[0]["experts_run"] == 1


def test_all_others_answer_with_the_same_bits(after_two: Simulation) -> None:
    simulation = Simulation(config(reopen=True), data=lagged())
    for _ in range(4):
        simulation.step()
    (first, second), (was_first, was_second) = said(simulation), said(after_two)
    assert torch.equal(second, was_second)
    assert not torch.equal(first, was_first)
    both = simulation.network.state, after_two.network.state
    outputs = [slot % 24 for slot in simulation.gating.experts[0].outputs]
    tile = simulation.gating.experts[0].output_tile
    for name in ("weight", "mask"):
        one, other = (getattr(state, name).detach().clone() for state in both)
        assert not torch.equal(one, other)
        one[tile][:, outputs] = other[tile][:, outputs] = 0
        assert torch.equal(one[:, :24], other[:, :24])  # rows of other tiles' neurons need not be the same ones
    neurons, links = simulation.table("neurons"), simulation.table("links")
    assert len(neurons) == len(after_two.table("neurons"))
    assert set(links[links["retired_round"].notna()]["retired_round"]) <= {3}


@pytest.mark.parametrize("devices", [DevicesOptions(), DevicesOptions(kind="mosaic", scale="tile")], ids=str)
def test_what_is_no_better_leaves_no_trace(after_two: Simulation, devices: DevicesOptions) -> None:
    simulation = Simulation(replace(config(), devices=devices), data=lagged())
    if devices == DevicesOptions():
        simulation = deepcopy_of(after_two)
    for _ in range(4 - simulation.round):
        simulation.step()
    expert, experience = simulation.gating.experts[0], simulation.stream.experiences[0]
    batches = simulation.batches_of(experience)
    x, wanted = batches.evaluation(VALIDATION)
    grower = simulation.grower
    state = deepcopy(grower.network.state.state_dict()), deepcopy(grower.moments.state_dict())
    links = grower.network.links.state_dict()
    parts = {"grower": grower, "task": 0, "expert": expert, "training": batches.probe(48, 0)}
    memristors = grower.network.memristors
    read = grower.network.reading().detach().clone()
    written, counts = memristors.wear.writes, memristors.wear.counts.clone()
    attempt = Reopening(**parts, validation=(x, wanted), score=0.0, lots=np.random.default_rng(0))  # type: ignore[arg-type]
    site = attempt._site()
    for score in (2.0, site.score - 1e-3):  # more than it offers; less, and yet the chip shall say otherwise
        refusing = replace(attempt, score=score)
        if score < site.score:
            deaf = replace(site, weights=torch.zeros_like(site.weights))
            assert refusing._listen(deaf)[2] is False
        else:
            assert refusing.run()["taken"] is False
        assert links == grower.network.links.state_dict()
        for before, now in zip(state, (grower.network.state, grower.moments), strict=True):
            assert all(torch.equal(before[name], tensor) for name, tensor in now.state_dict().items())
    assert torch.equal(grower.network.reading(), read)
    assert memristors.wear.writes == written
    assert torch.equal(memristors.wear.counts, counts)


def deepcopy_of(simulation: Simulation) -> Simulation:
    """The same, in a chip of its own."""
    again = Simulation(simulation.config, data=lagged())
    state = deepcopy(simulation.state_dict())
    again.load_state_dict(state, deepcopy(simulation.registry.neurons), deepcopy(simulation.registry.links))
    return again


def two_tasks(**reuse: Any) -> Config:
    settings = config(**reuse)
    return replace(settings, growth=replace(settings.growth, seed_widths=(2, 12)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over three tasks, of which two open again."""
    folder = tmp_path_factory.mktemp("reopening")
    np.savez(folder / "trials.npz", **arrays())
    start(of_file(folder / "trials.npz"), folder / "whole", lambda simulation: None)
    return folder / "whole"


def of_file(path: Path) -> Config:
    return replace(config(reopen=True), stream=replace(config().stream, path=str(path)))


@pytest.mark.parametrize("rounds", [2, 4, 5])
def test_a_killed_run_goes_on_bit_for_bit(
    tmp_path: Path,
    whole: Path,
    timeless: Callable[[Path], Any],
    state_of: Callable[[Path], object],
    cut_short: CutShort,
    rounds: int,
) -> None:
    """From before a task opens again, from right after it, and from the middle of the experience that follows."""
    cut_short(of_file(whole.parent / "trials.npz"), tmp_path / "run", rounds)
    resume(tmp_path / "run", lambda simulation: None)
    again = timeless(tmp_path / "run")
    assert [*again["openings"].query("step == 'again'")["round"]] == [3, 5, 5]
    for name, table in timeless(whole).items():
        pd.testing.assert_frame_equal(again[name], table, check_exact=True)
    assert state_of(tmp_path / "run") == state_of(whole)


def test_kept_trials_are_counted_until_a_task_has_enough() -> None:
    simulation = Simulation(two_tasks(reopen=True), data=lagged(tasks=2))
    kept = [int(str(row["stored_values"])) for row in simulation]
    validation = len(simulation.stream.experiences[0].validation)
    trial = STEPS * (6 + 2 + 1)  # channels, targets and a weight
    assert kept == [0, (48 + validation) * trial, (48 + validation) * trial, 2 * (48 + validation) * trial]
    easy = Simulation(two_tasks(reopen=True, enough=0.0, grow="always"), data=lagged(tasks=2))
    assert [row["stored_values"] for row in easy] == [0, kept[1], kept[1], 0]  # the first task has enough once reopened
    assert easy.table("openings").query("step == 'again' and taken")["score"].item() >= 0


def test_outputs_that_serve_two_tasks_are_left_alone() -> None:
    simulation = Simulation(config(reopen=True), data=lagged())
    for _ in range(3):
        simulation.step()
    (said_before, _), first = said(simulation), simulation.gating.experts[0]
    first.tasks.append(2)  # as if it had been lent to the third
    simulation.step()
    assert [row["step"] for row in simulation.rows.openings] == []
    assert torch.equal(said(simulation)[0], said_before)
    assert simulation.rows.rounds[0]["stored_values"] == simulation.protocol.stored_values > 0  # of the second alone
    assert isinstance(simulation.protocol, TaskAware)
    assert [*simulation.protocol.unsolved.tasks] == [1]


def test_without_new_neurons_nothing_is_tried_again() -> None:
    simulation = Simulation(config(reopen=True, grow="never"), data=lagged())
    while not simulation.finished:
        simulation.step()
    assert "again" not in set(simulation.table("openings")["step"])


def test_what_reopens_makes_read_outs() -> None:
    with pytest.raises(ValueError, match=r"growth\.reuse\.reopen = true makes read-outs anew, and .*by = 'experts'"):
        ReuseOptions(by="experts", reopen=True)
    assert not ReuseOptions().reopen
