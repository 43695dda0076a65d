"""What the file of an experiment says beside its sections: how runs are combined, and what a variant is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle

MOST = 100_000  # trials of an experiment, and values of an axis: more is a slip of the pen
ANY = "any"


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """How the runs of an experiment are made and compared: fields at the top of its file.

    Attributes:
        seeds: runs of everything, with run.seed = first_seed, first_seed + 1, ...; 0 leaves run.seed alone.
        first_seed: run.seed of the first of them.
        control: variants that all others are compared with, paired by seed; empty compares nothing.
        static: variant of fixed size that the compute of all others is compared with; empty for none.
        columns: measures that the printed tables show after the accuracy, in this order; empty shows the usual ones.
        design: grid (every combination of all axes), random (drawn anew for every sample) or sobol (spread evenly).
        samples: combinations that random and sobol draw; more can be asked for later, the first stay the same.
        design_seed: seed of the drawing, and of an adaptive search.
    """

    seeds: int = 0
    first_seed: int = 0
    control: tuple[str, ...] = ()
    static: str = ""
    columns: tuple[str, ...] = ()
    design: Literal["grid", "random", "sobol"] = "grid"
    samples: int = 0
    design_seed: int = 0

    def __post_init__(self) -> None:
        settle(self, "")
        ranges.not_negative("", self, "seeds", "samples", most=MOST)
        ranges.not_negative("", self, "first_seed", "design_seed", most=ranges.EVER)
        if self.design == "grid" and self.samples:
            raise ValueError("samples goes with design = 'random' or 'sobol'; a grid takes all combinations")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How the runs of a named variant are made and read, beside the sections of a run that it has.

    Attributes:
        like: variant whose sections its runs have too, with those that it has from another; its own come last.
        follows: variant whose births its runs repeat (growth.birth_record); empty for none.
        births: start (all of them at the beginning of their task) or recorded (in the rounds of that run).
        same_compute: give its runs as many rounds as cost the synaptic operations of the run that they follow.
        runs_of: variant whose runs are read instead of its own; empty for its own.
        answer: network, or gate for what the gating network answers by itself.
        reads: setting of the evaluations that is read for every setting of the stream, such as joint; any reads
            each setting from its own evaluations.
        streams: streams that it is run on; empty for all.
        about: what it is, in a few words.
    """

    like: str = ""
    follows: str = ""
    births: Literal["start", "recorded"] = "start"
    same_compute: bool = False
    runs_of: str = ""
    answer: Literal["network", "gate"] = "network"
    reads: str = ANY
    streams: tuple[str, ...] = ()
    about: str = ""
