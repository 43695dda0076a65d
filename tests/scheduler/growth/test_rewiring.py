"""Rewiring within rounds: who is spared, what follows, and tables that are the same after a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from smalti.agents.tile import TileAgent
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Changes, Scope
from smalti.model.rewiring.steps import STEPS
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth import rewiring as rewiring
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
COUNTED = {"prune_magnitude": "pruned", "prune_activity": "pruned", "rewire": "rewired", "swap": "swapped"}


@pytest.fixture(scope="session")
def keeping(tiny: MakeConfig) -> Callable[..., Config]:
    """``keeping("swap", ...)``: a small run in which these steps have much to do."""

    def make(*steps: str, **changes: dict[str, object]) -> Config:
        options = RewiringOptions(
            steps=steps,  # type: ignore[arg-type]
            guard=4,
            magnitude=0.8,
            activity=0.8,
            rewired=0.5,
            proposals=200,
        )
        growth = {"rewiring": options, "until": 1.0, "births": 3, "where": "nearest", **changes.pop("growth", {})}
        base = {
            "fabric": {"rows": 3, "cols": 3},
            "training": {"rounds": 5, "steps": 4},
            "stream": {"steps": 13},
            "run": {"seed": 1},
        }
        return tiny(growth=growth, **{**base, **changes})

    return make


def total(rounds: list[RoundRows], column: str) -> int:
    return sum(int(str(rows.rounds[0][column])) for rows in rounds)


@pytest.mark.parametrize("steps", [*((name,) for name in STEPS), tuple(STEPS)], ids=lambda steps: " ".join(steps))
def test_books_and_tables_follow(play: Play, keeping: Callable[..., Config], steps: tuple[str, ...]) -> None:
    """``play`` checks ledger, devices and registry after every round."""
    _, rounds = play(keeping(*steps))
    for name in steps:
        assert total(rounds, COUNTED[name]) > 0
    done = {COUNTED[name] for name in steps}
    assert all(total(rounds, column) == 0 for column in {"pruned", "rewired", "swapped"} - done)


def answers(simulation: Simulation) -> list[Tensor]:
    """Logits of all experts on the validation part of their experience."""
    found = []
    for experience in simulation.stream.experiences:
        expert = simulation.gating.find(experience.classes)
        if expert and expert.outputs and simulation.network.state.alive[list(expert.outputs)].all():
            x, _ = simulation.batches_of(experience).evaluation(1)
            with torch.no_grad():
                activity = simulation.network.run(x, torch.tensor(expert.outputs), simulation.gating.running(expert))
            found.append(simulation.network.read(activity))
    return found


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("protect", [True, False])
def test_experts_learned_before_answer_as_they_did(keeping: Callable[..., Config], engine: str, protect: bool) -> None:
    """Also where nothing is frozen: only the expert in training is pruned and rewired, and swaps change nothing."""
    config = keeping(*STEPS, network={"engine": engine, "precision": "float64"}, gating={"protect": protect})
    simulation, seen, apply_steps = Simulation(config), 0, rewiring.apply_steps

    def watched(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
        nonlocal seen
        before = answers(simulation)
        changes = apply_steps(scope, options, generator)
        noted = [(list(e.neurons), e.outputs) for e in simulation.gating.experts]
        rewiring.follow(simulation.gating.experts, [], changes.moved)
        after = answers(simulation)
        for expert, (neurons, outputs) in zip(simulation.gating.experts, noted, strict=True):
            expert.neurons, expert.outputs = neurons, outputs
        present = next(k for k, e in enumerate(simulation.gating.experts) if simulation.number in e.tasks)
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            if number != present:
                seen += 1
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        return changes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewiring, "apply_steps", watched)
        while not simulation.finished:
            simulation.step()
    assert seen == config.training.rounds


def test_a_trunk_that_others_hear_is_spared(keeping: Callable[..., Config]) -> None:
    simulation = Simulation(keeping(gating={"trunk": True}))
    simulation.step()
    (trunk,) = simulation.gating.experts
    summary = type(
        "TrainingSummary", (), {"counts": torch.zeros(simulation.fabric.neurons, 1), "input_spikes": torch.zeros(8)}
    )

    def members() -> list[int]:
        scope = rewiring.scope_of(simulation.network, simulation.moments, simulation.gating, trunk, summary)  # type: ignore[arg-type]
        return torch.nonzero(scope.members).flatten().tolist()

    assert members() == trunk.members().tolist()
    while len(simulation.gating.experts) < 2:
        simulation.step()
    assert members() == []


def test_experts_outputs_and_silent_rounds_follow(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(training={"rounds": 1, "steps": 2}))
    simulation.step()
    (expert,) = simulation.gating.experts
    tiles = {tile.tile: tile for tile in simulation.agents_by_type[TileAgent]}
    tiles[0].silent_rounds, tiles[1].silent_rounds, tiles[2].silent_rounds = {1: 2, 3: 1}, {9: 5}, {}
    expert.neurons, expert.outputs = [1, 9, 17], (30, 31)
    rewiring.follow([expert], list(tiles.values()), {1: 17, 17: 1, 31: 30, 30: 31})
    assert expert.neurons == [17, 9, 1]
    assert expert.outputs == (31, 30)
    assert [tiles[t].silent_rounds for t in range(4)] == [{3: 1}, {9: 5}, {17: 2}, {}]


def test_a_moved_neuron_keeps_its_number_and_its_old_links_end(play: Play, keeping: Callable[..., Config]) -> None:
    simulation, _ = play(keeping("prune_magnitude", "swap"))
    moved = [row for row in simulation.registry.neurons if row["slot"] != row["birth_slot"]]
    assert moved
    for row in moved:
        locals_ = [
            link for link in simulation.registry.links if (link["source"], link["kind"]) == (row["neuron"], "local")
        ]
        alive = row["retired_round"] is None
        assert locals_[-1]["target_tile"] == row["tile"]
        assert [link["retired_round"] is None for link in locals_] == [False] * (len(locals_) - 1) + [alive]
        assert len(locals_) > 1 or row["birth_round"] == locals_[0]["birth_round"]


@pytest.mark.parametrize("steps", [*((name,) for name in STEPS), tuple(STEPS)], ids=lambda steps: " ".join(steps))
def test_a_run_that_was_stopped_goes_on_to_the_same_tables(
    keeping: Callable[..., Config], tmp_path: Path, timeless: Timeless, state_of: StateOf, steps: tuple[str, ...]
) -> None:
    class Stopped(Exception):
        pass

    def stop(simulation: Simulation) -> None:
        if simulation.round in (3, 6):
            raise Stopped

    def go_on(simulation: Simulation) -> None:
        pass

    config: Any = keeping(*steps)
    start(config, tmp_path / "whole", go_on)
    with pytest.raises(Stopped):
        start(config, tmp_path / "stopped", stop)
    with pytest.raises(Stopped):
        resume(tmp_path / "stopped", stop)
    resume(tmp_path / "stopped", go_on)
    for name, table in timeless(tmp_path / "whole").items():
        pd.testing.assert_frame_equal(timeless(tmp_path / "stopped")[name], table, check_exact=True)
    assert state_of(tmp_path / "whole") == state_of(tmp_path / "stopped")
