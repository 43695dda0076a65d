"""The whole state of a simulation as tensors and plain facts, and back: what a checkpoint holds.

Random numbers need no place in it (``scheduler.randomness``), nor do births and links of the past: they stand in the
tables ``neurons`` and ``links``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from smalti.agents.auction.bids import Decision
from smalti.agents.expert import Expert
from smalti.agents.tile import TileAgent
from smalti.model.continual import Method
from smalti.model.growth.saturation import Saturation
from smalti.scheduler.simulation import Simulation

STATE = ("weight", "mask", "frozen", "stage", "alive", "output")
MOMENTS = ("first", "second", "count", "norm")


def take(simulation: Simulation) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts from which ``restore`` makes the same simulation again."""
    network, moments, agent = simulation.network, simulation.moments, simulation.gating
    tensors = {f"state.{name}": getattr(network.state, name).detach() for name in STATE}
    tensors |= {f"moments.{name}": getattr(moments, name) for name in MOMENTS}
    tensors |= {f"gate.{name}": value for name, value in agent.gate.state_dict().items()}
    for kind, method in _keeping(simulation).items():
        tensors |= {f"{kind}.{name}": value for name, value in method.state_dict().items()}
    links = network.links
    task_tensors, task_facts = simulation.tasks.take()
    tensors |= {f"tasks.{name}": value for name, value in task_tensors.items()}
    facts = {
        "tasks": task_facts,
        "round": simulation.round,
        "candidate": simulation.grower.number,
        "novelty": _finite(simulation.novelty),
        "experts": [_plain(expert) for expert in agent.experts],
        "losses": _pairs({task: list(losses) for task, losses in agent.losses.items()}),
        "asked": _pairs(agent.asked),
        "saturation": [[task, [[m.dimension, m.fisher] for m in known]] for task, known in agent.saturation.items()],
        "accuracy": _pairs(agent.accuracy),
        "novelties": [[task, _finite(value)] for task, value in agent.novelty.items()],
        "decision": asdict(agent.last),
        "silent": [[tile.tile, _pairs(tile.silent_rounds)] for tile in _tiles(simulation)],
        "slots": _pairs(simulation.registry.id_of_slot),
        "links": [
            [source, tile, row, list(links.paths[source, tile].cells)]
            for (source, tile), row in links.rows.items()
            if source < network.fabric.neurons
        ],
    }
    return tensors, facts


def restore(
    simulation: Simulation,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    neurons: Sequence[dict[str, object]],
    links: Sequence[dict[str, object]],
) -> None:
    """Bring a fresh simulation of the same configuration to a recorded state.

    Args:
        simulation: just made, no round done.
        tensors, facts: what ``take`` gave.
        neurons, links: rows of those tables; what happened after the recorded round is dropped.

    Raises:
        ValueError: where the record does not fit the configuration.
    """
    network, agent = simulation.network, simulation.gating
    targets = {f"state.{name}": getattr(network.state, name) for name in STATE}
    targets |= {f"moments.{name}": getattr(simulation.moments, name) for name in MOMENTS}
    for name, target in targets.items():
        if name not in tensors or tensors[name].shape != target.shape:
            raise ValueError(f"the checkpoint does not fit config.toml: {name} is missing or has another shape")
        with torch.no_grad():
            target.copy_(tensors[name])
    agent.gate.load_state_dict({k.removeprefix("gate."): v for k, v in tensors.items() if k.startswith("gate.")})
    for kind, method in _keeping(simulation).items():
        method.load_state_dict({k.removeprefix(f"{kind}."): v for k, v in tensors.items() if k.startswith(f"{kind}.")})
    of_tasks = {k.removeprefix("tasks."): v for k, v in tensors.items() if k.startswith("tasks.")}
    simulation.tasks.restore(of_tasks, facts["tasks"])
    for source, tile, row, cells in facts["links"]:
        network.links.restore(source, tile, row, tuple(cells))
    simulation.round = facts["round"]
    simulation.grower.number = facts["candidate"]
    simulation.novelty = float(facts["novelty"])
    agent.experts = [_expert(fact) for fact in facts["experts"]]
    agent.losses = {task: list(losses) for task, losses in facts["losses"]}
    agent.asked, agent.accuracy = dict(facts["asked"]), dict(facts["accuracy"])
    agent.saturation = {task: [Saturation(*values) for values in known] for task, known in facts["saturation"]}
    agent.novelty = {task: float(value) for task, value in facts["novelties"]}
    agent.last = Decision(**facts["decision"])
    silent = dict(facts["silent"])
    for tile in _tiles(simulation):
        tile.silent_rounds = dict(silent[tile.tile])
    simulation.registry.restore(neurons, links, dict(facts["slots"]), network.links, simulation.round - 1)


def _keeping(simulation: Simulation) -> dict[str, Method]:
    return {"method": simulation.rehearsal.method, "elastic": simulation.rehearsal.elastic}


def _plain(expert: Expert) -> dict[str, Any]:
    fixed = {"classes": list(expert.classes), "outputs": list(expert.outputs)}
    return {**asdict(expert), **fixed}


def _pairs(mapping: Mapping[int, Any]) -> list[list[Any]]:
    """JSON knows no integer keys."""
    return [[key, value] for key, value in mapping.items()]


def _expert(fact: Mapping[str, Any]) -> Expert:
    if "sets" not in fact:
        raise ValueError("the checkpoint is that of an older version, which knew no label sets; start a new run")
    fixed = {"classes": tuple(fact["classes"]), "outputs": tuple(fact["outputs"])}
    return Expert(**{**fact, **fixed})


def _tiles(simulation: Simulation) -> list[TileAgent]:
    return list(simulation.agents_by_type[TileAgent])


def _finite(value: float) -> float | str:
    """JSON knows no infinity."""
    return value if math.isfinite(value) else str(value)
