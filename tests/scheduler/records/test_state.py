from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.continual import METHODS, ContinualOptions
from smalti.model.gating.detection import DetectionOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.model.optimiser import OptimiserOptions
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.steps import STEPS
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records.checkpoint import load, save
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.records.state import joined, split
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Check = Callable[[Simulation], None]
State = tuple[dict[str, Tensor], dict[str, Any]]
Tables = tuple[list[dict[str, object]], list[dict[str, object]]]


def rewiring(*steps: str) -> RewiringOptions:
    """Options by which much is removed and moved in few rounds."""
    return RewiringOptions(steps=steps, guard=4, magnitude=0.6, activity=0.6, rewired=0.5, proposals=60)  # type: ignore[arg-type]


NEWBORNS = NewbornOptions(rate=3.0, warm_up=5, youth=6, rate_adaptation=True, variance_transfer=True)


def hidden(by: str, **detect: int) -> dict[str, dict[str, object]]:
    """Changes by which labels wait, from one round to the next, for an alarm or for each other."""
    stream: dict[str, object] = {"boundaries": "hidden", "order": (0, 1, 0), "drift": 0.4}
    return {
        "stream": stream,
        "gating": {"detect": DetectionOptions(by=by, **{"rest": 2, "gather": 16, **detect})},  # type: ignore[arg-type]
        "fabric": {"neurons_per_tile": 12},
    }


# Each keeps something from round to round that the others do not.
KEEPING: dict[str, dict[str, dict[str, object]]] = {
    "told, returning": {"stream": {"order": (0, 1, 0)}, "growth": {"until": 1.0}},
    "hidden, told": hidden("told", gather=40),
    "hidden, shift": hidden("shift", hold=7),
    "hidden, loss": hidden("loss", hold=7),
    "hidden, random": hidden("random", every=3),
    "default": {"growth": {"until": 1.0}},
    "trunk and label": {"gating": {"trunk": True, "network": "label"}},
    "seed gate": {"gating": {"network": "seed", "top": 0, "listen": 8}},
    "weighed": {"gating": {"weigh": "validated", "choose": "class", "vote": 9.0, "temperature": 0.1}},
    "autoencoder gate": {"gating": {"network": "autoencoder"}},
    "softmax gate": {"gating": {"network": "softmax", "learned": LearnedGateOptions(rehearsal=9, balance="loss_free")}},
    "hard, float64, random": {"network": {"reset": "hard", "precision": "float64"}, "growth": {"rule": "random"}},
    "kinds of neurons": {
        "network": {
            "kinds": {"mixed": {"tau_most_ms": 40.0}, "slow": {"synapse_ms": 5.0, "adaptation": 0.2, "spread": 0.3}}
        },
        "growth": {"until": 1.0, "rewiring": rewiring("swap")},
        "fabric": {"rows": 3},
        "stream": {"steps": 13},
    },
    "plateau": {"growth": {"when": "plateau", "patience": 1, "tolerance": 0.5, "where": "uniform", "until": 1.0}},
    "noracl": {"growth": {"when": "noracl", "patience": 1, "fisher_share": 9.0, "where": "balanced", "until": 1.0}},
    "random times": {"growth": {"when": "random", "every": 2, "until": 1.0}},
    "retiring": {
        "growth": {"retire_after": 2, "until": 1.0, "target_rate": 0.03, "births": 4},
        "training": {"learning_rate": 0.4, "rounds": 5, "steps": 3},
    },
    "all of rewiring": {
        "growth": {"rewiring": rewiring(*STEPS), "retire_after": 1, "births": 2},
        "fabric": {"rows": 3},
        "stream": {"steps": 13},
    },
    "raised another way": {
        "growth": {"until": 1.0, "newborns": NEWBORNS},
        "training": {"optimiser": OptimiserOptions(weight_decay=0.5, guard=6)},
    },
    **{
        f"shared, {name}": {
            "gating": {"experts": "shared", "protect": False},
            "training": {"continual": ContinualOptions(method=name, capacity=12)},
            "growth": {"until": 1.0, "rewiring": rewiring(*STEPS)},
            "fabric": {"rows": 3},
            "stream": {"steps": 13},
        }
        for name in METHODS
        if name != "none"
    },
    "elastic": {"gating": {"trunk": True, "stiffness": 3.0}, "growth": {"until": 1.0}},
    "task-incremental": {
        "gating": {"experts": "shared"},
        "stream": {"setting": "task"},
        "training": {"continual": ContinualOptions(method="lwf")},
    },
    "raised another way, sgd": {
        "growth": {"until": 1.0, "newborns": NEWBORNS},
        "training": {"optimiser": OptimiserOptions(method="sgd", weight_decay=0.5, guard=6)},
    },
}


def timeless(rows: RoundRows) -> str:
    """A round's rows without the clock; text, so that NaN equals NaN."""
    (row,) = rows.rounds
    ports = {name: column.tolist() for name, column in rows.ports.items()}
    kept = {name: value for name, value in row.items() if not name.startswith("seconds")}
    return repr((kept, rows.bids, ports, rows.evaluations, rows.detections))


def taken(simulation: Simulation) -> State:
    return split(simulation.state_dict())


def restored(config: Config, state: State, tables: Tables) -> Simulation:
    """A new simulation with this state; the tables are those of the simulation whose state it is."""
    simulation = Simulation(config)
    simulation.load_state_dict(joined(*state), *copy.deepcopy(tables))
    return simulation


@pytest.mark.parametrize("changes", KEEPING.values(), ids=KEEPING)
def test_from_every_round_a_restored_simulation_goes_on_bit_for_bit(
    tiny: MakeConfig, changes: dict[str, dict[str, object]], check: Check, tmp_path: Path
) -> None:
    config = tiny(**changes)
    whole, rounds = Simulation(config), []
    while not whole.finished:
        whole.step()
        rounds.append(timeless(whole.rows))
        save(tmp_path / str(whole.round), *taken(whole))
    tables = whole.registry.neurons, whole.registry.links
    for number in range(1, whole.total_rounds):
        saved = load(tmp_path / str(number))
        again = restored(config, (saved.tensors, saved.facts), tables)
        while not again.finished:
            again.step()
            check(again)
            assert timeless(again.rows) == rounds[again.round - 1]
        assert (again.registry.neurons, again.registry.links) == tables
        assert_same(taken(again), taken(whole))


def assert_same(one: State, other: State) -> None:
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    assert one[1] == other[1]


def test_patience_with_silent_neurons_is_kept(tiny: MakeConfig) -> None:
    config = tiny(growth={"retire_after": 2, "until": 0.2}, training={"rounds": 6, "steps": 2})
    whole = Simulation(config)
    whole.step()
    slot = next(slot for slot, rule, _ in whole.grower.born if rule == config.growth.rule)
    tile, column = divmod(slot, whole.fabric.slots)
    with torch.no_grad():
        whole.network.state.weight[tile, :, column] = 0
    whole.step()
    again = restored(config, taken(whole), (whole.registry.neurons, whole.registry.links))
    for simulation in (whole, again):
        assert simulation.network.state.alive[slot]
        simulation.step()
        assert not simulation.network.state.alive[slot]


def test_taking_and_restoring_changes_nothing(tiny: MakeConfig) -> None:
    config = tiny(training={"rounds": 2, "steps": 2})
    simulation = Simulation(config)
    for _ in range(3):
        simulation.step()
    tensors, facts = taken(simulation)
    assert_same(taken(simulation), (tensors, facts))
    tables = simulation.registry.neurons, simulation.registry.links
    again = restored(config, (tensors, json.loads(json.dumps(facts))), tables)
    assert_same(taken(again), (tensors, facts))
    assert again.network.links.rows == simulation.network.links.rows
    assert again.network.links.paths == simulation.network.links.paths
    assert (again.network.links.ledger.used == simulation.network.links.ledger.used).all()
    assert again.gating.last == simulation.gating.last
    assert [vars(expert) for expert in again.gating.experts] == [vars(e) for e in simulation.gating.experts]


def test_a_record_of_another_chip_is_refused(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(training={"rounds": 1, "steps": 2}))
    simulation.step()
    tensors, facts = taken(simulation)
    for other in (tiny(fabric={"wires": 9}), tiny(fabric={"cols": 3})):
        with pytest.raises(
            ValueError, match=r"does not fit config\.toml: state\.weight is missing or has another shape"
        ):
            restored(other, (tensors, facts), ([], []))
    for name in ("moments.count", "state.stage"):
        lacking = {key: tensor for key, tensor in tensors.items() if key != name}
        with pytest.raises(ValueError, match=f"{re.escape(name)} is missing"):
            restored(simulation.config, (lacking, facts), ([], []))


def test_tensors_and_facts_are_told_apart_and_put_together() -> None:
    weight, mean = torch.ones(2), torch.zeros(3)
    state = {"round": 3, "gate": {"net.weight": weight, "seen": (1, 2)}, "memory": {"mean": mean}, "worst": math.inf}
    tensors, facts = split(state)
    assert tensors.keys() == {"gate.net.weight", "memory.mean"}
    assert facts == {"round": 3, "gate": {"seen": [1, 2]}, "memory": {}, "worst": "inf"}
    again = joined(tensors, json.loads(json.dumps(facts)))
    assert torch.equal(again["gate"]["net.weight"], weight)
    assert torch.equal(again["memory"]["mean"], mean)
    assert (again["round"], again["gate"]["seen"], float(again["worst"])) == (3, [1, 2], math.inf)
