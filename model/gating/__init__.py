"""Gating networks by name: which experts run for an input, and how novel the input is.

An extension point: ``GATING["mine"] = MyGating`` makes ``gating.network = "mine"`` valid, where
``MyGating(options, F)`` returns something that implements ``model.gating.protocol.GatingNetwork``.
"""

from __future__ import annotations

from collections.abc import Callable

from model.gating.gaussian import GaussianGating
from model.gating.label import LabelGating
from model.gating.options import GatingOptions
from model.gating.protocol import GatingNetwork

__all__ = ["GATING", "GatingNetwork", "GatingOptions"]

GATING: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "label": LabelGating,
}
"""Name -> factory(options, number of features F)."""
