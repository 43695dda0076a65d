"""How neurons are made. ``GROWTH_RULES`` is the extension point: a user's module may add its own rule under a new name.

A rule says *how*; when to grow is the gating agent's business, where the auction's, what fits the fabric's.
"""

from __future__ import annotations

from smalti.model.growth.rule import EXACTLY, GrowthRule
from smalti.model.growth.rules.candidates import candidates
from smalti.model.growth.rules.firefly import firefly
from smalti.model.growth.rules.gradmax import gradmax
from smalti.model.growth.rules.gradmax import refusal as no_gradient_at_rest
from smalti.model.growth.rules.intern import intern
from smalti.model.growth.rules.local import local
from smalti.model.growth.rules.mixed import mixed
from smalti.model.growth.rules.primed import primed
from smalti.model.growth.rules.primed import refusal as no_gradient_asleep
from smalti.model.growth.rules.random import random, random_directions
from smalti.model.growth.rules.raw import random_raw, random_uniform
from smalti.model.growth.rules.split import split
from smalti.model.growth.rules.tiny import residual_directions, tiny
from smalti.model.growth.rules.whitened import gradmax_whitened, whitened_directions

GROWTH_RULES: dict[str, GrowthRule] = {
    "random": GrowthRule(
        random, needs="nothing", cost="a calibration", keeps=EXACTLY, directions=random_directions, blind=True
    ),
    "random_raw": GrowthRule(random_raw, needs="nothing", cost="nothing", keeps="nothing: newborns act at once"),
    "random_uniform": GrowthRule(
        random_uniform, needs="nothing", cost="nothing", keeps="nothing: newborns act at once"
    ),
    "gradmax": GrowthRule(
        gradmax, needs="M", cost="an SVD", keeps="the function, bit for bit (fan-in 0)", refusal=no_gradient_at_rest
    ),
    "gradmax_whitened": GrowthRule(
        gradmax_whitened,
        needs="M, C",
        cost="an SVD and a calibration",
        keeps=EXACTLY,
        directions=lambda signal, count, generator: whitened_directions(signal, count),
    ),
    "primed": GrowthRule(
        primed,
        needs="M",
        cost="an SVD",
        keeps="the function on the probe, where newborns are silent",
        refusal=no_gradient_asleep,
    ),
    "mixed": GrowthRule(mixed, needs="M, C, adjoints", cost="an SVD, calibration of a pool", keeps=EXACTLY),
    "tiny": GrowthRule(
        tiny,
        needs="M, C, adjoints",
        cost="an SVD, a regression a target, a calibration",
        keeps=EXACTLY,
        directions=lambda signal, count, generator: residual_directions(signal, count),
    ),
    "candidates": GrowthRule(candidates, needs="adjoints", cost="calibration of a pool", keeps=EXACTLY),
    "firefly": GrowthRule(
        firefly,
        needs="adjoints",
        cost="calibration, and again after each step of practice",
        keeps="the function, up to a fan-out of norm epsilon",
    ),
    "intern": GrowthRule(
        intern, needs="adjoints", cost="calibration of a pool, and again after each step of practice", keeps=EXACTLY
    ),
    "split": GrowthRule(split, needs="nothing", cost="a calibration", keeps="the function, as far as sums cancel"),
    "local": GrowthRule(local, needs="nothing", cost="a calibration for each source", keeps=EXACTLY),
}
