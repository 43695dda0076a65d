from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smalti.model.devices import TECHNOLOGIES, DevicesOptions
from smalti.model.devices.pair import Pair
from smalti.model.devices.programming import Programmer
from smalti.model.devices.stuck import OFF, ON, SOUND, stuck

COUNT = 100_000


def programmer(**options: object) -> Programmer:
    made = DevicesOptions(kind="mosaic", **options)  # type: ignore[arg-type]
    technology = TECHNOLOGIES["mosaic"](made)
    return Programmer(technology, Pair.of(made, technology), made)


def gaussian() -> Draw:
    generator = torch.Generator().manual_seed(0)
    return Draw(generator)


class Draw:
    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def __call__(self, count: int) -> Tensor:
        return torch.randn(2, count, dtype=torch.float64, generator=self.generator)


def test_verified_devices_have_a_truncated_gaussian_error_and_geometric_attempts() -> None:
    """Error N(0, 5^2) uS cut at 4 uS: p = erf(.8 / sqrt 2) is accepted, variance 25 (1 - 2 a phi(a) / p), a = .8.

    A pair is programmed until both of its devices are accepted: the mean of the larger of two geometric numbers is
    (3 - 2 p) / (p (2 - p)).
    """
    made = programmer(mosaic_noise=0.05 * math.sqrt(2), acceptance=0.04, attempts=100)
    target, largest = torch.full((2, COUNT), 50.0, dtype=torch.float64), torch.full((COUNT,), 100.0)
    programmed, attempts = made.verified(target, largest, None, gaussian())
    error, a = programmed - target, 0.8
    accepted = math.erf(a / math.sqrt(2))
    assert float(error.abs().max()) <= 4
    density = math.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)
    assert float(error.var()) == pytest.approx(25 * (1 - 2 * a * density / accepted), rel=0.01)
    assert float(attempts.double().mean()) == pytest.approx((3 - 2 * accepted) / (accepted * (2 - accepted)), rel=0.01)


def test_attempts_end() -> None:
    made = programmer(acceptance=1e-9, attempts=3)
    target = torch.full((2, 50), 50.0, dtype=torch.float64)
    assert made.verified(target, torch.full((50,), 100.0), None, gaussian())[1].tolist() == [3] * 50


def test_the_error_scales_and_vanishes() -> None:
    target, largest = torch.full((2, COUNT), 50.0, dtype=torch.float64), torch.full((COUNT,), 100.0)
    half = programmer(programming=0.5).once(target, largest, gaussian())
    whole = programmer().once(target, largest, gaussian())
    torch.testing.assert_close(2 * (half - target), whole - target)
    assert programmer(programming=0).once(target, largest, gaussian()) is target


def test_stuck_devices_have_the_ends_of_the_range_whatever_is_written() -> None:
    made = programmer(lowest=10, highest=60, programming=0)
    faults = torch.tensor([[ON, OFF, SOUND], [SOUND, SOUND, OFF]], dtype=torch.int8)
    programmed, _ = made.verified(torch.full((2, 3), 30.0), torch.full((3,), 50.0), faults, gaussian())
    assert programmed.tolist() == [[60, 10, 30], [30, 30, 10]]


def test_shares_of_stuck_devices_are_those_asked_for() -> None:
    flags = stuck(7, torch.arange(COUNT), 0.03, 0.1)
    for flag, share in ((ON, 0.03), (OFF, 0.1)):
        deviation = math.sqrt(share * (1 - share) / (2 * COUNT))
        assert float((flags == flag).double().mean()) == pytest.approx(share, abs=5 * deviation)
    both = float((flags != SOUND).all(0).double().mean())  # independent within a pair
    assert both == pytest.approx(0.13**2, abs=5 * math.sqrt(0.13**2 / COUNT))


def test_a_fault_belongs_to_its_place_and_seed() -> None:
    all_, some = torch.arange(1000), torch.tensor([3, 500, 999])
    assert torch.equal(stuck(1, all_, 0.2, 0.2)[:, some], stuck(1, some, 0.2, 0.2))
    assert not torch.equal(stuck(1, all_, 0.2, 0.2), stuck(2, all_, 0.2, 0.2))
    assert stuck(2**63 - 1, some, 0.5, 0.5).abs().min() == 1
