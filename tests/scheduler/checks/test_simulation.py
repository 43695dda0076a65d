"""What gates with a running window or that hear experts, and sessions, cannot be had with; others are elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory

Timed = Callable[..., memory.Data]
MakeConfig = Callable[..., Config]

SETTINGS: dict[str, Any] = {
    "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 8, "inputs": "every"},
    "stream": {"name": "arrays"},
    "growth": {"seed_width": 4, "reserve": 0},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gating": {"network": "seed"}}, r"gating\.network = 'seed' hears experts: take gaussian"),
        ({"gating": {"network": "label"}}, r"gating\.network = 'label' hears nothing: take gaussian"),
        ({"gating": {"network": "random"}}, r"gating\.network = 'random' hears nothing: take gaussian"),
        ({"gating": {"belief": {"use": "always"}}}, r"here feedback on trials chooses experts: set it to 0, or take"),
        ({"gating": {"running": 15}}, r"gating\.running = 15 is longer than a sample of 14 time steps; give 0 to 14"),
    ],
)
def test_a_window_cannot_run_along_with_every_gate(timed: Timed, changes: dict[str, Any], message: str) -> None:
    gating = {"running": 4, **changes["gating"]}
    with pytest.raises(ValueError, match=message):
        Simulation(configure({**SETTINGS, "gating": gating}), data=timed())


def test_hidden_boundaries_leave_a_running_window_nothing_to_choose(timed: Timed) -> None:
    hidden = {**SETTINGS, "stream": {"name": "arrays", "boundaries": "hidden"}}
    with pytest.raises(ValueError, match=r"gating\.running = 4 listens to inputs, and here feedback"):
        Simulation(configure({**hidden, "gating": {"running": 4, "detect": {"by": "loss"}}}), data=timed())


@pytest.mark.parametrize("network", ["seed", "trunk"])
def test_who_hears_experts_must_be_told_when_a_task_ends(tiny: MakeConfig, network: str) -> None:
    with pytest.raises(ValueError, match=rf"gating\.network = '{network}' listens to experts when their task has"):
        Simulation(tiny(gating={"network": network}, stream={"boundaries": "hidden"}))


def test_samples_that_ask_for_a_class_have_no_steps_to_weigh_and_no_sessions(tiny: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"gating\.running = 4 weighs experts anew .* ask for one class"):
        Simulation(tiny(gating={"running": 4}))
    with pytest.raises(ValueError, match=r"stream\.session = 2 asks for answers of several tasks within a sample"):
        Simulation(tiny(stream={"session": 2}))


@pytest.mark.parametrize("setting", ["class", "joint"])
def test_a_session_has_no_more_tasks_than_there_are(timed: Timed, setting: str) -> None:
    stream, tasks = {"name": "arrays", "setting": setting, "session": 4}, 1 if setting == "joint" else 3
    with pytest.raises(ValueError, match=rf"stream\.session = 4 joins .*, and there are {tasks}: give 1 to {tasks}"):
        Simulation(configure({**SETTINGS, "stream": stream}), data=timed(tasks=3))
    with pytest.raises(ValueError, match=r"stream\.session = 0"):
        configure({**SETTINGS, "stream": {"session": 0}})
