"""How neurons are made. ``GROWTH_RULES`` is the extension point: a user's module may add its own rule under a new name.

A rule says *how*; when to grow is the gating agent's business, where the auction's, what fits the fabric's.
"""

from __future__ import annotations

from model.growth.candidates import candidates
from model.growth.firefly import firefly
from model.growth.gradmax import gradmax
from model.growth.gradmax import refusal as no_gradient_at_rest
from model.growth.intern import intern
from model.growth.local import local
from model.growth.mixed import mixed
from model.growth.primed import primed
from model.growth.primed import refusal as no_gradient_asleep
from model.growth.random import random
from model.growth.raw import random_raw, random_uniform
from model.growth.rule import EXACTLY, GrowthRule
from model.growth.split import split
from model.growth.tiny import tiny
from model.growth.whitened import gradmax_whitened

GROWTH_RULES: dict[str, GrowthRule] = {
    "random": GrowthRule(random, needs="nothing", cost="a calibration", keeps=EXACTLY),
    "random_raw": GrowthRule(random_raw, needs="nothing", cost="nothing", keeps="nothing: newborns act at once"),
    "random_uniform": GrowthRule(
        random_uniform, needs="nothing", cost="nothing", keeps="nothing: newborns act at once"
    ),
    "gradmax": GrowthRule(
        gradmax, needs="M", cost="an SVD", keeps="the function, bit for bit (fan-in 0)", refusal=no_gradient_at_rest
    ),
    "gradmax_whitened": GrowthRule(gradmax_whitened, needs="M, C", cost="an SVD and a calibration", keeps=EXACTLY),
    "primed": GrowthRule(
        primed,
        needs="M",
        cost="an SVD",
        keeps="the function on the probe, where newborns are silent",
        refusal=no_gradient_asleep,
    ),
    "mixed": GrowthRule(mixed, needs="M, C, adjoints", cost="an SVD, calibration of a pool", keeps=EXACTLY),
    "tiny": GrowthRule(
        tiny, needs="M, C, adjoints", cost="an SVD, a regression a target, a calibration", keeps=EXACTLY
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
