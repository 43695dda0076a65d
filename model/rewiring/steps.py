"""The steps of rewiring, in the order in which they are done.

Steps are functions ``(scope, options, generator) -> Changes``.
The caller keeps its own notes of slots: a step that moves neurons says from where to where.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.prune import prune_activity, prune_magnitude
from smalti.model.rewiring.rewire import rewire
from smalti.model.rewiring.scope import Changes, Scope
from smalti.model.rewiring.swap import swap

STEPS: dict[str, Callable[[Scope, RewiringOptions, np.random.Generator], Changes]] = {
    "prune_magnitude": prune_magnitude,
    "prune_activity": prune_activity,
    "rewire": rewire,
    "swap": swap,
}
