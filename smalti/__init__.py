"""Smalti: a spiking network on a tiled chip that decides by auction when, where and for which task a neuron is born.

>>> import smalti
>>> run = smalti.run("digits", quick=True, rounds=2, growth={"rule": "random"}, out="first")
>>> run.table("rounds")[["round", "experience", "neurons"]].tail(1)
   round  experience  neurons
9      9           4      ...
>>> float(run.summary().loc["accuracy, class-incremental (no label)", "value"]) <= 1
True
>>> simulation = smalti.Simulation("digits", quick=True, rounds=2)
>>> for record in simulation:
...     if record["round"] == 1:
...         break
>>> len(simulation.table("rounds"))
2

What is named here stays; the rest may change. Nothing is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from smalti.agents.auction.placement import PLACEMENTS
    from smalti.agents.auction.prices import AuctionOptions
    from smalti.analysis.running import resume, run
    from smalti.analysis.runs import Run, Runs, load_run, load_runs
    from smalti.model.chip.fabric import FabricOptions
    from smalti.model.continual import METHODS, ContinualOptions
    from smalti.model.devices import TECHNOLOGIES, DevicesOptions
    from smalti.model.gating import GatingOptions
    from smalti.model.gating.detection import DETECTORS, DetectionOptions
    from smalti.model.gating.learned import LearnedGateOptions
    from smalti.model.gating.networks import GATING
    from smalti.model.growth.amount import AMOUNTS
    from smalti.model.growth.learning_rates import NewbornOptions
    from smalti.model.growth.options import GrowthOptions
    from smalti.model.growth.rule import GrowthRule
    from smalti.model.growth.rules import GROWTH_RULES
    from smalti.model.growth.timing import TIMINGS
    from smalti.model.kinds import KindOptions
    from smalti.model.neuron import NetworkOptions
    from smalti.model.optimiser import OptimiserOptions
    from smalti.model.rewiring.options import RewiringOptions
    from smalti.scheduler.configuration.config import Config, RunOptions
    from smalti.scheduler.learning.training import TrainingOptions
    from smalti.scheduler.simulation import Simulation
    from smalti.scheduler.streams import STREAMS, Loaded, StreamOptions
    from smalti.scheduler.streams import memory as data

_PLACES = {  # public name -> module that has it
    "AMOUNTS": "model.growth.amount",
    "AuctionOptions": "agents.auction.prices",
    "Config": "scheduler.configuration.config",
    "ContinualOptions": "model.continual",
    "DETECTORS": "model.gating.detection",
    "DetectionOptions": "model.gating.detection",
    "DevicesOptions": "model.devices",
    "FabricOptions": "model.chip.fabric",
    "GATING": "model.gating.networks",
    "GROWTH_RULES": "model.growth.rules",
    "GatingOptions": "model.gating",
    "GrowthOptions": "model.growth.options",
    "GrowthRule": "model.growth.rule",
    "KindOptions": "model.kinds",
    "LearnedGateOptions": "model.gating.learned",
    "Loaded": "scheduler.streams",
    "METHODS": "model.continual",
    "NetworkOptions": "model.neuron",
    "NewbornOptions": "model.growth.learning_rates",
    "OptimiserOptions": "model.optimiser",
    "PLACEMENTS": "agents.auction.placement",
    "RewiringOptions": "model.rewiring.options",
    "Run": "analysis.runs",
    "RunOptions": "scheduler.configuration.config",
    "Runs": "analysis.runs",
    "STREAMS": "scheduler.streams",
    "Simulation": "scheduler.simulation",
    "StreamOptions": "scheduler.streams",
    "TECHNOLOGIES": "model.devices",
    "TIMINGS": "model.growth.timing",
    "TrainingOptions": "scheduler.learning.training",
    "load_run": "analysis.runs",
    "load_runs": "analysis.runs",
    "resume": "analysis.running",
    "run": "analysis.running",
}

__all__ = [
    "AMOUNTS",
    "DETECTORS",
    "GATING",
    "GROWTH_RULES",
    "METHODS",
    "PLACEMENTS",
    "STREAMS",
    "TECHNOLOGIES",
    "TIMINGS",
    "AuctionOptions",
    "Config",
    "ContinualOptions",
    "DetectionOptions",
    "DevicesOptions",
    "FabricOptions",
    "GatingOptions",
    "GrowthOptions",
    "GrowthRule",
    "KindOptions",
    "LearnedGateOptions",
    "Loaded",
    "NetworkOptions",
    "NewbornOptions",
    "OptimiserOptions",
    "RewiringOptions",
    "Run",
    "RunOptions",
    "Runs",
    "Simulation",
    "StreamOptions",
    "TrainingOptions",
    "__version__",
    "data",
    "load_run",
    "load_runs",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    """A public name, imported when it is used for the first time."""
    if name == "data":
        value: Any = import_module("smalti.scheduler.streams.memory")
    elif name in _PLACES:
        value = getattr(import_module(f"smalti.{_PLACES[name]}"), name)
    else:
        raise AttributeError(f"module 'smalti' has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__]
