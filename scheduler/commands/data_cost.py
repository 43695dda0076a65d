"""What a run on a stream would take, by playing its first rounds. Writes nothing."""

from __future__ import annotations

import resource
import sys
import time

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Stream
from smalti.scheduler.streams.checked.limits import spell_bytes

PLAYED = 2  # rounds; the last is timed, for the first may have to compile
KIB = 1024


def most_memory() -> int:
    """Bytes of memory that this process has held at most; the system counts bytes on macOS, and elsewhere KiB."""
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cost(config: Config, stream: Stream) -> str:
    """Seconds and memory of a run, in words."""
    simulation = Simulation(config, loaded_stream=stream)
    rounds = min(PLAYED, simulation.total_rounds)
    for _ in range(rounds):
        begin = time.perf_counter()
        simulation.step()
    seconds = (time.perf_counter() - begin) * simulation.total_rounds
    peak = spell_bytes(most_memory())
    return (
        f"cost: about {seconds:,.0f} s and {peak} of memory for {simulation.total_rounds} rounds on this machine "
        f"(the first {rounds} were played)"
    )
