"""Kinds of hidden neurons: how long their membranes, their synapses and their thresholds remember.

A kind is what a user describes, a cell what a newborn of it is like: its constants, drawn once and kept for life. The
equations are those of ``model.neuron``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smalti.model.options import ranges
from smalti.model.options.values import settle, shown

STEP_MS = 1.0  # length of a time step
NO_KIND = -1  # kind of outputs, and of hidden neurons where no kinds are told apart
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class KindOptions:
    """A kind of hidden neuron.

    Attributes:
        tau_ms: membrane time constant in ms.
        tau_most_ms: where it is not 0, every newborn draws its membrane time constant between tau_ms and this, evenly
            in its logarithm.
        synapse_ms: time constant of a slow synapse, which all input passes, in ms; 0 for none.
        adaptation: by how much a spike raises the neuron's own threshold; 0 for not at all.
        adaptation_ms: time constant with which a raised threshold comes down in ms.
        spread: standard deviation of the logarithm of a factor drawn for every time constant of a newborn, as devices
            of a chip differ; 0 for none.
        share: how many of the seeds of an expert are of this kind, in proportion to the others.
    """

    tau_ms: float = 20.0
    tau_most_ms: float = 0.0
    synapse_ms: float = 0.0
    adaptation: float = 0.0
    adaptation_ms: float = 100.0
    spread: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        settle(self, "network.kinds")

    @property
    def varies(self) -> bool:
        """Whether its newborns differ from one another."""
        return self.tau_most_ms > 0 or self.spread > 0

    def check(self, section: str) -> None:
        """Whether such neurons can be; the options that hold the kind ask, for they know its name.

        Raises:
            ValueError: a constant out of range, by its name in this section.
        """
        ranges.positive(section, self, "tau_ms", "adaptation_ms", most=1e9)
        ranges.not_negative(section, self, "tau_most_ms", "synapse_ms", most=1e9)
        ranges.not_negative(section, self, "adaptation", most=1e6)
        ranges.not_negative(section, self, "spread", most=3)
        ranges.weight(section, self, "share")
        if 0 < self.tau_most_ms < self.tau_ms:
            raise ValueError(
                f"{section}.tau_most_ms = {self.tau_most_ms} lies below {section}.tau_ms = {self.tau_ms}, the least "
                "time constant: make it larger, or 0 for neurons that all have tau_ms"
            )


@dataclass(frozen=True)
class Cell:
    """Constants of one hidden neuron; of a time step each."""

    kind: int  # place of its kind in ``network.kinds``, NO_KIND where there are none
    leak: float  # share of the membrane that is left
    synapse: float = 0.0  # share of the synaptic current that is left; 0 for no slow synapse
    strength: float = 0.0  # by how much a spike raises the threshold; 0 for no adaptation
    recovery: float = 0.0  # share of that rise that is left
    name: str = ""  # of its kind


def check_kinds(kinds: Mapping[str, KindOptions]) -> None:
    """Whether these kinds can be, by their names.

    Raises:
        ValueError: for a name or a constant, with what is allowed.
    """
    for name, kind in kinds.items():
        if not NAME.fullmatch(name):
            raise ValueError(
                f"network.kinds has a kind named {shown(name)}; give it a name of letters, digits and underscores, "
                "with a letter first, such as slow"
            )
        kind.check(f"network.kinds.{name}")
    if kinds and not any(kind.share for kind in kinds.values()):
        raise ValueError(
            f"network.kinds: the shares of {', '.join(kinds)} are all 0, so that seeds of an expert could be of no "
            "kind: make one of them larger"
        )


def decay(time_constant: float) -> float:
    """Share that is left after a step, of what falls with this time constant in ms; 0 where that is 0."""
    return math.exp(-STEP_MS / time_constant) if time_constant else 0.0


def time_constant(decay: float) -> float:
    """The time constant in ms that ``decay`` came from, to nine digits; 0 where nothing is left."""
    return float(f"{-STEP_MS / math.log(decay):.9g}") if decay else 0.0


def draw_cells(
    kinds: Mapping[str, KindOptions], counts: Sequence[int], alike: int, generator: np.random.Generator
) -> list[tuple[Cell, int]]:
    """Cells of newborns, each with how many newborns have it.

    Args:
        kinds: by name.
        counts: newborns of each kind.
        alike: most newborns that share a cell, where those of a kind differ.
        generator: random numbers.
    """
    cells: list[tuple[Cell, int]] = []
    for number, ((name, kind), count) in enumerate(zip(kinds.items(), counts, strict=True)):
        size = alike if kind.varies else max(1, count)
        for first in range(0, count, size):
            cells.append((draw_cell(number, kind, generator, name), min(size, count - first)))
    return cells


def draw_cell(number: int, kind: KindOptions, generator: np.random.Generator, name: str = "") -> Cell:
    """A newborn of a kind; no random number is drawn where nothing is left to chance.

    Args:
        number: of the kind among all kinds.
        kind: what it is like.
        generator: random numbers.
        name: of the kind.
    """
    tau, factors = kind.tau_ms, (1.0, 1.0, 1.0)
    if kind.tau_most_ms:
        tau = math.exp(generator.uniform(math.log(kind.tau_ms), math.log(kind.tau_most_ms)))
    if kind.spread:
        factors = tuple(np.exp(kind.spread * generator.standard_normal(3)).tolist())
    of_membrane, of_synapse, of_threshold = factors
    return Cell(
        kind=number,
        leak=decay(tau * of_membrane),
        synapse=decay(kind.synapse_ms * of_synapse),
        strength=kind.adaptation,
        recovery=decay(kind.adaptation_ms * of_threshold) if kind.adaptation else 0.0,
        name=name,
    )
