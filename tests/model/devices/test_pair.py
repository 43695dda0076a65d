from __future__ import annotations

import pytest
import torch

from smalti.model.devices import TECHNOLOGIES, DevicesOptions
from smalti.model.devices.pair import Pair

WEIGHTS = torch.tensor([-2.0, -0.5, 0.0, 0.3, 2.0], dtype=torch.float64)


def pair(kind: str = "reram_cmo", **options: object) -> Pair:
    made = DevicesOptions(kind=kind, **options)  # type: ignore[arg-type]
    return Pair.of(made, TECHNOLOGIES[kind](made))


def test_a_weight_is_the_difference_of_two_conductances() -> None:
    """Of 8 to 90 uS a weight of -.5 of 2 takes a quarter of the span, on the negative device."""
    conductances = pair().conductances(WEIGHTS, 2.0)
    assert conductances[:, 1].tolist() == [8.0, 8 + 82 / 4]
    assert conductances[:, 2].tolist() == [8.0, 8.0]
    assert conductances[:, 4].tolist() == [90.0, 8.0]
    torch.testing.assert_close(pair().weights(conductances, 2.0), WEIGHTS)


def test_a_range_of_ones_own_lies_within_the_technologys() -> None:
    ends = pair(lowest=10, highest=50).conductances(WEIGHTS, 2.0).aminmax()
    assert [float(end) for end in ends] == [10, 50]
    with pytest.raises(ValueError, match=r"go beyond 8 to 90 uS, .*'reram_cmo': stay within it, or set both to 0"):
        pair(lowest=0, highest=50)


@pytest.mark.parametrize(("levels", "steps"), [(2, 1), (5, 4), (1 << 16, (1 << 16) - 1)])
def test_levels_are_even_and_the_nearest_is_taken(levels: int, steps: int) -> None:
    weights = torch.linspace(-1, 1, 101, dtype=torch.float64)
    rounded = pair("ideal", levels=levels)
    found = rounded.weights(rounded.conductances(weights, 1.0), 1.0)
    expected = torch.sign(weights) * (weights.abs() * steps).round() / steps
    torch.testing.assert_close(found, expected)
    assert float((found - weights).abs().max()) <= 0.5 / steps + 1e-12


def test_a_smaller_negative_device_holds_smaller_negative_weights() -> None:
    half = pair("ideal", negative_share=0.5, levels=4)
    assert half.clipped(torch.tensor([-3.0, -1.0, 3.0]), 2.0).tolist() == [-1.0, -1.0, 2.0]
    found = half.weights(half.conductances(torch.tensor([-1.0]), 2.0), 2.0)  # levels at 0, 1/3, 2/3 and 1 of 2
    assert found.tolist() == pytest.approx([-2 / 3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 50, "highest": 10}, "devices.lowest = 50.0 is not below devices.highest = 10.0: swap them"),
        ({"lowest": 5}, "devices.lowest = 5.0 is not below devices.highest = 0.0: swap them"),
        ({"levels": (1 << 16) + 1}, "devices.levels = 65537 must not be negative, nor above 65,536"),
        ({"levels": 1}, "devices.levels = 1 tells no weights apart: give 2 or more"),
        ({"stuck_on": 0.6, "stuck_off": 0.6}, "are more than all devices: lower one of them"),
        ({"cmo_acceptance": 1}, "devices.cmo_acceptance = 1.0 was not characterised: take 2 or 0.2"),
        ({"kind": "measured"}, "devices.kind = 'measured' reads a file: set devices.measured"),
        ({"measured": "x.csv"}, "devices.kind = 'ideal' with devices.measured = 'x.csv' do not fit"),
        ({"learning": "levels"}, "devices.learning = 'levels' needs levels: give devices.levels"),
    ],
)
def test_options_that_cannot_be_are_refused_with_the_cure(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DevicesOptions(**options)  # type: ignore[arg-type]
