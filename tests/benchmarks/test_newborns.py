from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.newborns import DECAYS, SWITCHES, Options, jumps, raised
from smalti.scheduler.config import Config
from smalti.scheduler.config_io import differences

MakeConfig = Callable[..., Config]


def test_every_condition_changes_what_its_name_says_and_nothing_else() -> None:
    found = raised("joint")
    assert len(found) == len(SWITCHES) + len(DECAYS)
    usual, settings = found["joint, usual"]
    assert settings == ("joint",)
    changed = {name.removeprefix("joint, "): set(differences(config, usual)) for name, (config, _) in found.items()}
    assert changed["usual"] == set()
    assert changed["rate x 3 for 100 steps"] == {"growth.newborns.rate", "growth.newborns.youth"}
    assert changed["variance transfer"] == {"growth.newborns.variance_transfer"}
    assert changed["decay .1 guard 60"] == {"training.optimiser.weight_decay", "training.optimiser.guard"}
    with pytest.raises(ValueError, match="--streams fsdd is unknown; take some of split, joint"):
        Options(streams=("fsdd",))


def test_the_loss_jumps_at_growth_with_variance_transfer_only(tiny: MakeConfig) -> None:
    config = tiny(growth={"births": 2})
    for name in ("usual", "rate x 3", "variance transfer"):
        losses = jumps(replace(config, growth=replace(config.growth, newborns=SWITCHES[name])))
        assert len(losses) > 2
        assert all((before != after) == (name == "variance transfer") for before, after in losses)
