from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from scheduler.config import Config
from scheduler.simulation import Simulation


def quick(**sections: dict[str, object]) -> Config:
    config = replace(Config(), run=replace(Config().run, quick=True)).resolved()
    for name, changes in sections.items():
        config = replace(config, **{name: replace(getattr(config, name), **changes)})
    return config


def play(config: Config, rounds: int = 10**6) -> tuple[Simulation, dict[str, list[dict[str, object]]]]:
    simulation = Simulation(config)
    tables: dict[str, list[dict[str, object]]] = {"rounds": [], "bids": [], "evaluations": []}
    while not simulation.finished and simulation.round < rounds:
        simulation.step()
        for name, rows in tables.items():
            rows += getattr(simulation.rows, name)
    return simulation, tables


def without_clock(tables: dict[str, list[dict[str, object]]]) -> dict[str, pd.DataFrame]:
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return {name: f[[c for c in f.columns if not c.startswith("seconds")]] for name, f in frames.items()}


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    (one, first), (two, second) = play(quick(), 4), play(quick(), 4)
    for name, frame in without_clock(first).items():
        pd.testing.assert_frame_equal(frame, without_clock(second)[name], check_exact=True)
    assert torch.equal(one.network.state.weight, two.network.state.weight)
    other, _ = play(quick(run={"seed": 1}), 4)
    assert not torch.equal(one.network.state.weight, other.network.state.weight)


def test_golden_run() -> None:
    """Counts are exact; losses leave room for the arithmetic of another machine."""
    _, tables = play(quick(), 5)
    rows = tables["rounds"]
    assert [r["neurons"] for r in rows] == GOLDEN["neurons"]
    assert [r["links"] for r in rows] == GOLDEN["links"]
    assert [r["wires"] for r in rows] == GOLDEN["wires"]
    assert [r["loss"] for r in rows] == pytest.approx(GOLDEN["loss"], abs=2e-3)


GOLDEN: dict[str, list[float]] = {
    "neurons": [10, 10, 10, 21, 21],
    "links": [96, 96, 96, 135, 135],
    "wires": [296, 296, 296, 416, 416],
    "loss": [0.6386, 0.4243, 0.2761, 0.6793, 0.5546],
}


def test_every_bid_ends_with_a_reason_and_births_are_won_bids() -> None:
    simulation, tables = play(quick(), 5)
    bids, rounds = tables["bids"], tables["rounds"]
    assert bids
    assert all(bid["reason"] for bid in bids)
    won = sum(bool(bid["won"]) for bid in bids)
    outputs = sum(row["kind"] == "output" for row in simulation.census.neurons)
    assert won + outputs == sum(int(str(r["born"])) for r in rounds) == len(simulation.census.neurons)
    hidden = simulation.network.state.alive & ~simulation.network.state.output
    retired = sum(row["retired_round"] is not None for row in simulation.census.neurons)
    assert int(hidden.sum()) == won - retired == rounds[-1]["neurons"]


def test_the_census_agrees_with_the_chip() -> None:
    simulation, _ = play(quick())
    open_links = [row for row in simulation.census.links if row["retired_round"] is None]
    assert len(open_links) == len(simulation.network.links.rows)
    for row in open_links:
        tile, number = int(str(row["target_tile"])), int(str(row["source"]))
        source = int(simulation.network.state.source[tile, int(str(row["row"]))])
        if row["kind"] == "input":
            assert source == simulation.fabric.neurons + number
        else:
            assert simulation.census.id_of_slot[source] == number


def test_silent_grown_neurons_are_retired_and_give_back_all_they_took() -> None:
    simulation, _ = play(quick(growth={"retire_after": 1}), 3)
    expert, network = simulation.gating.experts[0], simulation.network
    grown = [s for s in expert.neurons if s in simulation._grown_for(0)]
    assert grown
    victim = grown[0]
    tile, column = divmod(victim, simulation.fabric.slots)
    with torch.no_grad():
        network.state.weight[tile, :, column] = 0.0
    counts = torch.ones(simulation.fabric.neurons, 4)
    counts[victim] = 0
    used = int(network.links.ledger.used.sum())
    assert simulation.grower.retire_idle(expert, counts, set(grown)) == [victim]
    assert not network.state.alive[victim]
    assert not network.state.mask[tile, :, column].any()
    assert victim not in expert.neurons
    assert int(network.links.ledger.used.sum()) <= used
    assert all(source != victim for source, _ in network.links.rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"gating": {"network": "label"}},
        {"gating": {"experts": "shared", "protect": False}, "growth": {"when": "never"}},
        {"gating": {"trunk": True}},
        {"gating": {"top": 2}},
        {"growth": {"rule": "random"}},
        {"auction": {"method": "optimal"}},
        {"network": {"readout": "membrane_max"}},
        {"network": {"readout": "spike_count", "reset": "hard"}},
        {"network": {"surrogate": "fast_sigmoid", "surrogate_width": 0.5, "reset_gradient": True}},
        {"network": {"precision": "float64"}},
        {"training": {"rounds": 2, "steps": 4, "learning_rate": 0.05}},
        {"stream": {"setting": "joint"}},
        {"stream": {"setting": "task"}},
    ],
)
def test_options_run(changes: dict[str, dict[str, object]]) -> None:
    config = quick(**{"training": {"rounds": 2, "steps": 4}, **changes})
    simulation, tables = play(config, 4)
    assert all(np.isfinite(float(str(r["loss"]))) for r in tables["rounds"])
    assert simulation.round == min(4, simulation.total_rounds)
    settings = {str(row["setting"]) for row in tables["evaluations"]}
    assert config.stream.setting in settings or config.gating.network == "label"


def test_domains_share_an_expert_that_stays_plastic(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    y = np.tile([0, 1], 60)
    task = np.repeat([0, 1], 60)
    x = chance.random((120, 16)) * 0.2
    x[np.arange(120), y * 4 + task] = 0.9
    np.savez(tmp_path / "mine.npz", x=x, y=y, task=task)
    config = quick(
        stream={"name": "arrays", "path": str(tmp_path / "mine.npz"), "setting": "domain", "limit": 0},
        training={"rounds": 2, "steps": 5},
    )
    simulation, tables = play(config)
    assert len(simulation.gating.experts) == 1
    assert simulation.gating.experts[0].tasks == [0, 1]
    assert not simulation.network.state.frozen.any()
    after = {int(str(row["after"])) for row in tables["evaluations"] if row["on"] == 1}
    assert after == {-1, 0, 1}  # shared outputs can be asked before their domain is learned


def test_too_few_time_steps_for_the_chip() -> None:
    with pytest.raises(ValueError, match=r"5 time steps are too few.*fewer fabric.rows"):
        Simulation(quick(stream={"steps": 5}, fabric={"rows": 6}))


def test_more_classes_than_output_slots() -> None:
    with pytest.raises(ValueError, match=r"raise fabric.neurons_per_tile"):
        Simulation(quick(stream={"setting": "joint"}, fabric={"neurons_per_tile": 8}))
