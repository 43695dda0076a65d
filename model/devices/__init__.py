"""Memristive devices: a weight is a pair of conductances, programmed with an error, read with noise, drifting.

One file holds one technology, with its equations and their source; ``technology`` is the signature of all of them.
"""

from __future__ import annotations

from smalti.model.devices.options import IDEAL, DevicesOptions
from smalti.model.devices.technologies.ideal import Ideal
from smalti.model.devices.technologies.measured import Measured
from smalti.model.devices.technologies.mosaic import Mosaic
from smalti.model.devices.technologies.pcm import Pcm
from smalti.model.devices.technologies.reram_cmo import ReramCmo
from smalti.model.devices.technologies.reram_wan import ReramWan
from smalti.model.devices.technologies.technology import Maker, Technology

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
