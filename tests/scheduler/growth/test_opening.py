"""How tasks open on the experts that exist: what is tried, what is taken, what it costs, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.answers import evaluation
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.growth.opening import Opening
from smalti.scheduler.growth.placing.room import Room
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import VALIDATION

Timed = Callable[..., memory.Data]


def config(**reuse: Any) -> Config:
    return configure(
        {
            "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 20, "wires": 8, "inputs": "every"},
            "network": {"output_tau_ms": 5.0},
            "stream": {"name": "arrays", "setting": "task"},
            "training": {"rounds": 2, "steps": 30, "batch": 16, "warm_up": 2},
            "growth": {"seed_width": 4, "when": "never", "reserve": 0, "siblings": True, "probe": 32},
            "growth.reuse": {"by": "readout", "enough": 0.5, "samples": 40, "taps": 6, **reuse},
            "gating": {"network": "label"},
        }
    )


def played(settings: Config, data: memory.Data) -> tuple[Simulation, list[dict[str, object]]]:
    simulation, rows = Simulation(settings, data=data), []
    while not simulation.finished:
        simulation.step()
        rows += simulation.rows.openings
    return simulation, rows


def test_a_readout_over_old_neurons_serves_where_it_is_enough(timed: Timed) -> None:
    simulation, rows = played(config(by="readout", enough=0.5), timed())
    assert [(row["task"], row["step"]) for row in rows if row["taken"]] == [(0, "seed"), (1, "readout"), (2, "experts")]
    first, second = simulation.gating.experts
    assert first.tasks == [0, 2]
    assert first.lent == [2]
    assert not second.neurons
    assert len(second.outputs) == 2
    heard = torch.nonzero(simulation.network.upstream.of(torch.tensor(second.outputs))).flatten().tolist()
    assert set(heard) - set(second.outputs) <= set(first.neurons)
    assert len(heard) > 2
    assert torch.equal(simulation.gating.running(second), simulation.network.upstream.of(torch.tensor(second.outputs)))
    born = simulation.table("neurons")
    assert (born[born["task"] == 1]["rule"] == "tap").all()
    assert (born[born["task"] == 2]).empty


def test_old_answers_stay_bit_for_bit(tmp_path: Path, timed: Timed) -> None:
    simulation = Simulation(config(by="readout", enough=0.5), data=timed())
    said = []
    while not simulation.finished:
        simulation.step()
        if simulation.round >= 2:
            x, _ = simulation.batches_of(simulation.stream.experiences[0]).evaluation(VALIDATION)
            said.append(evaluation.with_label(simulation.gating, simulation.gating.experts[0], x, (0,)).steps)
    assert all(torch.equal(one, said[0]) for one in said)


def test_what_a_readout_is_judged_by_is_what_the_chip_says(timed: Timed) -> None:
    simulation = Simulation(config(by="readout", enough=0.5), data=timed())
    for _ in range(2):
        simulation.step()
    experience = simulation.stream.experiences[1]
    batches, grower = simulation.batches_of(experience), simulation.grower
    opening = Opening(
        grower=grower,
        task=1,
        classes=(1,),
        outputs=2,
        training=batches.probe(40, 2),
        examples=lambda: batches.probe(40, 2),
        validation=batches.evaluation(VALIDATION),
        chance=lambda stage, tile: np.random.default_rng(stage + tile),
        plan=None,
        room=Room(),
        meet=lambda expert: expert.meet(1, (1,), apart=True),
    )
    expert = opening.run()
    (row,) = [row for row in opening.rows if row["step"] == "readout"]
    assert row["taken"]
    x, wanted = opening.validation
    answers = evaluation.with_label(simulation.gating, expert, x, (1,))
    assert answers.score(wanted, simulation.stream.readout) == pytest.approx(row["score"], abs=1e-5)
    assert answers.steps is not None
    loss = grower.judge.losses(expert, answers.steps, wanted).mean()
    assert float(loss) == pytest.approx(row["loss"], rel=1e-4)
    won = [outcome for outcome in grower.outcomes if outcome.won and outcome.bid.rule == "tap"]
    assert len(won) == row["taps"] + row["inputs"]


@pytest.mark.parametrize("beside", [True, False])
def test_where_nothing_is_enough_neurons_are_born_and_may_keep_the_taps(beside: bool, timed: Timed) -> None:
    simulation, rows = played(config(enough=1.0, beside=beside), timed(tasks=2))
    assert [row["step"] for row in rows if row["taken"]] == ["seed", "seed"]
    first, second = simulation.gating.experts
    assert len(first.neurons) == len(second.neurons) == 4
    heard = simulation.network.upstream.of(torch.tensor(second.outputs))
    assert bool(heard[first.neurons].any()) == beside


def test_a_readout_hears_inputs_and_needs_no_neuron_for_them(timed: Timed) -> None:
    """With inputs as the only free links, all that is heard is an input or a neuron of the same tile."""
    simulation, _ = played(config(by="readout", enough=0.5, taps=40), timed(tasks=2))
    network, (first, second) = simulation.network, simulation.gating.experts
    tile = second.output_tile
    columns = [slot % network.fabric.slots for slot in second.outputs]
    sources = network.state.source[tile][network.state.mask[tile][:, columns].any(1)]
    assert (sources >= network.fabric.neurons).any()
    assert not second.neurons
    assert int(network.upstream.of(sources).sum()) <= len(first.neurons)


def test_grow_never_and_always(timed: Timed) -> None:
    _, never = played(config(grow="never", enough=1.0), timed())
    assert [row["step"] == "seed" for row in never if row["taken"]] == [True, False, False]
    _, drawn = played(config(grow="random", share=0.5, enough=1.0), timed(tasks=9))
    steps = [row["step"] for row in drawn if row["taken"]]
    assert steps[0] == "seed"
    assert 0 < steps[1:].count("seed") < 8
    _, always = played(config(grow="always", enough=-0.0), timed())
    assert [row["step"] for row in always if row["taken"]] == ["seed", "seed", "seed"]


def test_a_full_chip_serves_with_what_there_is(timed: Timed) -> None:
    settings = config(enough=1.0)
    small = replace(settings, fabric=replace(settings.fabric, cols=1, neurons_per_tile=13))
    simulation, rows = played(small, timed())  # places for 4 + 3 neurons and for two outputs of each task
    assert [row["step"] for row in rows if row["taken"]][:2] == ["seed", "seed"]
    assert [len(expert.neurons) for expert in simulation.gating.experts[:2]] == [4, 3]
    assert [row["score"] for row in rows if row["taken"]][2] == max(row["score"] for row in rows if row["task"] == 2)


def test_a_seed_that_finds_no_way_to_its_outputs_leaves_no_trace(timed: Timed) -> None:
    """Of two tiles the southern one has room, but the first two seeds have taken all wires that lead there."""
    settings = config(enough=1.0)
    fabric = replace(settings.fabric, rows=2, cols=1, wires=2, neurons_per_tile=20)
    simulation, rows = played(replace(settings, fabric=fabric), timed(tasks=3))
    assert [row["step"] for row in rows if row["taken"]] in (["seed", "seed", last] for last in ("readout", "experts"))
    neurons = simulation.table("neurons")
    assert set(neurons[neurons["kind"] == "hidden"]["task"]) == {0, 1}
    assert [expert.number for expert in simulation.gating.experts] == [*range(len(simulation.gating.experts))]
    assert all(expert.outputs for expert in simulation.gating.experts)


def test_a_seed_alone_without_reuse_writes_no_openings(timed: Timed) -> None:
    _, rows = played(config(by="none"), timed(tasks=2))
    assert rows == []


def test_a_lent_expert_stays_as_it_is_when_its_task_returns(timed: Timed) -> None:
    settings = config(by="experts", enough=0.5)
    again = replace(settings, stream=replace(settings.stream, order=(0, 1, 1)))
    simulation = Simulation(again, data=timed(tasks=2, alike=True))
    weights = []
    while not simulation.finished:
        simulation.step()
        weights.append(simulation.network.state.weight.detach().clone())
    assert len(simulation.gating.experts) == 1
    assert simulation.gating.experts[0].lent == [1, 2]
    assert all(torch.equal(one, weights[1]) for one in weights[1:])


@pytest.mark.parametrize(("by", "alike"), [("readout", False), ("experts", True)])
def test_an_expert_on_which_other_answers_hang_stays_when_its_task_returns(timed: Timed, by: str, alike: bool) -> None:
    settings = config(by=by, enough=0.5, readout_rounds=0)
    settings = replace(settings, stream=replace(settings.stream, order=(0, 1, 0)))
    simulation = Simulation(settings, data=timed(tasks=2, alike=alike))
    said = []
    while not simulation.finished:
        simulation.step()
        if simulation.round >= 4:
            x, _ = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
            said.append(evaluation.with_task(simulation.gating, x, (1,)).steps)
    rounds = simulation.table("rounds")
    assert rounds["task"].tolist() == [0, 0, 1, 1, 0, 0]
    assert rounds["loss"][4:].isna().all()
    assert all(torch.equal(one, said[0]) for one in said)
    assert simulation.table("openings").groupby("task")["taken"].sum().tolist() == [1, 1]


def test_an_expert_that_nobody_hears_learns_on_when_its_task_returns(timed: Timed) -> None:
    settings = config(by="none")
    settings = replace(settings, stream=replace(settings.stream, order=(0, 1, 0)))
    simulation, _ = played(settings, timed(tasks=2))
    assert len(simulation.gating.experts) == 2
    assert simulation.gating.experts[0].tasks == [0, 2]
    assert simulation.table("rounds")["loss"].notna().all()
    asked = simulation.table("evaluations")
    assert not asked.duplicated(["after", "on", "setting", "split"]).any()


def test_options_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"growth\.reuse\.taps"):
        ReuseOptions(taps=0)
    with pytest.raises(ValueError, match=r"growth\.reuse\.by"):
        ReuseOptions(by="nobody")  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_classes_may_be_read_from_old_neurons_too(engine: str, tiny: Any) -> None:
    """Labels of whole samples: the read-out is fitted to indicators and scaled in nats."""
    settings = tiny(network={"engine": engine}, growth={"reuse": ReuseOptions(by="readout", enough=0.5, samples=24)})
    simulation, rows = Simulation(settings), []
    for record in simulation:
        assert record["unit"] == "nats"
        rows += simulation.rows.openings
    assert [row["step"] for row in rows] == ["seed", "readout"]
    assert rows[1]["taken"]
    x, wanted = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    assert evaluation.with_task(simulation.gating, x, (2, 3)).score(wanted) >= 0.5


def test_experts_as_they_are_have_no_outputs_for_new_classes(tiny: Any) -> None:
    with pytest.raises(ValueError, match=r"growth\.reuse\.by = 'experts' asks .* take readout, .* or none"):
        Simulation(tiny(growth={"reuse": ReuseOptions(by="experts")}))


def test_tasks_that_share_their_classes_have_nothing_to_reuse(tiny: Any) -> None:
    x, y, speaker = np.random.default_rng(0).random((80, 4)), np.arange(80) % 2, np.arange(80) // 40
    settings = tiny(growth={"reuse": ReuseOptions(by="readout")}, stream={"setting": "domain", "path": ""})
    with pytest.warns(UserWarning, match=r"finds nothing to reuse: with stream\.setting = 'domain' all tasks have the"):
        Simulation(settings, data=memory.arrays(x, y, task=speaker))


def test_outputs_of_all_tasks_find_a_place_whatever_grows(timed: Timed) -> None:
    """27 slots: neurons of the first tasks leave two for the outputs of each of the seven, so all try a read-out."""
    settings = config(enough=1.0, grow="always")
    growth = replace(settings.growth, when="schedule", every=1, births=9, max_neurons=0, until=1.0)
    fabric = replace(settings.fabric, cols=1, neurons_per_tile=27)
    simulation, rows = played(replace(settings, growth=growth, fabric=fabric), timed(tasks=7))
    assert [row["task"] for row in rows if row["taken"]] == [*range(7)]
    assert [row["task"] for row in rows if row["step"] == "readout"] == [*range(1, 7)]
    assert {len(expert.outputs) for expert in simulation.gating.experts} == {2}


@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_a_run_goes_on_bit_for_bit(timed: Timed, rounds: int) -> None:
    """From a task that has a seed, from a read-out in learning, and after it."""
    whole, _ = played(config(readout_rounds=2), timed())
    begun = Simulation(config(readout_rounds=2), data=timed())
    for _ in range(rounds):
        begun.step()
    again = Simulation(config(readout_rounds=2), data=timed())
    again.load_state_dict(deepcopy(begun.state_dict()), begun.registry.neurons, begun.registry.links)
    while not again.finished:
        again.step()
    assert torch.equal(again.network.state.weight, whole.network.state.weight)
    assert again.gating.state_dict()["experts"] == whole.gating.state_dict()["experts"]
    assert again.rows.evaluations == whole.rows.evaluations
