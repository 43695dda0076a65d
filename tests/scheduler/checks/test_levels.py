"""What two levels do not go with is said before anything runs, with the cure."""

from __future__ import annotations

import re
from typing import Any

import pytest

from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation

BASE = {
    "stream": {"name": "two-factor", "setting": "task", "limit": 30},
    "stream.two_factor": {"ways": 2, "questions": 2, "asks": "pairs"},
    "fabric": {"rows": 1, "cols": 1, "neurons_per_tile": 100, "wires": 64, "inputs": "every"},
    "growth": {"when": "never"},
    "growth.levels": {"relay": 8, "north": 8, "south": 8},
}


def simulation(**changes: Any) -> Simulation:
    return Simulation(configure(BASE, changes))


def test_what_goes_together_runs() -> None:
    assert simulation().config.growth.levels.relay == 8


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("growth.when", "needed", "take never"),
        ("growth.reuse.by", "readout", "take none"),
        ("growth.buy_back.by", "loss", "take none"),
        ("growth.give_back", 0.9, "take 0"),
        ("growth.rewiring.steps", ("prune_magnitude",), "leave it empty"),
        ("gating.experts", "shared", "take task"),
        ("gating.trunk", True, "take false"),
        ("gating.taps", True, "take false"),
        ("gating.protect", False, "take true"),
        ("gating.stiffness", 1.0, "take inf"),
        ("gating.network", "trunk", "take gaussian"),
        ("network.kinds.slow.tau_ms", 5.0, "leave it empty"),
        ("stream.boundaries", "hidden", "take told"),
        ("network.readout", "membrane_last", "take membrane_mean"),
    ],
)
def test_what_contradicts_is_refused_with_the_cure(name: str, value: object, cure: str) -> None:
    field = "network.kinds" if "kinds" in name else name
    said = rf"growth\.levels\.relay = 8 makes two levels, and {re.escape(field)} = .*: {cure}, or relay 0"
    with pytest.raises(ValueError, match=said):
        simulation(**{name: value})


def test_a_copy_needs_the_same_inputs() -> None:
    with pytest.raises(ValueError, match=r"fabric\.inputs = 'spread' leaves a copy .*: take every"):
        simulation(**{"growth.levels.begin": "copy", "fabric.inputs": "spread"})


def test_targets_at_steps_are_refused() -> None:
    changes = {
        "stream.name": "cognitive",
        "stream.cognitive.tasks": ("fdgo",),
        "stream.cognitive.trials": 32,
        "growth.reuse.by": "none",
    }
    with pytest.raises(ValueError, match="asks for targets at single steps"):
        simulation(**changes, **{"network.kinds": {}})


@pytest.mark.parametrize(("name", "value"), [("relay", 101), ("north", 95), ("south", 95)])
def test_parts_that_do_not_fit_are_refused(name: str, value: int) -> None:
    said = "this chip has no room for the first task on two levels: .*; raise fabric.neurons_per_tile or fabric.wires"
    with pytest.raises(ValueError, match=said):
        simulation(**{f"growth.levels.{name}": value})


@pytest.mark.parametrize(("name", "value"), [("relay", -1), ("north", 0), ("trial", 0), ("promise", 2.0)])
def test_options_have_bounds(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"growth\.levels\.{name} = {value}"):
        simulation(**{f"growth.levels.{name}": value})
