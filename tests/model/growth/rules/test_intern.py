from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import Proposal, every_target
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.intern import intern
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.value import predicted_decrease
from smalti.model.neuron import Dynamics, NetworkOptions

EXACT = NetworkOptions(precision="float64", surrogate_width=1.5)
POOL = GrowthOptions(pool=12)


def propose(signal: TileSignal, how: Dynamics, options: GrowthOptions = POOL, count: int = 12) -> Proposal:
    return intern(signal, count, options, how, np.random.default_rng(2))


def shown(made: Proposal) -> Tensor:
    """What interns climb: the decrease predicted on the samples they practise on."""
    return predicted_decrease(made.gradient[..., ::2], made.signal.loss[::2])


def test_practice_raises_what_is_shown_and_what_is_bid(site: Callable[..., Any]) -> None:
    """On the samples practised on nobody gets worse and many better; on the others the pool does."""
    practised, judged = [], []
    for seed in range(4):
        place = site(EXACT, seed, batch=64)
        signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
        start, made = propose(signal, how, replace(POOL, practice=0)), propose(signal, how)
        assert len(start.fan_in) == len(made.fan_in)
        practised.append((shown(start), shown(made)))
        judged.append(tuple(each.decrease(every_target(signal)) for each in (start, made)))
    before, after = (torch.cat(parts) for parts in zip(*practised, strict=True))
    assert (after.sort().values >= before.sort().values - 1e-12).all()  # as nobody gets worse
    assert after.mean() > 1.1 * before.mean()
    before, after = (torch.cat(parts) for parts in zip(*judged, strict=True))
    assert after.mean() > 1.03 * before.mean()


def test_they_bid_what_the_other_samples_say_best_first(site: Callable[..., Any]) -> None:
    place = site(EXACT, 1)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    made = propose(signal, how)
    bids = made.decrease(every_target(signal))
    assert made.seen
    assert torch.equal(bids, predicted_decrease(made.gradient, signal.loss, seen=True))
    assert (bids.diff() <= 0).all()
    assert torch.equal(propose(signal, how, count=3).fan_in, made.fan_in[:3])


def test_adjoints_of_the_judging_samples_shape_nobody(site: Callable[..., Any]) -> None:
    """Turned round there, they change the bids and with them the order, but no fan-in, not even its sign."""
    place = site(EXACT, 1)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    delta = signal.delta.clone()
    delta[:, :, 1::2] = -3 * delta[:, :, 1::2].flip(1)
    made, other = propose(signal, how), propose(replace(signal, delta=delta), how)
    assert len(made.fan_in) == len(other.fan_in) > 6
    assert sorted(made.fan_in.tolist()) == sorted(other.fan_in.tolist())
    assert not torch.equal(made.fan_in, other.fan_in)
    delta[:, :, ::2] = -delta[:, :, ::2].flip(1)
    assert sorted(made.fan_in.tolist()) != sorted(propose(replace(signal, delta=delta), how).fan_in.tolist())


def test_wires_that_are_not_worth_buying_stay_unbought(site: Callable[..., Any]) -> None:
    """A new wire that carries next to no power is cut before the practice, which does not bring it back."""
    place = site(EXACT, 1)
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    (bought,) = torch.nonzero(signal.new)[:1].flatten()
    covariance = signal.covariance.clone()
    covariance[bought, bought] = 1e-9
    made = propose(replace(signal, covariance=covariance), how)
    assert len(made.fan_in) > 6
    assert not made.fan_in[:, bought].any()
    assert made.fan_in[:, ~signal.new].any()
