"""What every growth rule promises, asked of each entry of ``GROWTH_RULES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.grafting.graft import retire
from smalti.model.growth.newborns.proposal import Proposal, every_target
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rule import EXACTLY, GrowthError
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.signal import TileSignal
from smalti.model.network import Network
from smalti.model.neuron import Dynamics, NetworkOptions

WIDE = NetworkOptions(surrogate_width=1.5)  # every rule can work with it
ZERO_FAN_OUT = [name for name, rule in GROWTH_RULES.items() if rule.keeps == EXACTLY]
DRAWING = {"random", "random_raw", "random_uniform", "mixed", "candidates", "firefly", "split", "intern", "local"}
STEPS, BATCH = 12, 8
Hand = Callable[..., TileSignal]


class ThroughReset(NetworkOptions):
    """Gradients pass through the reset."""

    reset_gradient: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("engine", "reset", "reset_gradient", "surrogate"),
    list(product(("dense", "events"), ("soft", "hard"), (False, True), ("triangle", "fast_sigmoid"))),
)
def test_predicted_gradients_of_fan_outs_of_zero_are_autograds_after_the_graft(
    site: Callable[..., Any],
    engine: Literal["dense", "events"],
    reset: Literal["soft", "hard"],
    reset_gradient: bool,
    surrogate: Literal["triangle", "fast_sigmoid"],
) -> None:
    """Through time, recurrence and the newborn's own resets, for every rule that keeps the function exactly."""
    options = (ThroughReset if reset_gradient else NetworkOptions)(
        precision="float64",
        engine=engine,
        reset=reset,
        surrogate=surrogate,
        readout="spike_count" if reset_gradient else "membrane_mean",
        surrogate_width=1.1,
    )
    place = site(options, seed=2)
    slot = place.free_slots()[1]
    signal, how = place.signal(slot, taps=1), place.network.newborn_dynamics()
    for rule in ZERO_FAN_OUT:
        made = GROWTH_RULES[rule].propose(signal, 2, GrowthOptions(pool=6), how, np.random.default_rng(3))
        birth, driven = place.bear(slot, made, 0)
        _, found = place.gradients(birth)
        torch.testing.assert_close(found, made.gradient[0, driven].mean(1), rtol=0, atol=1e-10, msg=rule)
        assert len(found) > 5
        assert found.abs().max() > 1e-3
        fired = place.network.run(place.x, place.outputs).counts[slot].detach().sum() / place.x[..., 0].numel()
        assert float(fired) == pytest.approx(float(made.rate[0]))
        retire(place.network, slot, place.moments)


def spikes(wires: int, seed: int = 0) -> Tensor:
    return (torch.rand(STEPS, wires, BATCH, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def adjoints(targets: int, seed: int = 1) -> Tensor:
    return torch.randn(STEPS, targets, BATCH, generator=torch.Generator().manual_seed(seed))


CASES: dict[str, tuple[Tensor, Tensor, dict[str, Any]]] = {
    "ordinary": (spikes(6), adjoints(4), {}),
    "no adjoints, M of rank 0": (spikes(6), adjoints(4) * 0, {}),
    "no targets": (spikes(6), adjoints(0), {}),
    "one target": (spikes(6), adjoints(1), {}),
    "a single wire": (spikes(1), adjoints(4), {}),
    "a single wire, one target": (spikes(1), adjoints(1), {}),
    "all sources silent": (spikes(6) * 0, adjoints(4), {}),
    "one source is not silent": (spikes(6) * torch.eye(6)[2][:, None], adjoints(4), {}),
    "wires that always spike": (spikes(6) * 0 + 1, adjoints(4), {}),
    "wires all to be bought": (spikes(6), adjoints(4), {"new": torch.ones(6, dtype=torch.bool)}),
    "targets that hear all": (spikes(6), adjoints(4), {"heard": torch.ones(4, 6, dtype=torch.bool)}),
    "an adjoint in one sample": (spikes(6), adjoints(4) * torch.eye(BATCH)[5], {}),
    "small adjoints": (spikes(6), adjoints(4) * 1e-25, {}),
    "large adjoints": (spikes(6), adjoints(4) * 1e12, {}),
}


@pytest.fixture(scope="module")
def how() -> Dynamics:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, WIDE).newborn_dynamics()


@pytest.mark.parametrize("rule", GROWTH_RULES)
@pytest.mark.parametrize("case", CASES)
def test_degenerate_signals_give_numbers_or_nobody(by_hand: Hand, how: Dynamics, rule: str, case: str) -> None:
    """More newborns are asked for than M has ranks and the pool newborns."""
    drive, adjoint, more = CASES[case]
    signal = by_hand(drive, adjoint, **more)
    made = GROWTH_RULES[rule].propose(signal, 9, GrowthOptions(pool=3), how, np.random.default_rng(0))
    check(made, signal, 9)
    if case == "ordinary":
        assert len(made.fan_in) >= 2
        assert float(made.decrease(every_target(signal)).max()) > 0 or rule == "random_uniform"
    if case == "all sources silent":
        assert not made.rate.any()
        assert not len(made.fan_in) or rule in ("random_raw", "random_uniform")
    if case == "no adjoints, M of rank 0":
        assert not len(made.fan_in) or rule in DRAWING
        assert not made.decrease(every_target(signal)).any()


def check(made: Proposal, signal: TileSignal, most: int) -> None:
    """Shapes are as documented, nothing is NaN or infinite, and values are decreases."""
    count, (sources, targets) = len(made.fan_in), (len(signal.sources), len(signal.targets))
    assert count <= most
    shapes = {
        "fan_in": (count, sources),
        "wired": (count, sources),
        "fan_out": (count, targets),
        "gradient": (count, targets, BATCH),
        "rate": (count,),
    }
    for name, shape in shapes.items():
        part = getattr(made, name)
        assert part.shape == shape, name
        assert torch.isfinite(part).all(), name
    assert made.wired.dtype == torch.bool
    assert not made.fan_in[~made.wired].any()
    assert made.fan_in.dtype == made.fan_out.dtype == signal.drive.dtype
    assert made.wired.any(1).all() or not signal.drive.any()  # whoever hears nobody could never fire
    for wired in (every_target(signal), torch.arange(targets) % 2 == 0, torch.zeros(targets, dtype=torch.bool)):
        value = made.decrease(wired)
        assert value.shape == (count,)
        assert torch.isfinite(value).all()
        assert (value >= 0).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_adjoints_that_are_no_numbers_raise_naming_the_tile(
    by_hand: Hand, how: Dynamics, rule: str, bad: float
) -> None:
    adjoint = adjoints(4)
    adjoint[5, 2, 3] = bad
    with pytest.raises(FloatingPointError, match="growth signal of tile 3 is not finite"):
        GROWTH_RULES[rule].propose(by_hand(spikes(6), adjoint), 2, GrowthOptions(pool=4), how, np.random.default_rng(0))


@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_the_same_numbers_give_the_same_newborns_and_others_others(by_hand: Hand, how: Dynamics, rule: str) -> None:
    signal = by_hand(spikes(9), adjoints(4))
    made = [
        GROWTH_RULES[rule].propose(signal, 3, GrowthOptions(pool=8), how, np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    for name in ("fan_in", "wired", "fan_out", "gradient", "rate"):
        assert torch.equal(getattr(made[0], name), getattr(made[1], name))
    same = torch.equal(made[0].fan_in, made[2].fan_in)
    assert same == (rule not in DRAWING)


@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_the_signal_is_left_alone(by_hand: Hand, how: Dynamics, rule: str) -> None:
    signal = by_hand(spikes(6), adjoints(4), heard=torch.ones(4, 6, dtype=torch.bool))
    tensors = [field.name for field in fields(signal) if isinstance(getattr(signal, field.name), Tensor)]
    before = {name: getattr(signal, name).clone() for name in tensors}
    made = GROWTH_RULES[rule].propose(signal, 3, GrowthOptions(pool=4), how, np.random.default_rng(0))
    made.decrease(every_target(signal))
    assert {"drive", "delta", "moment", "covariance"} <= set(before)
    assert all(torch.equal(getattr(signal, name), part) for name, part in before.items())


def test_entries_say_what_a_user_should_know_and_refuse_in_a_sentence() -> None:
    for rule in GROWTH_RULES.values():
        assert all((rule.needs, rule.cost, rule.keeps))
        assert rule.refusal(WIDE) == ""
    narrow = replace(WIDE, surrogate_width=0.1)
    refused = {name: rule.refusal(narrow) for name, rule in GROWTH_RULES.items() if rule.refusal(narrow)}
    assert set(refused) == {"gradmax", "primed"}
    for name, sentence in refused.items():
        assert sentence.startswith(f"growth.rule = '{name}' ")
        assert "make it larger than" in sentence
        assert "\n" not in sentence
    assert issubclass(GrowthError, ValueError)
