"""A growth rule: how newborns are made, and what a user should know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from smalti.model.growth.newborns.proposal import Propose
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import NetworkOptions

Directions = Callable[[TileSignal, int, np.random.Generator], Tensor]  # and count of newborns -> fan-ins [C, P]


class GrowthError(ValueError):
    """A growth rule that cannot work with this network."""


@dataclass(frozen=True)
class GrowthRule:
    """An entry of ``GROWTH_RULES``.

    ``refusal`` says why the rule cannot work with these neurons, in a sentence that says what to change; empty where it
    can. A rule that only scales fan-ins with ``growth.newborns.proposal.finish`` may give their ``directions`` too, and
    whether it is ``blind``: those of all tiles are then scaled at once.
    """

    propose: Propose
    needs: str  # beside the spikes on the tile's wires
    cost: str  # for a tile and C candidates
    keeps: str  # what stays of the network's function at birth
    refusal: Callable[[NetworkOptions], str] = lambda options: ""
    directions: Directions | None = None
    blind: bool = False


EXACTLY = "the function, bit for bit (fan-out 0)"
