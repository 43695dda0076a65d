"""Which engine runs.

With ``network.engine = auto`` it is the event-driven one wherever it can, that is on the CPU with numba installed. It
was faster than the dense one at every size and rate measured (docs/performance.md).
"""

from __future__ import annotations

import importlib.util
from typing import Literal

from smalti.model.neuron import NetworkOptions


def choose_engine(options: NetworkOptions) -> Literal["dense", "events"]:
    """The engine that ``network.engine`` asks for.

    Raises:
        ValueError: for the event-driven engine where it cannot run.
    """
    on_cpu = options.device.split(":")[0] == "cpu"  # whether torch knows the device is asked elsewhere
    has_numba = importlib.util.find_spec("numba") is not None
    if options.engine == "auto":
        return "events" if on_cpu and has_numba else "dense"
    if options.engine == "events" and not on_cpu:
        raise ValueError(
            f"network.engine = 'events' computes on the CPU, not on {options.device!r}: set network.device = 'cpu', or "
            "network.engine = 'dense'"
        )
    if options.engine == "events" and not has_numba:
        raise ValueError(
            "network.engine = 'events' needs numba, which is not installed: pip install 'numba>=0.61' (or this project "
            "with its extra 'events'), or set network.engine = 'dense'"
        )
    return options.engine
