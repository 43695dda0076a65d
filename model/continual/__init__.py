"""Continual-learning methods by name: what keeps old tasks while a new one is learned.

An extension point: ``METHODS["mine"] = MyMethod`` makes ``training.continual.method = "mine"`` valid, where
``MyMethod`` is a subclass of ``model.continual.method.Method``.
"""

from __future__ import annotations

from model.continual.ewc import Ewc
from model.continual.ewc_online import EwcOnline
from model.continual.gdumb import Gdumb
from model.continual.lwf import Lwf
from model.continual.method import Method, Task
from model.continual.options import ContinualOptions
from model.continual.replay import Replay
from model.continual.si import Si

__all__ = ["METHODS", "ContinualOptions", "Method", "Task"]

METHODS: dict[str, type[Method]] = {
    "none": Method,
    "ewc": Ewc,
    "ewc_online": EwcOnline,
    "si": Si,
    "lwf": Lwf,
    "replay": Replay,
    "gdumb": Gdumb,
}
