"""Gating networks by name: which experts run for an input, and how novel the input is.

An extension point: ``GATING["mine"] = MyGating`` makes ``gating.network = "mine"`` valid, where
``MyGating(options, F)`` returns something that implements ``model.gating.protocol.GatingNetwork``.
``docs/gating.md`` says what each keeps, costs and needs.
"""

from __future__ import annotations

from collections.abc import Callable

from model.gating.autoencoder import AutoencoderGating
from model.gating.gaussian import GaussianGating
from model.gating.label import LabelGating
from model.gating.lda import LdaGating
from model.gating.options import GatingOptions
from model.gating.protocol import GatingNetwork
from model.gating.prototype import PrototypeGating
from model.gating.random import RandomGating
from model.gating.seed import SeedGating
from model.gating.softmax import SoftmaxGating

__all__ = ["GATING", "GatingNetwork", "GatingOptions"]

GATING: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "lda": LdaGating,
    "prototype": PrototypeGating,
    "autoencoder": AutoencoderGating,
    "softmax": SoftmaxGating,
    "seed": SeedGating,
    "random": RandomGating,
    "label": LabelGating,
}
"""Name -> factory(options, number of features F)."""
