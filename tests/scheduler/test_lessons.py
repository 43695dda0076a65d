from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from smalti.scheduler.config import Config
from smalti.scheduler.lessons import Shown, merged
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.training import train

MakeConfig = Callable[..., Config]


def test_single_minibatches_put_together_are_the_round(tiny: MakeConfig) -> None:
    summaries, weights = [], []
    for apart in (False, True):
        s = Simulation(tiny(network={"precision": "float64"}))
        s.tasks.begin()
        batches, expert, options = s.batches_of(s.experience), s.tasks.expert, s.config.training
        total = options.rounds * options.steps
        fixed = (expert, s.gating.running(expert), s.rehearsal)
        rest = s.config.growth.newborns, lambda *seen: None
        single = replace(options, rounds=total, steps=1)
        if apart:
            parts = [
                train(s.network, s.moments, Shown(*batches.training(n)), n, *fixed, single, *rest)
                for n in range(options.steps)
            ]
            summaries.append(merged(parts, s.network))
        else:
            summaries.append(train(s.network, s.moments, batches, 0, *fixed, options, *rest))
        weights.append(s.network.state.weight.detach().clone())
    assert torch.equal(*weights)
    whole, together = summaries
    for name in ("loss", "accuracy", "spikes_per_sample", "hop_spikes_per_sample", "operations", "learning_rate"):
        assert getattr(together, name) == pytest.approx(getattr(whole, name), rel=1e-12), name
    torch.testing.assert_close(together.counts[:, 0], whole.counts.mean(1))
    torch.testing.assert_close(together.heard, whole.heard)


def test_no_summary_at_all(tiny: MakeConfig) -> None:
    nothing = merged([], Simulation(tiny()).network)
    assert math.isnan(nothing.loss)
    assert nothing.operations == 0.0
    assert not nothing.counts.any()
