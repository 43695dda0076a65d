"""Gating networks by name: which experts run for an input, and how novel the input is.

An extension point: ``GATING["mine"] = MyGating`` makes ``gating.network = "mine"`` valid, where
``MyGating(options, F)`` returns something that implements ``model.gating.protocol.GatingNetwork``.
``docs/gating.md`` says what each keeps, costs and needs.
"""

from __future__ import annotations

from collections.abc import Callable

from smalti.model.gating.networks.autoencoder import AutoencoderGating
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.levels import LevelsGating
from smalti.model.gating.networks.prototype import PrototypeGating
from smalti.model.gating.networks.random import RandomGating
from smalti.model.gating.networks.seed import SeedGating
from smalti.model.gating.networks.softmax import SoftmaxGating
from smalti.model.gating.networks.staged import StagedGating
from smalti.model.gating.networks.trunk import TrunkGating
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork

GATING: dict[str, Callable[[GatingOptions, int], GatingNetwork]] = {
    "gaussian": GaussianGating,
    "lda": LdaGating,
    "prototype": PrototypeGating,
    "autoencoder": AutoencoderGating,
    "softmax": SoftmaxGating,
    "seed": SeedGating,
    "trunk": TrunkGating,
    "staged": StagedGating,
    "levels": LevelsGating,
    "crossbar": CrossbarGating,
    "random": RandomGating,
    "label": LabelGating,
}
"""Name -> factory(options, number of features F)."""
