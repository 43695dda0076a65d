"""Options of a sweep: how its combinations are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """How the combinations of a sweep are made.

    Attributes:
        design: grid (every combination of all values), random (drawn anew for every sample) or sobol (spread evenly).
        samples: combinations that random and sobol draw; more can be asked for later, the first stay the same.
        seed: seed of the drawing, and of an adaptive search.
        seeds: runs of every combination, with run.seed = first_seed, first_seed + 1, ...; 0 leaves run.seed alone.
        first_seed: run.seed of the first of them.
    """

    design: Literal["grid", "random", "sobol"] = "grid"
    samples: int = 0
    seed: int = 0
    seeds: int = 0
    first_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("samples", "seed", "seeds", "first_seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"sweep.{name} = {getattr(self, name)} must not be negative")
        if self.design == "grid" and self.samples:
            raise ValueError(
                "sweep.samples goes with sweep.design = 'random' or 'sobol'; a grid takes all combinations"
            )
