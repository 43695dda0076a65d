from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.local import local
from smalti.model.growth.signal import TileSignal
from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.neuron import Dynamics, NetworkOptions

module = importlib.import_module("smalti.model.growth.rules.local")  # its function has the same name
STEPS, BATCH = 40, 4
Hand = Callable[..., TileSignal]
EXACT = NetworkOptions(precision="float64", tau_ms=5.0)


class First(np.random.Generator):
    """No noise, and everybody begins with the first source."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def normal(self, *_: Any, size: Any, **__: Any) -> Any:
        return np.zeros(size)

    def choice(self, *arguments: Any, **_: Any) -> Any:
        return np.zeros(arguments[1], dtype=np.int64)


@pytest.fixture(scope="module")
def how() -> Dynamics:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, EXACT).newborn_dynamics()


def trains(*times: tuple[int, ...]) -> Tensor:
    """Wires that spike at these steps in every sample [T, P, B]."""
    drive = torch.zeros(STEPS, len(times), BATCH, dtype=torch.float64)
    for wire, at in enumerate(times):
        drive[list(at), wire] = 1
    return drive


def sources(
    by_hand: Hand, how: Dynamics, drive: Tensor, distance: list[float] | None = None, rate: float = 2 / STEPS
) -> set[int]:
    """Whom a newborn hears that begins with wire 0."""
    near = None if distance is None else torch.tensor(distance, dtype=torch.float64)
    signal = by_hand(drive, torch.zeros(STEPS, 1, BATCH, dtype=torch.float64), EXACT.leak, distance=near)
    made = local(signal, 1, GrowthOptions(target_rate=rate), how, First())
    assert len(made.fan_in) == 1
    weights = made.fan_in[0][made.wired[0]]
    assert (weights > 0).all()
    assert torch.equal(weights, weights[:1].expand_as(weights))  # all equal
    return set(torch.nonzero(made.wired[0]).flatten().tolist())


BODY, BEFORE, AFTER, LONG_BEFORE = (10, 30), (9, 29), (11, 31), (5, 25)


def test_of_sources_equally_near_the_one_that_fires_before_the_body_is_taken(
    by_hand: Hand, how: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONES", 2)
    assert sources(by_hand, how, trains(BODY, BEFORE, AFTER)) == {0, 1}
    assert sources(by_hand, how, trains(BODY, AFTER, BEFORE)) == {0, 2}
    assert sources(by_hand, how, trains(BODY, LONG_BEFORE, BEFORE)) == {0, 2}
    assert sources(by_hand, how, trains(BODY, BODY, LONG_BEFORE)) == {0, 2}  # at the same step is not before


def test_of_sources_that_fire_alike_the_nearer_is_taken(
    by_hand: Hand, how: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONES", 2)
    assert sources(by_hand, how, trains(BODY, BEFORE, BEFORE), [1, 2, 3]) == {0, 1}
    assert sources(by_hand, how, trains(BODY, BEFORE, BEFORE), [1, 3, 2]) == {0, 2}
    later = (8, 28)  # exp(-1 / 5) of the attraction: distance 1 against 1.3 is enough to win
    assert sources(by_hand, how, trains(BODY, BEFORE, later), [1, 1.3, 1]) == {0, 2}
    assert sources(by_hand, how, trains(BODY, BEFORE, later), [1, 1.1, 1]) == {0, 1}


def test_attraction_is_a_sum_over_spikes_that_decays_with_time(
    by_hand: Hand, how: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two spikes two and three steps before weigh a^2 + a^3 = 1.22 and win against one a step before, a = .82."""
    monkeypatch.setattr(module, "CONES", 2)
    twice = (7, 8, 27, 28)
    assert EXACT.leak**2 + EXACT.leak**3 == pytest.approx(1.219, abs=1e-3)
    assert sources(by_hand, how, trains(BODY, BEFORE, twice)) == {0, 2}
    assert sources(by_hand, how, trains(BODY, BEFORE, twice), [1, 1, 1.6]) == {0, 1}


def test_a_source_that_is_connected_is_not_taken_again(by_hand: Hand, how: Dynamics) -> None:
    """Wire 0 fires before its own body too, most of all; six cones still find the others, one each."""
    often = (9, 10, 29, 30)
    assert sources(by_hand, how, trains(often, BEFORE, (7, 27), (6, 26))) == {0, 1, 2, 3}


def test_a_slow_synapse_looks_back_by_its_own_response(by_hand: Hand) -> None:
    """What a spike at t = 3 has left later is h[d] = (a^(d+1) - k^(d+1)) / (a - k), nothing of it at t = 3 itself."""
    signal = by_hand(trains((3,)), torch.zeros(STEPS, 1, BATCH, dtype=torch.float64), 0.9)
    slow = replace(signal, traces=signal.traces.of(Cell(0, 0.9, synapse=0.6)))
    later = torch.arange(1, STEPS - 3, dtype=torch.float64) + 1
    for found, expected in (
        (module._before(slow), (0.9**later - 0.6**later) / 0.3),
        (module._before(signal), 0.9 ** (later - 1)),
    ):
        assert not found[:4].any()
        torch.testing.assert_close(found[4:, 0, 0], expected, rtol=0, atol=1e-12)


def test_cones_stop_where_nobody_has_fired_before(by_hand: Hand, how: Dynamics) -> None:
    assert sources(by_hand, how, trains(BODY, BEFORE, ())) == {0, 1}
    assert sources(by_hand, how, trains(BODY[:1], (20,)), rate=1 / STEPS) == {0}
    many = trains(*[(k, k + 20) for k in range(2, 12)])
    assert len(sources(by_hand, how, many)) == module.CONES


def test_the_first_source_is_drawn_by_how_often_it_fires(
    by_hand: Hand, how: Dynamics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONES", 1)
    drive = trains((3, 13, 23), (), tuple(range(0, 36, 4)))
    signal = by_hand(drive, torch.zeros(STEPS, 1, BATCH, dtype=torch.float64), EXACT.leak)
    made = local(signal, 1000, GrowthOptions(target_rate=0.05), how, np.random.default_rng(0))
    assert made.wired.sum(1).tolist() == [1] * 1000
    assert made.wired.double().mean(0).tolist() == pytest.approx([0.25, 0, 0.75], abs=0.05)


def test_no_error_signal_is_used(site: Callable[..., Any]) -> None:
    """Other adjoints, or none, change neither the fan-ins nor their order nor their sign."""
    place = site(NetworkOptions(precision="float64"), 2)
    signal, dynamics = place.signal(place.free_slots()[0]), place.network.newborn_dynamics()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(signal.delta.shape, generator=generator, dtype=torch.float64)
    made = [
        local(replace(signal, delta=delta, moment=moment), 6, GrowthOptions(), dynamics, np.random.default_rng(5))
        for delta, moment in (
            (signal.delta, signal.moment),
            (-signal.delta, -signal.moment),
            (noise, signal.moment.flip(0)),
            (noise * 0, signal.moment * 0),
        )
    ]
    assert len(made[0].fan_in) == 6
    assert len({tuple(row) for row in made[0].wired.tolist()}) > 1
    assert (made[0].fan_in >= 0).all()
    for other in made[1:]:
        assert torch.equal(other.fan_in, made[0].fan_in)
        assert torch.equal(other.rate, made[0].rate)
