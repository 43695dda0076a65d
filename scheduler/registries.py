"""The mappings that users may add to, by the field that names their entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smalti.agents.auction.placement import PLACEMENTS
from smalti.model.continual import METHODS
from smalti.model.gating.detection import DETECTORS
from smalti.model.gating.networks import GATING
from smalti.model.growth.amount import AMOUNTS
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.timing import TIMINGS
from smalti.scheduler.streams import STREAMS

REGISTRIES: Mapping[str, Mapping[str, Any]] = {
    "stream.name": STREAMS,
    "growth.rule": GROWTH_RULES,
    "growth.when": TIMINGS,
    "growth.amount": AMOUNTS,
    "growth.where": PLACEMENTS,
    "gating.network": GATING,
    "gating.detect.by": DETECTORS,
    "training.continual.method": METHODS,
}
