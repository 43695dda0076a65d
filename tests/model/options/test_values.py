from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.chip.fabric import FabricOptions
from smalti.model.growth.options import GrowthOptions
from smalti.model.optimiser import OptimiserOptions
from smalti.model.options.values import settle
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.learning.training import TrainingOptions
from smalti.scheduler.streams import StreamOptions


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (lambda: RunOptions(seed=np.int64(3)), RunOptions(seed=3)),
        (lambda: RunOptions(seed=np.array(3)), RunOptions(seed=3)),
        (lambda: RunOptions(quick=np.bool_(True)), RunOptions(quick=True)),
        (lambda: TrainingOptions(learning_rate=np.float64(0.5)), TrainingOptions(learning_rate=0.5)),
        (lambda: TrainingOptions(learning_rate=1), TrainingOptions(learning_rate=1.0)),
        (lambda: TrainingOptions(rounds=torch.tensor(2)), TrainingOptions(rounds=2)),
        (lambda: TrainingOptions(optimiser={"momentum": 0}), TrainingOptions(optimiser=OptimiserOptions(momentum=0.0))),
        (lambda: FabricOptions(rows=np.uint8(2), dead_tiles=[[0, 1]]), FabricOptions(rows=2, dead_tiles=((0, 1),))),
        (lambda: FabricOptions(dead_tiles=np.array([[0, 1]])), FabricOptions(dead_tiles=((0, 1),))),
        (lambda: StreamOptions(order=np.array([0, 1])), StreamOptions(order=(0, 1))),
        (lambda: StreamOptions(name=np.str_("mnist"), path=Path("here")), StreamOptions(name="mnist", path="here")),
        (lambda: Config(growth={"births": np.int32(2)}), Config(growth=GrowthOptions(births=2))),
    ],
)
def test_what_means_the_same_is_the_same(given: Callable[[], Any], same: Any) -> None:
    made = given()
    assert made == same
    assert repr(made) == repr(same)  # 1 is not 1.0
    assert dump(made) == dump(same)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: RunOptions(seed="3"), r"run\.seed = '3' must be a whole number"),
        (lambda: RunOptions(seed=3.0), r"run\.seed = 3\.0 must be a whole number"),
        (lambda: RunOptions(seed=True), r"run\.seed = True must be a whole number"),
        (lambda: RunOptions(quick=1), r"run\.quick = 1 must be true or false"),
        (lambda: RunOptions(imports="mylab"), r"run\.imports = 'mylab' must be a list, each item text"),
        (lambda: TrainingOptions(learning_rate=None), r"training\.learning_rate = None must be a number"),
        (lambda: TrainingOptions(learning_rate=np.array([0.1, 0.2])), r"training\.learning_rate = \[0\.1, 0\.2\] must"),
        (
            lambda: TrainingOptions(optimiser={"momentun": 0}),
            r"training\.optimiser\.momentun is unknown; did you mean",
        ),
        (lambda: TrainingOptions(optimiser="adam"), r"training\.optimiser = 'adam' must be a section"),
        (lambda: FabricOptions(dead_tiles=[0, 1]), r"fabric\.dead_tiles\[0\] = 0 must be a list of 2"),
        (lambda: StreamOptions(setting="clas"), r"stream\.setting = 'clas' is unknown; did you mean class\?"),
        (lambda: Config(growth=3), r"growth = 3 must be a section"),
        (lambda: Config(growth=StreamOptions()), r"growth = StreamOptions\(.*must be a section"),
    ],
)
def test_a_wrong_type_is_refused_by_the_name_of_its_field(given: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given()


def test_every_class_of_options_settles_its_values_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong type anywhere in a configuration is refused by its dotted name."""

    def check(options: Any, section: str) -> None:
        for field in fields(options):
            value, name = getattr(options, field.name), f"{section}.{field.name}".lstrip(".")
            with pytest.raises(ValueError, match=rf"^{name.replace('.', '[.]')} = <object"):
                type(options)(**{field.name: object()})
            if is_dataclass(value):
                check(value, name)

    check(Config(), "")


def test_what_is_right_already_is_left_alone() -> None:
    options = StreamOptions(order=(0, 1))
    before = options.order
    settle(options, "stream")
    assert options.order is before
