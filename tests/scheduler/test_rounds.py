"""What happens to neurons within a round, and the books kept of it: grafts, retirement, slots given away again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from scheduler.config import Config
from scheduler.simulation import Simulation

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
                x, _ = simulation.feed_of(experience).evaluation(1)
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
    slots = simulation.census.id_of_slot
    return [slot for slot, number in slots.items() if simulation.census.neurons[number]["rule"] == "gradmax_whitened"]


@pytest.mark.parametrize("patience", [1, 2])
def test_silent_neurons_retire_and_free_slot_rows_and_wires(check: Check, tiny: MakeConfig, patience: int) -> None:
    growth = {"retire_after": patience, "until": 0.2, "births": 2}
    simulation = Simulation(tiny(growth=growth, training={"rounds": 6, "steps": 3}))
    simulation.step()
    slot = next(s for s in grown(simulation) if len(simulation.network.links.of(s)) > 1)
    number, links = simulation.census.id_of_slot[slot], simulation.network.links
    wires, rows = links.ledger.used.sum(), [(tile, links.rows[slot, tile]) for tile in links.of(slot)]
    silence(simulation, slot)
    for _ in range(patience - 1):
        simulation.step()
        assert simulation.census.neurons[number]["retired_round"] is None
    simulation.step()
    check(simulation)
    assert simulation.census.neurons[number]["retired_round"] == patience
    assert not simulation.network.state.alive[slot]
    assert all(links.source[place] == -1 for place in rows)
    assert links.ledger.used.sum() < wires
    ended = [row for row in simulation.census.links if row["source"] == number and row["kind"] != "input"]
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
        gone = {row["slot"] for row in simulation.census.neurons if row["retired_round"] == simulation.round - 1}
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
    assert all(row["retired_round"] is None for row in simulation.census.neurons)


@pytest.mark.parametrize("patience", [0, 3])
def test_nobody_retires_before_the_time(tiny: MakeConfig, patience: int) -> None:
    simulation = Simulation(tiny(growth={"retire_after": patience}, training={"rounds": 3, "steps": 3}))
    simulation.step()
    for slot in grown(simulation):
        silence(simulation, slot)
    for _ in range(2):
        simulation.step()
    assert all(row["retired_round"] is None for row in simulation.census.neurons)
