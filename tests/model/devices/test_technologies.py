"""Moments of programming, drift and reading of every technology against its equations, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smalti.model.devices import TECHNOLOGIES, DevicesOptions, Technology
from smalti.model.devices.technologies.pcm import exponent
from smalti.model.devices.technologies.reram_wan import spread

DRAWS = 200_000
DAY = 86400.0
DOUBLE = torch.float64


def technology(kind: str, **options: object) -> Technology:
    return TECHNOLOGIES[kind](DevicesOptions(kind=kind, **options))  # type: ignore[arg-type]


def draws(seed: int = 0) -> Tensor:
    return torch.randn(2, DRAWS, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def all_at(value: float) -> Tensor:
    return torch.full((2, DRAWS), value, dtype=DOUBLE)


def aged(seconds: float) -> Tensor:
    return torch.full((DRAWS,), seconds, dtype=DOUBLE)


def moments(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def close(found: tuple[float, float], mean: float, deviation: float) -> None:
    """Within five standard errors of both."""
    count = 2 * DRAWS
    assert abs(found[0] - mean) < 5 * deviation / math.sqrt(count) + 1e-12
    assert abs(found[1] - deviation) < 5 * deviation / math.sqrt(2 * count) + 1e-12


def test_ideal_devices_are_what_was_written() -> None:
    ideal, target = technology("ideal"), all_at(30.0)
    assert ideal.programmed(target, aged(100), draws()) is target
    assert ideal.drifted(target, target, aged(1e9), draws()) is target
    assert ideal.reading(target, aged(1)) is None


def test_mosaic_has_the_same_gaussian_error_whatever_the_weight() -> None:
    """Each device s max / sqrt 2, so the difference of the two s max."""
    mosaic = technology("mosaic", mosaic_noise=0.1)
    for target in (0.0, 70.0):
        programmed = mosaic.programmed(all_at(target), aged(80.0), draws())
        close(moments(programmed), target, 0.1 * 80 / math.sqrt(2))
        assert float((programmed[0] - programmed[1]).std()) == pytest.approx(8.0, rel=0.01)
    assert mosaic.reading(programmed, aged(1)) is None
    assert mosaic.drifted(programmed, programmed, aged(DAY), draws()) is programmed


@pytest.mark.parametrize(("target", "second", "day"), [(10.0, 2.25826953, 3.72075781), (20.0, 2.0229375, 3.909)])
def test_reram_wan_spreads_by_its_polynomials(target: float, second: float, day: float) -> None:
    """Added up by hand at x = 1/4 and 1/2: .348 + 16.03/4 - 43.853/16 + 45.393/64 - 16.815/256."""
    wan = technology("reram_wan")
    assert polynomial(target / 40, (0.348, 16.030, -43.853, 45.393, -16.815)) == pytest.approx(second, abs=1e-6)
    programmed = wan.programmed(all_at(target), aged(40.0), draws())
    close(moments(programmed), target, second)
    close(moments(wan.drifted(all_at(target), programmed, aged(DAY), draws(1))), target, day)
    close(moments(wan.drifted(all_at(target), programmed, aged(0.5), draws(1))), target, second)
    reading = wan.reading(programmed, aged(1))
    assert reading is not None
    assert float(reading[0, 0]) == pytest.approx(0.4 / math.sqrt(2))


def polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    return sum(c * x**k for k, c in enumerate(coefficients))


def test_reram_wan_is_linear_in_the_logarithm_of_time_and_then_stays() -> None:
    target = torch.full((2, 1), 20.0, dtype=DOUBLE)

    def at(seconds: float) -> float:
        return float(spread(target, torch.tensor([seconds], dtype=DOUBLE))[0, 0])

    assert at(math.sqrt(DAY)) ** 2 == pytest.approx((at(1) ** 2 + at(DAY) ** 2) / 2)
    two_days = polynomial(0.5, (0.782, 20.274, -43.507, 37.062, -11.934))
    assert at(2 * DAY) == pytest.approx(two_days)
    assert at(3650 * DAY) == at(2 * DAY)


def test_reram_wan_has_no_negative_conductances() -> None:
    wan = technology("reram_wan")
    programmed = wan.programmed(all_at(0.0), aged(40.0), draws())
    assert float(programmed.min()) == 0
    assert float(wan.drifted(all_at(0.0), programmed, aged(DAY), draws(1)).min()) == 0


@pytest.mark.parametrize(("acceptance", "error"), [(2.0, 0.5757324), (0.2, 0.0542506)])
def test_reram_cmo_falls_and_spreads_with_the_logarithm_of_time(acceptance: float, error: float) -> None:
    """At 50 uS: .01129027418 x 50 + .0112185391 and .00106879 x 50 + .00081107."""
    cmo, seconds = technology("reram_cmo", cmo_acceptance=acceptance), 3600.0
    programmed = cmo.programmed(all_at(50.0), aged(82.0), draws())
    close(moments(programmed), 50.0, error)
    drift = 0.04201137 * math.log(seconds) + 0.41183342
    moved = cmo.drifted(all_at(50.0), programmed, aged(seconds), draws(1))
    close(moments(moved), 50 - 0.08900206 * math.log(seconds), math.hypot(error, drift))
    assert torch.equal(cmo.drifted(all_at(50.0), programmed, aged(0.5), draws(1)), programmed)
    reading = cmo.reading(all_at(50.0), aged(seconds))
    assert reading is not None
    expected = 0.0277316483 * math.log10(50) * math.sqrt(math.log((seconds + 1e-6) / 2e-6))
    assert float(reading[0, 0]) == pytest.approx(expected)


def test_reram_cmo_drifts_within_its_range() -> None:
    cmo = technology("reram_cmo")
    for end in (8.0, 90.0):
        moved = cmo.drifted(all_at(end), all_at(end), aged(1e6), draws())
        assert 8 <= float(moved.min()) <= float(moved.max()) <= 90


def test_pcm_errs_by_its_polynomial() -> None:
    """At half of 25 uS: .26348 + 1.9650 / 2 - 1.1731 / 4 = .952705."""
    close(moments(technology("pcm").programmed(all_at(12.5), aged(25.0), draws())), 12.5, 0.952705)


def test_pcm_falls_by_a_power_of_time_with_an_exponent_of_its_own() -> None:
    pcm, age = technology("pcm"), DAY
    mean = 0.049  # -.0155 ln(1/2) + .0244 = .0351 is clipped
    deviation = 0.008  # -.0125 ln(1/2) - .0059 = .0028 is clipped
    close(moments(exponent(all_at(12.5), draws())), mean, deviation)
    moved = pcm.drifted(all_at(12.5), all_at(12.0), aged(age), draws())
    exponents = (12.0 / moved).log() / math.log((age + 20) / 20)
    close(moments(exponents), mean, deviation)
    small = exponent(all_at(0.25), torch.zeros(2, DRAWS, dtype=DOUBLE))  # x = .01: -.0155 ln x + .0244 = .09578
    assert float(small[0, 0]) == pytest.approx(0.0957801, abs=1e-6)


def test_pcm_reads_with_1_f_noise() -> None:
    pcm, age = technology("pcm"), 3600.0
    reading = pcm.reading(all_at(12.5), aged(age))
    assert reading is not None
    share = 0.0088 / 0.5**0.65
    assert float(reading[0, 0]) == pytest.approx(12.5 * share * math.sqrt(math.log((age + 20 + 250e-9) / 500e-9)))
    weak = pcm.reading(all_at(0.025), aged(age))
    assert weak is not None
    assert float(weak[0, 0]) == pytest.approx(0.025 * 0.2 * math.sqrt(math.log((age + 20 + 250e-9) / 500e-9)))


@pytest.mark.parametrize("kind", [kind for kind in TECHNOLOGIES if kind != "measured"])
def test_a_technology_keeps_type_and_shape_and_changes_nothing_that_it_is_given(kind: str) -> None:
    made = technology(kind)
    target = torch.linspace(made.lowest, made.highest, 12).reshape(2, 6)
    largest, age, draw = (
        torch.full((6,), made.highest - made.lowest),
        torch.full((6,), DAY, dtype=DOUBLE),
        torch.ones(2, 6),
    )
    given = [values.clone() for values in (target, largest, age, draw)]
    programmed = made.programmed(target, largest, draw)
    drifted = made.drifted(target, programmed, age, draw)
    reading = made.reading(drifted, age)
    for values in (programmed, drifted, *([] if reading is None else [reading])):
        assert (values.shape, values.dtype) == (target.shape, target.dtype)
        assert bool(values.isfinite().all())
    assert all(torch.equal(a, b) for a, b in zip(given, (target, largest, age, draw), strict=True))
