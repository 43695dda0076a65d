from __future__ import annotations

from collections.abc import Callable

import pytest

from smalti.model.chip.fabric import FabricError
from smalti.model.growth.rule import GrowthError
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"growth": {"rule": "gradmux"}}, r"growth\.rule = 'gradmux' is unknown; take one of random, random_raw,"),
        ({"stream": {"steps": 2}}, r"2 time steps are too few: a spike needs 3 .* stream\.steps or fewer fabric\.rows"),
        ({"fabric": {"neurons_per_tile": 2}}, r"2 classes need more output slots .* raise fabric\.neurons_per_tile"),
        ({"gating": {"experts": "shared"}, "fabric": {"neurons_per_tile": 4}}, "4 classes need more output slots"),
        (
            {"fabric": {"wires": 3}, "stream": {"pool": -1}},
            r"8 channels, the chip 6 north wires, and stream\.pool = -1",
        ),
        ({"network": {"device": "abacus"}}, r"network\.device = 'abacus' cannot be used here .*; cpu always can"),
        ({"network": {"readout": "spike_count"}}, r"make it larger than 1\.0, network\.threshold"),
        ({"stream": {"name": "cifar"}}, r"stream\.name = 'cifar' is unknown; take one of digits, mnist, fsdd, arrays"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_cure(
    tiny: MakeConfig, changes: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Simulation(tiny(**changes))


@pytest.mark.parametrize(
    ("rule", "width", "enough"),
    [("gradmax", 1.0, r"larger than 1\.0, .*gradmax_whitened"), ("primed", 0.3, "larger than 0.3")],
)
def test_a_rule_whose_newborns_could_never_learn_is_refused_before_anything_runs(
    tiny: MakeConfig, rule: str, width: float, enough: str
) -> None:
    with pytest.raises(GrowthError, match=rf"growth\.rule = '{rule}'.*surrogate_width = {width}.*make it {enough}"):
        Simulation(tiny(growth={"rule": rule}, network={"surrogate_width": width}))
    Simulation(tiny(growth={"rule": rule}, network={"surrogate_width": width + 0.01}))


def test_few_time_steps_are_warned_of(tiny: MakeConfig) -> None:
    with pytest.warns(UserWarning, match=r"11 time steps are few for 2 rows of tiles.* 12 or more \(stream\.steps\)"):
        Simulation(tiny(stream={"steps": 11}))


def test_an_unfit_chip_is_a_fabric_error(tiny: MakeConfig) -> None:
    with pytest.raises(FabricError):
        Simulation(tiny(stream={"steps": 2}))
