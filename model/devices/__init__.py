"""Memristive devices: a weight is a pair of conductances, programmed with an error, read with noise, drifting.

One file holds one technology, with its equations and their source; ``technology`` is the signature of all of them.
"""

from __future__ import annotations

from smalti.model.devices.ideal import Ideal
from smalti.model.devices.measured import Measured
from smalti.model.devices.mosaic import Mosaic
from smalti.model.devices.options import IDEAL, DevicesOptions
from smalti.model.devices.pcm import Pcm
from smalti.model.devices.reram_cmo import ReramCmo
from smalti.model.devices.reram_wan import ReramWan
from smalti.model.devices.technology import Maker, Technology

TECHNOLOGIES: dict[str, Maker] = {
    IDEAL: Ideal.of,
    "mosaic": Mosaic.of,
    "reram_wan": ReramWan.of,
    "reram_cmo": ReramCmo.of,
    "pcm": Pcm.of,
    "measured": Measured.of,
}
"""Technologies by name (``devices.kind``); a plug-in may add to them."""

__all__ = ["IDEAL", "TECHNOLOGIES", "DevicesOptions", "Technology"]
