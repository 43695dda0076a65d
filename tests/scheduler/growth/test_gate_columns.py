"""A gating network on the chip: its columns answer as its sums say, are counted, and give way where room is short."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smalti.analysis.export.chip import export_chip
from smalti.analysis.export.population import population_of
from smalti.analysis.findings.look import findings
from smalti.analysis.growth.reuse import has_openings
from smalti.analysis.measures.account import account
from smalti.analysis.runs import load_run
from smalti.model import costs
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links
from smalti.model.devices.stuck import share_stuck
from smalti.model.gating.features import spike_counts
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.staged import on_chip
from smalti.scheduler.answers import evaluation, hearing
from smalti.scheduler.answers.question import question
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.gate_columns import Entry, entries, place
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST, VALIDATION

Configured = Callable[..., Config]
Played = Callable[..., Simulation]
STEPS, CHANNELS = 14, 16


def gate_of(simulation: Simulation) -> CrossbarGating:
    chip = on_chip(simulation.gating.gate)
    assert chip is not None
    return chip


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize(
    "fabric", [{"fabric.neurons_per_tile": 40}, {"fabric.rows": 1, "fabric.cols": 2, "fabric.inputs": "every"}]
)
def test_columns_on_the_chip_say_what_the_sums_say(engine: str, fabric: dict[str, Any], played: Played) -> None:
    simulation = played(**{"network.engine": engine, "gating.windows": 2, "gating.crossbar.centres": 2}, **fabric)
    gate, network = gate_of(simulation), simulation.network
    parts = 1 if "fabric.inputs" in fabric else 4  # tiles over which inputs are spread
    assert gate.classes == (0, 1, 2, 3, 4, 5)
    assert len(gate.columns) == len(set(gate.slots.tolist())) == 6 * 2 * 2 * parts
    state = network.state
    assert bool((state.alive & state.output)[gate.slots].all())
    heard = torch.zeros(2, CHANNELS, dtype=torch.bool)
    for column in gate.columns:
        tile, place = divmod(column.slot, simulation.fabric.slots)
        sources = state.source[tile][state.mask[tile, :, place]] - simulation.fabric.neurons
        assert int(sources.min()) >= 0  # inputs alone
        heard[column.window, sources] = True
    x, _ = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    counts = spike_counts(x, 2).double()
    weights, offsets = gate.centres.discriminants(gate.discriminants, heard.flatten())
    by_centre = (counts @ weights + offsets).view(len(x), 6, 2)
    said = gate.class_scores(hearing.features(simulation.gating, x))
    torch.testing.assert_close(said, by_centre.logsumexp(2), rtol=1e-4, atol=1e-3)


def test_the_gate_is_counted_on_the_chip_and_off_it(played: Played) -> None:
    simulation = played()
    agent, gate, network = simulation.gating, gate_of(simulation), simulation.network
    x, wanted = simulation.batches_of(simulation.stream.experiences[0]).evaluation(TEST)
    alone = evaluation.gate_alone(agent, x)
    assert alone is not None
    columns = torch.zeros_like(network.state.alive)
    columns[gate.slots] = True
    spikes = torch.cat([torch.zeros(simulation.fabric.neurons).double(), hearing.per_channel(x)])
    met = sum(
        float(hearing.per_channel(x)[source - simulation.fabric.neurons])
        for tile, row, place in torch.nonzero(network.state.mask).tolist()
        if columns[tile * simulation.fabric.slots + place]
        for source in [int(network.state.source[tile, row])]
    )
    assert alone.operations_per_sample == pytest.approx(met)
    assert alone.operations_per_sample == costs.synaptic_operations(network, spikes, columns)
    assert alone.multiplications_per_sample == len(gate.columns) * STEPS
    assert (alone.gate.counted_spikes, alone.latency) == (0.0, STEPS)
    assert alone.score(wanted) > 0.8
    with_experts = evaluation.without_label(agent, x)
    own = [evaluation.with_label(agent, e, x, e.classes).operations_per_sample for e in agent.experts]
    assert min(own) <= with_experts.operations_per_sample <= max(own)  # all of which have asked the columns for a vote
    assert with_experts.operations_per_sample > alone.operations_per_sample
    assert with_experts.gate.latency == STEPS
    assert with_experts.gate.buffered_spikes == pytest.approx(float(x.sum()) / len(x))


def test_tables_know_columns_and_bids(tmp_path: Path, config: Configured) -> None:
    start(config(), tmp_path / "run", lambda simulation: None)
    run = load_run(tmp_path / "run")
    neurons, bids, openings = run.table("neurons"), run.table("bids"), run.table("openings")
    columns = neurons[neurons["rule"] == "gate"]
    assert set(columns["kind"]) == {"output"}
    assert columns.groupby("task").size().tolist() == [8, 8, 8]
    assert columns.groupby("birth_round").size().index.tolist() == [0, 1, 2]
    assert set(bids.loc[bids["rule"] == "tap", "round"]) == {0, 1, 2}
    assert openings["step"].tolist() == ["gate"] * 3
    assert openings["taken"].all()
    assert openings["inputs"].between(8, CHANNELS).all()
    assert not has_openings(run)
    assert not [one for one in findings(run) if one.kind in ("refused", "without_columns")]
    told = account(run).loc["class"]
    assert told["adds_counting"] == 0
    devices = int(run.table("rounds")["devices"].iloc[-1])
    assert told["bytes_chip"] == 4 * (devices + len(neurons))
    export_chip(run, tmp_path / "chip")
    facts = json.loads((tmp_path / "chip" / "chip.json").read_text(encoding="utf-8"))
    assert {one["neuron"] for one in facts["gate"]["columns"]} == set(columns["neuron"])
    assert [one["class"] for one in facts["gate"]["offsets"]] == [0, 1, 2, 3, 4, 5]


def test_later_classes_rewrite_the_devices_of_earlier_ones(config: Configured) -> None:
    simulation = Simulation(config())
    simulation.step()
    gate, state = gate_of(simulation), simulation.network.state
    slots, mask, weight = gate.slots, state.mask.clone(), state.weight.detach().clone()
    before = simulation.network.memristors.wear.state_dict()["writes"].clone()
    simulation.step()
    tiles, places = slots // simulation.fabric.slots, slots % simulation.fabric.slots
    kept = (mask & state.mask)[tiles, :, places]
    moved = kept & (state.weight != weight)[tiles, :, places]
    assert int(moved.sum()) > 0.9 * int(kept.sum()) > 0
    writes = simulation.network.memristors.wear.state_dict()["writes"] - before
    assert torch.equal(writes[tiles, :, places][kept], moved[kept].int())  # each of them is a write


def test_fewer_taps_are_the_most_valuable(played: Played) -> None:
    simulation = played(**{"gating.crossbar.taps": 3})
    gate, state = gate_of(simulation), simulation.network.state
    devices = [int(state.mask[s // simulation.fabric.slots, :, s % simulation.fabric.slots].sum()) for s in gate.slots]
    assert devices == [3] * len(devices)
    won = [outcome.bid.taps for outcome in simulation.grower.outcomes if outcome.won and outcome.bid.rule == "tap"]
    assert len(won) == 12
    x, wanted = simulation.batches_of(simulation.stream.experiences[0]).evaluation(TEST)
    alone = evaluation.gate_alone(simulation.gating, x)
    assert alone is not None
    assert alone.score(wanted) > 0.5


@pytest.mark.parametrize("network", ["crossbar", "staged"])
def test_a_resumed_run_ends_as_a_whole_one(
    check_resume: Callable[[Config, int], None], network: str, config: Configured
) -> None:
    stages = {"gating.stages.networks": ("crossbar", "gaussian")}
    check_resume(config(**{"gating.network": network, **stages, "gating.crossbar.centres": 2}), 2)


@pytest.mark.parametrize("experts", ["task", "shared"])
def test_centres_are_merged_where_columns_are_few(experts: str, played: Played) -> None:
    simulation = played(**{"gating.crossbar.centres": 50, "gating.experts": experts})
    gate = gate_of(simulation)
    centres = {label: len(count) for label, count in gate.centres.count.items()}
    assert set(centres) == {0, 1, 2, 3, 4, 5}
    assert 1 <= min(centres.values()) <= max(centres.values()) < 5
    assert not gate.without_columns
    kept = simulation.table("openings").query("step == 'gate'")["centres"]
    assert kept.iloc[-1] == min(centres.values())
    free = simulation.network.free_slots(simulation.fabric.north_tiles)
    assert min(len(slots) for slots in free.values()) < 6  # else all had got one more


def test_a_task_without_columns_is_served_where_it_is_told(tmp_path: Path, config: Configured) -> None:
    small = config(**{"fabric.neurons_per_tile": 10, "growth.seed_width": 2})
    simulation = start(small, tmp_path / "run", lambda simulation: None)
    assert simulation.finished
    gate, run = gate_of(simulation), load_run(tmp_path / "run")
    rows = run.table("openings")
    assert rows["taken"].tolist() == [True, True, False]
    assert gate.classes == (0, 1, 2, 3)
    assert "no slot left for 2 columns" in rows["refused"].iloc[-1]
    assert "has to be told" in rows["refused"].iloc[-1]
    last = run.table("evaluations").query("after == 2 and on == 2 and split == 'test'").set_index("setting")["accuracy"]
    assert last["class"] == 0.0
    assert last["task"] >= 0.5
    (finding,) = (one for one in findings(run) if one.kind == "without_columns")
    assert finding.title == "1 task found no columns for the gating network"


def test_experts_come_before_columns(played: Played) -> None:
    simulation = played(**{"fabric.neurons_per_tile": 10})
    assert [len(expert.neurons) > 0 for expert in simulation.gating.experts] == [True] * 3


def test_growth_leaves_slots_for_columns_to_come(played: Played) -> None:
    grown = {
        "when": "schedule",
        "every": 1,
        "births": 20,
        "until": 1.0,
        "max_neurons": 60,
        "candidates": 20,
        "reserve": 0,
    }
    free = {"slot_price": 0.0, "row_price": 0.0, "wire_price": 0.0}
    simulation = played(
        **{"growth": {**grown, "seed_width": 1}, "auction": free, "training.rounds": 4, "fabric.neurons_per_tile": 12}
    )
    assert gate_of(simulation).classes == (0, 1, 2, 3, 4, 5)
    north = simulation.network.free_slots(simulation.fabric.north_tiles)
    assert min(len(slots) for slots in north.values()) == 0  # growth has taken the rest


def test_columns_are_neurons_of_the_exported_net(played: Played) -> None:
    simulation = played()
    gate, population = gate_of(simulation), population_of(simulation)
    places = np.searchsorted(population.slots, gate.slots.numpy())
    assert (population.slots[places] == gate.slots.numpy()).all()
    assert not population.net.fires[places].any()
    assert population.net.fan_in[places].any(1).all()
    assert not population.net.recurrent[places].any()


def test_training_leaves_columns_alone(config: Configured) -> None:
    simulation = Simulation(config(**{"gating.protect": False, "training.rounds": 2}))
    simulation.step()
    simulation.step()
    slots, weight = gate_of(simulation).slots, simulation.network.state.weight.detach().clone()
    simulation.step()
    tiles, places = slots // simulation.fabric.slots, slots % simulation.fabric.slots
    now = simulation.network.state.weight.detach()
    assert torch.equal(now[tiles, :, places], weight[tiles, :, places])
    assert not torch.equal(now, weight)


def test_stages_count_spikes_only_of_samples_that_are_asked_on(played: Played) -> None:
    stages = {"networks": ("crossbar", "gaussian"), "margin": 30.0}
    simulation = played(**{"gating.network": "staged", "gating.stages": stages})
    x, _ = simulation.batches_of(simulation.stream.experiences[2]).evaluation(TEST)
    asked = question(simulation.gating, x)
    last = simulation.gating.gate.last_asked(asked.heard.counts)  # type: ignore[attr-defined]
    assert 0 < int(last.sum()) < len(x)
    assert asked.cost.counted_spikes == pytest.approx(float(x[last == 1].sum()) / len(x))
    assert asked.heard.work.additions > 0


def test_hidden_boundaries_never_say_when_columns_are_to_be_programmed(config: Configured) -> None:
    for gating in (
        {"gating.network": "crossbar"},
        {"gating.network": "staged", "gating.stages.networks": ("crossbar", "lda")},
    ):
        with pytest.raises(ValueError, match="programs its columns when a task has ended"):
            Simulation(config(**gating, **{"stream.boundaries": "hidden"}))


def test_inputs_enter_where_the_chip_says() -> None:
    spread, every = (Fabric(FabricOptions(cols=2, wires=4, inputs=how)) for how in ("spread", "every"))
    assert entries(Links(spread, 3)) == [Entry((0,), (0, 2)), Entry((1,), (1,))]
    assert entries(Links(every, 3)) == [Entry((0, 1), (0, 1, 2))]
    links = Links(every, 3)
    links.remove(every.neurons, 0)
    assert entries(links) == [Entry((1, 0), (0, 1, 2))]  # most can be heard in tile 1
    links = Links(spread, 3)
    links.remove(spread.neurons + 1, 1)
    assert entries(links) == [Entry((0,), (0, 2))]  # a column in tile 1 would hear nothing


def test_a_column_goes_where_most_slots_are_left() -> None:
    groups = [Entry((0, 1), (0, 1))]
    placed, full = place(groups, [(7, 0), (7, 1)], 2, {0: [0, 1], 1: [10, 11, 12]})
    assert full is None
    assert [(one.slot, one.centre, one.window) for one in placed] == [(12, 0, 0), (1, 0, 1), (11, 1, 0), (0, 1, 1)]
    placed, full = place(groups, [(7, 0), (7, 1), (7, 2)], 2, {0: [0, 1], 1: [10, 11, 12]})
    assert (len(placed), full) == (5, 0)


def test_a_self_test_gives_columns_the_soundest_slots(played: Played) -> None:
    """Of each tile those that were free then; the share of stuck devices is that of all rows in use."""

    def stuck_of_columns(known: bool) -> float:
        devices = {"devices.stuck_off": 0.15, "devices.stuck_on": 0.1, "devices.learning": "exact"}
        simulation = played(**devices, **{"devices.self_test": known})
        options, network = simulation.config.devices, simulation.network
        slots, width = gate_of(simulation).slots.tolist(), simulation.fabric.slots
        shares = {}
        for tile in {slot // width for slot in slots}:
            rows = torch.nonzero(network.state.source[tile] >= 0).flatten()
            seed, shape = network.memristors.seed, network.state.mask.shape
            shares[tile] = share_stuck(seed, tile, rows, shape, options.stuck_on, options.stuck_off)
        return sum(float(shares[slot // width][slot % width]) for slot in slots) / len(slots)

    assert stuck_of_columns(True) < stuck_of_columns(False)
