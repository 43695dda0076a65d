from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.growth.newborns.proposal import every_target
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.split import split
from smalti.model.growth.value import predicted_decrease
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64")


@pytest.fixture
def place(site: Callable[..., Any]) -> Any:
    return site(EXACT, seed=2)


def pair(place: Any, slots: list[int]) -> tuple[Any, list[Any]]:
    """A pair grafted into two slots of one tile."""
    how, generator = place.network.newborn_dynamics(), np.random.default_rng(0)
    made = split(place.signal(slots[0], taps=0), 3, GrowthOptions(), how, generator)
    opposite = replace(made, fan_out=-made.fan_out)
    return made, [place.bear(slot, one, 0)[0] for slot, one in zip(slots, (made, opposite), strict=True)]


def two_slots(place: Any) -> list[int]:
    """Free slots of one tile."""
    free = place.free_slots()
    return next([a, b] for a in free for b in free if a < b and a // 5 == b // 5)


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_what_a_pair_sends_cancels(site: Callable[..., Any], engine: str) -> None:
    place = site(replace(EXACT, engine=engine), seed=2)
    before = place.network.run(place.x, place.outputs)
    slots = two_slots(place)
    made, births = pair(place, slots)
    after = place.network.run(place.x, place.outputs)
    assert float(made.fan_out.abs().max()) > 0.1
    assert torch.equal(births[0].fan_out, -births[1].fan_out[: len(births[0].fan_out)])
    torch.testing.assert_close(after.membrane, before.membrane, rtol=0, atol=1e-12)
    assert torch.equal(after.counts[slots[0]], after.counts[slots[1]])
    assert after.counts[slots[0]].any()
    after.counts[slots] = before.counts[slots]
    assert torch.equal(after.counts, before.counts)


def test_fan_outs_have_the_usual_norm(place: Any) -> None:
    signal = place.signal(place.free_slots()[0], taps=0)
    made = split(signal, 3, GrowthOptions(), place.network.newborn_dynamics(), np.random.default_rng(0))
    assert made.paired
    norms = made.fan_out.norm(dim=1)
    torch.testing.assert_close(norms, torch.full_like(norms, signal.traces.norms.fan_out))


def test_a_pair_is_worth_what_all_its_weights_could_do(place: Any) -> None:
    """Both have the same gradients but for a sign: twice as many weights, the same best step."""
    signal = place.signal(place.free_slots()[0], taps=0)
    made = split(signal, 3, GrowthOptions(), place.network.newborn_dynamics(), np.random.default_rng(0))
    single = replace(made, paired=False)
    everybody = every_target(signal)
    torch.testing.assert_close(made.best_step(everybody), single.best_step(everybody))  # it does not depend on scale
    alone = predicted_decrease(made.gradient, signal.loss)
    assert not torch.allclose(single.best_step(everybody), alone)
