"""The mappings that users may add to, by the field that names their entries: names are looked up here alone."""

from __future__ import annotations

import difflib
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from smalti.agents.auction.placement import PLACEMENTS
from smalti.model.continual import METHODS
from smalti.model.devices import TECHNOLOGIES
from smalti.model.gating.detection import DETECTORS
from smalti.model.gating.networks import GATING
from smalti.model.growth.amount import AMOUNTS
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.timing import TIMINGS
from smalti.scheduler.streams import STREAMS
from smalti.scheduler.streams.scores import SCORES

REGISTRIES: Mapping[str, Mapping[str, Any]] = {
    "stream.name": STREAMS,
    "stream.score": ChainMap(SCORES, {"auto": None}),
    "growth.rule": GROWTH_RULES,
    "growth.when": TIMINGS,
    "growth.amount": AMOUNTS,
    "growth.where": PLACEMENTS,
    "gating.network": GATING,
    "gating.detect.by": DETECTORS,
    "training.continual.method": METHODS,
    "devices.kind": TECHNOLOGIES,
}


def check_name(field: str, name: str, registry: Mapping[str, object]) -> None:
    """Whether a registry holds the name that a field gives.

    Raises:
        ValueError: it does not; all that it holds, and what may be meant.
    """
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"{field} = {name!r} is unknown; take one of {', '.join(registry)}{meant}")
