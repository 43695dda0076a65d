"""Options that would do nothing are refused, with the cure; the same options are taken where they do something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smalti.model.continual import METHODS, ContinualOptions
from smalti.model.growth.levels import LevelsOptions
from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.scores import SCORES

MakeConfig = Callable[..., Config]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"north": 8}, r"growth\.levels\.north = 8 belongs to two levels .* give the relay neurons, or .* default, 32"),
        ({"south": 8, "begin": "copy"}, r"south = 8, growth\.levels\.begin = 'copy' belong .* defaults, 16, 'random'"),
        ({"trial": 10}, r"growth\.levels\.trial = 10 belongs"),
        ({"promise": 0.5}, r"growth\.levels\.promise = 0\.5 belongs"),
        ({"bids": "trial"}, r"growth\.levels\.bids = 'trial' belongs"),
    ],
)
def test_options_of_two_levels_need_a_relay(tiny: MakeConfig, levels: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Simulation(tiny(growth={"levels": LevelsOptions(**levels)}))


@pytest.mark.parametrize("heal", ["none", "relay"])
@pytest.mark.parametrize(("name", "value", "usual"), [("practice", 5, "0"), ("tolerance", 0.5, "0.01")])
def test_options_of_repairs_need_repairs(tiny: MakeConfig, heal: str, name: str, value: float, usual: str) -> None:
    faults = {"row_share": 0.1, "at_round": 3, "heal": heal, name: value}
    said = rf"faults\.{name} = {value} is for repairs .* faults\.heal = '{heal}' has none: .*, or {name} {usual}"
    with pytest.raises(ValueError, match=said):
        Simulation(tiny(faults=faults))
    Simulation(tiny(faults={**faults, "heal": "auction"}))


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.holds])
def test_methods_that_hold_old_tasks_need_devices_that_others_train(tiny: MakeConfig, method: str) -> None:
    training = {"continual": ContinualOptions(method=method)}
    with pytest.raises(ValueError, match=rf"method = '{method}' .* which nobody else trains: set gating\.experts = 's"):
        Simulation(tiny(training=training))
    with pytest.raises(ValueError, match=r"gating\.protect freezes those of the others"):
        Simulation(tiny(training=training, gating={"trunk": True}))
    Simulation(tiny(training=training, gating={"trunk": True, "protect": False}))
    Simulation(tiny(training=training, gating={"taps": True, "stiffness": 1.0}))
    Simulation(tiny(training=training, gating={"experts": "shared"}))
    Simulation(tiny(training=training, stream={"returns": 1}))


def test_methods_that_hold_are_those_that_recall_nothing() -> None:
    assert {name for name, method in METHODS.items() if method.holds} == {"ewc", "ewc_online", "si", "lwf", "hlop"}


ABOVE: list[tuple[str, dict[str, Any]]] = [
    ("growth.give_back", {"give_back": 1.5}),
    ("growth.enough_score", {"enough_score": 1.5}),
    ("growth.reuse.enough", {"reuse": ReuseOptions(by="readout", enough=1.5)}),
]


@pytest.mark.parametrize(("name", "growth"), ABOVE)
def test_no_score_is_asked_for_that_nobody_can_have(tiny: MakeConfig, name: str, growth: dict[str, Any]) -> None:
    said = rf"{name.replace('.', '[.]')} = 1\.5 is more than any score, for 'right' is 1 at most: give 0 to 1"
    with pytest.raises(ValueError, match=said):
        Simulation(tiny(growth=growth))


@pytest.mark.parametrize(("name", "growth"), ABOVE)
def test_scores_of_plug_ins_may_be_above_1(
    tiny: MakeConfig,
    timed: Callable[..., memory.Data],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    growth: dict[str, Any],
) -> None:
    def asked(score: str) -> Simulation:
        return Simulation(tiny(growth=growth, stream={"score": score, "steps": 14, "path": ""}), data=timed())

    monkeypatch.setitem(SCORES, "bits", lambda outputs, targets, weights: 8.0)
    assert asked("bits").stream.readout is not None
    with pytest.raises(ValueError, match=rf"{name.replace('.', '[.]')} = 1\.5 .* for 'r2' is 1 at most"):
        asked("r2")
