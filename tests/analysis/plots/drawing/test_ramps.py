from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from smalti.analysis.plots.drawing.ramps import STOPS, Ramp, shade


def rgb(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


@pytest.mark.parametrize("ramp", get_args(Ramp))
def test_colours_are_those_of_matplotlib(ramp: Ramp) -> None:
    colormaps = pytest.importorskip("matplotlib", reason="pictures need matplotlib").colormaps
    shares = np.linspace(0, 1, 101)
    ours = [rgb(shade(ramp, share)) for share in shares.tolist()]
    np.testing.assert_allclose(ours, 255 * colormaps[ramp](shares)[:, :3], atol=11)  # of 255, where a ramp has a bend


def test_stops_are_met_and_between_two_of_them_colours_are_mixed() -> None:
    stops = STOPS["plasma_r"]
    assert shade("plasma_r", 0.0) == f"#{stops[0]}"
    assert shade("plasma_r", 1 / 16) == f"#{stops[1]}"
    middle = np.mean([rgb(f"#{stop}") for stop in stops[:2]], axis=0)
    np.testing.assert_allclose(rgb(shade("plasma_r", 1 / 32)), middle, atol=0.51)
