"""Gating: which experts run for an input, and how novel the input is. ``networks`` has the gating networks by name."""

from __future__ import annotations

from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import GatingNetwork

__all__ = ["GatingNetwork", "GatingOptions"]
