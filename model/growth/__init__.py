"""How neurons are made. ``GROWTH_RULES`` is the extension point: a user's module may add its own rule under a new name.

A rule says *how*; when to grow is the gating agent's business, where the auction's, what fits the fabric's.
"""

from __future__ import annotations

from model.growth.proposal import GrowthRule
from model.growth.random import random
from model.growth.whitened import gradmax_whitened

GROWTH_RULES: dict[str, GrowthRule] = {
    "random": random,
    "gradmax_whitened": gradmax_whitened,
}
