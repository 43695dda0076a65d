from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.growth.newborns.calibrate import calibrate
from smalti.model.growth.newborns.newborn import fan_in_gradient, fan_out_gradient, live
from smalti.model.growth.newborns.proposal import every_target, finish, propose
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.value import predicted_decrease
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64")


@pytest.fixture
def place(site: Callable[..., Any]) -> Any:
    return site(EXACT, seed=2)


def directions(signal: TileSignal, count: int = 8) -> Tensor:
    shape = (count, len(signal.sources))
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.2


def test_the_sign_with_the_larger_true_gradient_is_kept(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    options, drawn = GrowthOptions(), directions(signal)
    made = finish(signal, drawn, options, how)
    signs = []
    for k, fan_in in enumerate(made.fan_in):
        scale, spikes = calibrate(torch.stack([drawn[k], -drawn[k]]), signal.drive, options.target_rate, how)
        strength = fan_out_gradient(spikes, signal.delta).mean(2).norm(dim=1)
        best = int(strength.argmax())
        signs.append(best)
        torch.testing.assert_close(fan_in, (drawn[k], -drawn[k])[best] * scale[best])
        torch.testing.assert_close(made.gradient[k].mean(1).norm(), strength[best])
    assert len(made.fan_in) == 8
    assert set(signs) == {0, 1}


def test_rate_and_gradient_are_those_of_the_fan_in_given(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    made = finish(signal, directions(signal), GrowthOptions(), how)
    leak, membrane = float(how.leak), torch.zeros(8, signal.samples, dtype=torch.float64)
    spikes: list[Tensor] = []
    for t in range(len(signal.drive)):
        last = spikes[-1] if spikes else torch.zeros_like(membrane)
        membrane = leak * membrane - last + made.fan_in @ signal.drive[t]
        spikes.append((membrane >= 1).double())
    fired = torch.stack(spikes)
    torch.testing.assert_close(made.rate, fired.mean((0, 2)))
    torch.testing.assert_close(made.gradient, torch.einsum("tcb,tqb->cqb", fired, signal.delta))


def test_directions_that_cannot_fire_are_left_out(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    drawn = directions(signal, 3)
    drawn[1] = 0
    made = finish(signal, drawn, GrowthOptions(), how)
    assert made.fan_in.shape == (2, len(signal.sources))
    nobody = finish(signal, drawn[1:2], GrowthOptions(), how)
    assert nobody.fan_in.shape == (0, len(signal.sources))
    assert nobody.gradient.shape == (0, len(signal.targets), signal.samples)
    assert nobody.decrease(torch.ones(len(signal.targets), dtype=torch.bool)).shape == (0,)
    none = finish(signal, drawn[:0], GrowthOptions(), how)
    assert none.fan_in.shape == (0, len(signal.sources))


def test_new_taps_that_carry_less_than_their_share_are_cut_and_others_stay(place: Any) -> None:
    slot = place.free_slots()[0]
    signal, how = place.signal(slot, taps=0), place.network.newborn_dynamics()
    weak, strong = 2, 5
    new = torch.zeros(len(signal.sources), dtype=torch.bool)
    new[[weak, strong]] = True
    power = signal.covariance.diagonal().clone()
    power[[weak, strong]] = power[power > 0].mean()
    signal = replace(signal, new=new, covariance=torch.diag(power))
    drawn = torch.ones(1, len(signal.sources), dtype=torch.float64)
    drawn[0, weak], drawn[0, strong] = 0.5, 3.0
    made = finish(signal, drawn, GrowthOptions(), how)
    assert made.fan_in[0, weak] == 0
    assert (made.fan_in[0, ~signal.new] != 0).all()
    assert made.fan_in[0, strong] != 0
    old = replace(signal, new=torch.zeros_like(signal.new))
    assert (finish(old, drawn, GrowthOptions(), how).fan_in != 0).all()  # a row that is there costs nothing


def test_newborns_given_are_taken_as_they_are(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    fan_in, fan_out = directions(signal, 3), torch.full((3, len(signal.targets)), 0.5, dtype=torch.float64)
    fan_in[0, 1] = 0
    made = propose(signal, fan_in, fan_out, how)
    assert made.fan_in is fan_in
    assert made.fan_out is fan_out
    assert torch.equal(made.wired, fan_in != 0)
    assert torch.equal(propose(signal, fan_in, fan_out, how, signal.present.expand_as(fan_in)).wired[2], signal.present)
    spikes = live(fan_in, signal.drive, how)[1]
    assert torch.equal(made.rate, spikes.mean((0, 2)))
    assert torch.equal(made.gradient, fan_out_gradient(spikes, signal.delta))


def test_who_drives_somebody_is_worth_what_both_sides_could_learn(place: Any) -> None:
    """Fan-out onto the targets that are wired, and fan-in, as far as taps are wanted, through those targets alone."""
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    fan_out = torch.randn(4, len(signal.targets), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    wired = torch.arange(len(signal.sources)) % 3 > 0
    made = propose(signal, directions(signal, 4) * 0.3, fan_out, how, wired.expand(4, -1))
    some = torch.arange(len(signal.targets)) % 2 == 0
    membrane, spikes = live(made.fan_in, signal.drive, how)
    wanted = torch.einsum("cq,tqb->tcb", fan_out[:, some], signal.delta[:, some])
    into = fan_in_gradient(membrane, spikes, wanted, signal.drive, how)[:, wired]
    both = torch.cat([made.gradient[:, some], into], 1)
    torch.testing.assert_close(made.best_step(some), predicted_decrease(both, signal.loss))
    assert (made.best_step(some) - predicted_decrease(made.gradient[:, some], signal.loss)).abs().max() > 1e-3
    for worth in (made.best_step, made.decrease):
        assert worth(torch.zeros_like(some)).tolist() == [0] * 4


def test_who_hears_nobody_bids_what_the_gradient_of_its_fan_in_could_tell(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    fan_out = torch.randn(3, len(signal.targets), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    some = torch.arange(len(signal.targets)) % 2 == 0
    nothing = torch.zeros(3, len(signal.sources), dtype=torch.float64)
    asleep = propose(signal, nothing, fan_out, how, signal.present.expand(3, -1))
    awake = propose(signal, (fan_out * some) @ signal.moment, torch.zeros_like(fan_out), how)
    torch.testing.assert_close(asleep.decrease(some), awake.decrease(some))
    assert asleep.decrease(some).min() > 0


def test_the_best_come_first_and_of_equals_the_first(place: Any) -> None:
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    made = finish(signal, directions(signal, 5), GrowthOptions(), how)
    best = made.best(3, torch.tensor([1.0, 3.0, 2.0, 3.0, 0.0]))
    order = [1, 3, 2]
    for name in ("fan_in", "wired", "fan_out", "gradient", "rate"):
        assert torch.equal(getattr(best, name), getattr(made, name)[order])
    torch.testing.assert_close(best.decrease(every_target(signal)), made.decrease(every_target(signal))[order])
    assert len(made.best(9, made.rate).fan_in) == 5


def test_the_sign_is_chosen_by_the_samples_seen(place: Any) -> None:
    """Whatever the others want, and however much."""
    signal, how = place.signal(place.free_slots()[0], taps=0), place.network.newborn_dynamics()
    options, drawn = GrowthOptions(), directions(signal)
    delta, only_seen = signal.delta.clone(), signal.delta.clone()
    delta[..., 1::2] = 30 * torch.randn(delta[..., 1::2].shape, generator=torch.Generator().manual_seed(3)).double()
    only_seen[..., 1::2] = 0
    signal = replace(signal, delta=delta)
    made = [finish(signal, drawn, options, how, seen=seen) for seen in (False, True)]
    half = finish(replace(signal, delta=only_seen), drawn, options, how)
    assert torch.equal(made[1].fan_in, half.fan_in)
    assert not torch.equal(made[1].fan_in, made[0].fan_in)
    assert [each.seen for each in made] == [False, True]
    assert torch.equal(made[1].decrease(every_target(signal)), predicted_decrease(made[1].gradient, signal.loss, True))
