"""Continual-learning methods by name: what keeps old tasks while a new one is learned.

An extension point: ``METHODS["mine"] = MyMethod`` makes ``training.continual.method = "mine"`` valid, where
``MyMethod`` is a subclass of ``model.continual.method.Method``.
"""

from __future__ import annotations

from smalti.model.continual.ewc import Ewc
from smalti.model.continual.ewc_online import EwcOnline
from smalti.model.continual.gdumb import Gdumb
from smalti.model.continual.hlop import Hlop
from smalti.model.continual.lwf import Lwf
from smalti.model.continual.method import Method, Task
from smalti.model.continual.options import ContinualOptions
from smalti.model.continual.replay import Replay
from smalti.model.continual.si import Si

__all__ = ["METHODS", "ContinualOptions", "Method", "Task"]

METHODS: dict[str, type[Method]] = {
    "none": Method,
    "ewc": Ewc,
    "ewc_online": EwcOnline,
    "si": Si,
    "lwf": Lwf,
    "hlop": Hlop,
    "replay": Replay,
    "gdumb": Gdumb,
}
