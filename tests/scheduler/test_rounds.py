"""What happens to neurons within a round, and the books kept of it: grafts, retirement, slots given away again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smalti.model.growth.learning_rates import NewbornOptions
from smalti.model.optimiser import OptimiserOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Check = Callable[[Simulation], None]


@pytest.mark.parametrize("rule", ["random", "gradmax_whitened"])
def test_a_graft_leaves_every_answer_bit_for_bit(tiny: MakeConfig, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    growth = {"rule": rule, "births": 2, "until": 1.0}
    simulation = Simulation(tiny(growth=growth, fabric={"neurons_per_tile": 12}))
    grow, differences = simulation.grower.grow, []

    def answers() -> list[Tensor]:
        asked = []
        for experience in simulation.stream.experiences:
            expert = simulation.gating.find(experience.classes)
            if expert:
                x, _ = simulation.batches_of(experience).evaluation(1)
                outputs, running = torch.tensor(expert.outputs), simulation.gating.running(expert)
                asked.append(simulation.network.read(simulation.network.run(x, outputs, running)).detach())
        return asked

    def watched(*arguments: object) -> None:
        before, born = answers(), len(simulation.grower.born)
        grow(*arguments)
        assert len(simulation.grower.born) > born
        differences.extend(not torch.equal(a, b) for a, b in zip(before, answers(), strict=True))

    monkeypatch.setattr(simulation.grower, "grow", watched)
    while not simulation.finished:
        simulation.step()
    assert len(differences) > 4
    assert not any(differences)


def silence(simulation: Simulation, slot: int) -> None:
    """Cut a neuron's fan-in: it is silent, and out of the surrogate's reach for good."""
    tile, column = divmod(slot, simulation.fabric.slots)
    with torch.no_grad():
        simulation.network.state.weight[tile, :, column] = 0


def grown(simulation: Simulation) -> list[int]:
    slots = simulation.registry.id_of_slot
    return [slot for slot, number in slots.items() if simulation.registry.neurons[number]["rule"] == "gradmax_whitened"]


@pytest.mark.parametrize("patience", [1, 2])
def test_silent_neurons_retire_and_free_slot_rows_and_wires(check: Check, tiny: MakeConfig, patience: int) -> None:
    growth = {"retire_after": patience, "until": 0.2, "births": 2}
    simulation = Simulation(tiny(growth=growth, training={"rounds": 6, "steps": 3}))
    simulation.step()
    slot = next(s for s in grown(simulation) if len(simulation.network.links.of(s)) > 1)
    number, links = simulation.registry.id_of_slot[slot], simulation.network.links
    wires, rows = links.ledger.used.sum(), [(tile, links.rows[slot, tile]) for tile in links.of(slot)]
    silence(simulation, slot)
    for _ in range(patience - 1):
        simulation.step()
        assert simulation.registry.neurons[number]["retired_round"] is None
    simulation.step()
    check(simulation)
    assert simulation.registry.neurons[number]["retired_round"] == patience
    assert not simulation.network.state.alive[slot]
    assert all(links.source[place] == -1 for place in rows)
    assert links.ledger.used.sum() < wires
    ended = [row for row in simulation.registry.links if row["source"] == number and row["kind"] != "input"]
    assert len(ended) == len(rows)
    assert {row["retired_round"] for row in ended} == {patience}
    assert simulation.rows.rounds[0]["retired"] == 1


def test_a_slot_can_be_retired_and_given_away_again_in_one_round(check: Check, tiny: MakeConfig) -> None:
    growth = {"retire_after": 1, "until": 1.0, "births": 4, "reserve": 0, "max_neurons": 0}
    simulation = Simulation(tiny(growth=growth, fabric={"neurons_per_tile": 6}, training={"rounds": 6, "steps": 3}))
    simulation.step()
    again = 0
    for _ in range(5):
        for slot in grown(simulation):
            silence(simulation, slot)
        simulation.step()
        check(simulation)
        gone = {row["slot"] for row in simulation.registry.neurons if row["retired_round"] == simulation.round - 1}
        again += len(gone & {slot for slot, _, _ in simulation.grower.born})
    assert again > 0


def test_seeds_do_not_retire(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(growth={"retire_after": 1, "until": 0.1}, training={"rounds": 4, "steps": 2}))
    simulation.step()
    seeds = simulation.gating.experts[0].neurons
    for slot in seeds:
        silence(simulation, slot)
    simulation.step()
    assert simulation.rows.rounds[0]["spikes_per_sample"] == 0
    assert simulation.network.state.alive[seeds].all()
    assert all(row["retired_round"] is None for row in simulation.registry.neurons)


@pytest.mark.parametrize("patience", [0, 3])
def test_nobody_retires_before_the_time(tiny: MakeConfig, patience: int) -> None:
    simulation = Simulation(tiny(growth={"retire_after": patience}, training={"rounds": 3, "steps": 3}))
    simulation.step()
    for slot in grown(simulation):
        silence(simulation, slot)
    for _ in range(2):
        simulation.step()
    assert all(row["retired_round"] is None for row in simulation.registry.neurons)


def test_a_device_has_the_stage_of_the_later_born_of_its_two_neurons(tiny: MakeConfig) -> None:
    """Stages count the rounds in which the expert has grown; what was laid at its opening has stage 0."""
    simulation = Simulation(tiny(growth={"births": 2, "until": 1.0}, fabric={"neurons_per_tile": 12}))
    while not simulation.finished:
        simulation.step()
    registry, state, fabric = simulation.registry, simulation.network.state, simulation.fabric
    events: dict[int, list[int]] = {0: [], 1: []}  # task -> rounds
    for row in registry.neurons:
        if row["rule"] != "seed" and row["birth_round"] not in events[row["task"]]:
            events[row["task"]].append(row["birth_round"])
    found = set()
    for tile, row, column in torch.nonzero(state.mask).tolist():
        ends = tile * fabric.slots + column, int(state.source[tile, row])
        born = [registry.neurons[registry.id_of_slot[slot]] for slot in ends if slot < fabric.neurons]
        expected = max(0 if n["rule"] == "seed" else 1 + events[n["task"]].index(n["birth_round"]) for n in born)
        assert state.stage[tile, row, column] == expected
        found.add(expected)
    assert len(found) > 2
    assert not state.stage[~state.mask].any()


@pytest.mark.parametrize("method", ["adam", "sgd"])
def test_what_is_frozen_stays_whatever_way_newborns_are_raised(tiny: MakeConfig, method: str) -> None:
    newborns = NewbornOptions(rate=3.0, warm_up=5, youth=6, rate_adaptation=True, variance_transfer=True)
    optimiser = OptimiserOptions(method=method, weight_decay=0.5)  # type: ignore[arg-type]
    growth = {"births": 2, "until": 1.0, "newborns": newborns}
    config = tiny(growth=growth, fabric={"neurons_per_tile": 12}, training={"optimiser": optimiser})
    simulation = Simulation(config)
    state, rounds = simulation.network.state, config.training.rounds
    while simulation.round < rounds + 1:
        simulation.step()
    frozen, kept = state.frozen.clone(), state.weight.detach().clone()
    assert frozen.any()
    while not simulation.finished:
        simulation.step()
        assert simulation.grower.born
        assert torch.equal(state.frozen, frozen)
        assert torch.equal(state.weight.detach()[frozen], kept[frozen])
        assert (state.weight.detach() != kept)[state.mask & ~frozen].any()
        assert state.weight.isfinite().all()


def test_only_variance_transfer_moves_the_old_in_a_growth_event(
    tiny: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old inputs of neurons that got new ones shrink, by more than a tenth here; no other device moves."""
    for transfers in (False, True):
        newborns = NewbornOptions(rate=3.0, rate_adaptation=True, variance_transfer=transfers)
        simulation = Simulation(tiny(growth={"births": 2, "newborns": newborns}))
        state, grow, events = simulation.network.state, simulation.grower.grow, []

        def watched(*arguments: object, state=state, grow=grow, events=events) -> None:  # type: ignore[no-untyped-def]
            mask, weight = state.mask.clone(), state.weight.detach().clone()
            grow(*arguments)
            gained = (state.mask & ~mask).any(1, keepdim=True)
            old = mask & ~state.frozen & gained & (weight != 0)
            share = state.weight.detach()[old] / weight[old]
            moved = state.weight.detach() != weight
            events.append((bool((moved & mask & ~old).any()), share.min(), share.max()))

        monkeypatch.setattr(simulation.grower, "grow", watched)
        while not simulation.finished:
            simulation.step()
        assert len(events) > 2
        assert not any(others for others, _, _ in events)
        if transfers:
            assert min(low for _, low, _ in events) < 0.9
            assert max(high for _, _, high in events) < 1
        else:
            assert all(low == high == 1 for _, low, high in events)
