"""Ramps of colours for numbers, named as matplotlib names them, for pictures that are drawn without it."""

from __future__ import annotations

from typing import Literal

import numpy as np

Ramp = Literal["cividis_r", "plasma_r"]
STOPS: dict[Ramp, tuple[str, ...]] = {
    "cividis_r": tuple(
        [
            "fee838",
            "efd748",
            "ddc858",
            "ccba64",
            "bbad6d",
            "aaa073",
            "9a9376",
            "8b8778",
            "7c7b78",
            "6e6f73",
            "60646f",
            "52596d",
            "424e6c",
            "31436d",
            "18376f",
            "002d68",
            "00224e",
        ]
    ),
    "plasma_r": tuple(
        [
            "f0f921",
            "f9dd25",
            "fdc328",
            "fdab33",
            "f89441",
            "f07f4f",
            "e56b5d",
            "d9586a",
            "cb4679",
            "bb3488",
            "a82296",
            "9410a2",
            "7d03a8",
            "6400a7",
            "4b03a1",
            "2f0596",
            "0d0887",
        ]
    ),
}  # evenly apart, from 0 to 1


def shade(ramp: Ramp, share: float) -> str:
    """The colour of a share, 0 to 1; between two stops it is mixed."""
    stops = np.array([[int(stop[k : k + 2], 16) for k in (0, 2, 4)] for stop in STOPS[ramp]])
    places = np.linspace(0.0, 1.0, len(stops))
    mixed = (round(float(np.interp(share, places, channel))) for channel in stops.T)
    return "#" + "".join(f"{value:02x}" for value in mixed)
