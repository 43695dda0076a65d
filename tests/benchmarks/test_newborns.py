from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.newborns import jumps
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.scheduler.configuration.config import Config

MakeConfig = Callable[..., Config]


def test_the_loss_jumps_at_growth_with_variance_transfer_only(tiny: MakeConfig) -> None:
    config = tiny(growth={"births": 2})
    for newborns in (NewbornOptions(), NewbornOptions(rate=3.0), NewbornOptions(variance_transfer=True)):
        losses = jumps(replace(config, growth=replace(config.growth, newborns=newborns)))
        assert len(losses) > 2
        assert all((before != after) == newborns.variance_transfer for before, after in losses)
