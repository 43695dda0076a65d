from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Scope
from smalti.model.rewiring.swap import carry, movable, realms, swap

Goal = Literal["wires", "spikes"]


def hop_spikes(place: Any, moved: dict[int, int]) -> float:
    hops = place.network.links.hops_per_source()
    rate = place.scope.rate.tolist()
    return sum(rate[s] * hops[moved.get(s, s)] for s in range(len(rate)))


@settings(max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0.05, 0.4),
    shorten=st.sampled_from(["wires", "spikes"]),
    engine=st.sampled_from(["dense", "events"]),
)
def test_on_any_chip(chip: Callable[..., Any], seed: int, share: float, shorten: Goal, engine: str) -> None:
    """Spikes and membranes are those of before, all that belongs to a device moves along, and wires are shorter."""
    place = chip(seed, engine, share, 2.0)
    links = place.network.links
    before, devices, wires, cost = place.answer(), place.devices(), links.ledger.used.sum(), hop_spikes(place, {})
    stays = ~movable(place.network)
    known = place.network.state.weight.detach().clone()
    scope = replace(place.scope, known=(known,))
    changes = swap(scope, RewiringOptions(shorten=shorten, proposals=150), np.random.default_rng(seed))
    assert torch.equal(known, place.network.state.weight)
    moved = dict(changes.moved)
    place.check()
    assert sorted(moved) == sorted(moved.values())
    assert not stays[list(moved)].any()
    assert place.devices(moved) == devices
    membrane, counts = place.answer(moved)
    assert torch.equal(counts, before[1])
    assert torch.allclose(membrane, before[0], atol=1e-9, rtol=1e-9)
    if not moved:
        assert links.ledger.used.sum() == wires
    elif shorten == "wires":
        assert links.ledger.used.sum() < wires
    else:
        assert hop_spikes(place, moved) < cost


@pytest.mark.parametrize("shorten", ["wires", "spikes"])
@pytest.mark.parametrize("engine", ["dense", "events"])
def test_swaps_do_happen_and_spikes_pass(chip: Callable[..., Any], engine: str, shorten: Goal) -> None:
    moves = spiking = frozen = 0
    for seed in range(40):
        place = chip(seed, engine, 0.25, 3.0)
        protected = place.network.state.frozen.any(1).flatten()
        moved = swap(place.scope, RewiringOptions(shorten=shorten), np.random.default_rng(0)).moved
        moves += len(moved)
        frozen += int(protected[list(moved)].sum())
        spiking += int(place.scope.rate[list(moved)].count_nonzero())
    assert moves > 15
    assert spiking > 3
    assert frozen > 0


@pytest.mark.parametrize(("shorten", "wanted"), [("wires", True), ("spikes", False)])
def test_only_neurons_that_ran_move_for_spikes(chip: Callable[..., Any], shorten: Goal, wanted: bool) -> None:
    moves = 0
    for seed in range(40):
        place = chip(seed, "dense", 0.25, 3.0)
        resting = replace(place.scope, running=torch.zeros_like(place.scope.running))
        moves += len(swap(resting, RewiringOptions(shorten=shorten), np.random.default_rng(0)).moved)
    assert bool(moves) == wanted


@pytest.fixture
def crossed() -> Scope:
    """Tiles 0 1 2 in a row, two slots each. Neuron 0 in tile 0 drives 4 in tile 2 only, 2 in tile 1 drives nobody.

    So 0 and 2 had better change places: one hop instead of five, one link instead of one.
    """
    network = Network(Fabric(FabricOptions(rows=1, cols=3, neurons_per_tile=2, wires=2)), 0, NetworkOptions())
    state, links = network.state, network.links
    for slot in (0, 2, 4):
        state.alive[slot] = True
        links.add_local(slot)
    state.output[4] = True
    row = links.add(0, 2)
    state.mask[2, row, 0] = state.frozen[2, row, 0] = True
    moments = Moments.fresh(state.weight)
    moments.first[2, row, 0], moments.count[2, row, 0] = 0.5, 7
    with torch.no_grad():
        state.weight[2, row, 0] = 1.25
    sources = torch.ones(6, dtype=torch.bool)
    return Scope(network, moments, state.alive.clone(), sources, state.alive.clone(), torch.ones(6).double())


def test_a_swap_worked_out_by_hand(crossed: Scope) -> None:
    network = crossed.network
    assert movable(network).tolist() == [True, False, True, False, False, False]
    assert network.links.paths[0, 2].hops == 5
    changes = swap(crossed, RewiringOptions(proposals=20), np.random.default_rng(0))
    assert changes.moved == {0: 2, 2: 0}
    links, state = network.links, network.state
    assert set(links.rows) == {(0, 0), (2, 1), (4, 2), (2, 2)}
    assert links.paths[2, 2].hops == 1
    assert links.ledger.used.sum() == 4
    place = 2, links.rows[2, 2], 0
    assert torch.nonzero(state.mask).tolist() == torch.nonzero(state.frozen).tolist() == [list(place)]
    assert (float(state.weight[place].detach()), float(crossed.moments.first[place])) == (1.25, 0.5)
    assert float(crossed.moments.count[place]) == 7
    assert state.alive.tolist() == [True, False, True, False, True, False]
    assert swap(crossed, RewiringOptions(proposals=20), np.random.default_rng(0)).moved == {}


def test_outputs_and_who_hears_inputs_stay() -> None:
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=4, wires=2)), 2, NetworkOptions())
    network.state.alive[:3] = True
    network.state.output[2] = True
    network.links.add_local(0)
    network.state.mask[0, network.links.rows[4, 0], 0] = True
    assert movable(network).tolist() == [False, True, False, False]


def test_within_a_tile_rows_and_columns_change_places(chip: Callable[..., Any]) -> None:
    """``carry`` after the links of two neurons of a tile, outputs included, have changed hands."""
    place = chip(4, "events", 0.9, 3.0)
    network, links = place.network, place.network.links
    a, b = place.outputs.tolist()
    before, devices, source = place.answer(), place.devices(), links.source.copy()
    records = {key: (links.rows[key], links.paths[key].cells) for key in links.rows if key[0] in (a, b)}
    for key in records:
        links.remove(*key)
    other = {a: b, b: a}
    for (slot, tile), (row, cells) in records.items():
        local = tile == network.fabric.tile_of_slot(slot)
        links.restore(other[slot], tile, other[slot] % network.fabric.slots if local else row, cells)
    carry(network, place.scope.moments, source, other)
    place.check()
    assert place.devices(other) == devices
    membrane, counts = place.answer(other)
    assert torch.equal(counts, before[1])
    assert torch.allclose(membrane, before[0])
    assert not torch.allclose(before[0][:, 0], before[0][:, 1])


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_swaps_that_shorten_nothing_are_made_wherever_they_fit(chip: Callable[..., Any], engine: str) -> None:
    """The control: the function stays, and wires become more as well as fewer."""
    longer = shorter = 0
    for seed in range(40):
        place = chip(seed, engine, 0.25, 3.0)
        wires, before = place.network.links.ledger.used.sum(), place.answer()
        options = RewiringOptions(shorten="nothing", proposals=30)
        moved = dict(swap(place.scope, options, np.random.default_rng(0)).moved)
        place.check()
        membrane, counts = place.answer(moved)
        assert torch.equal(counts, before[1])
        assert torch.allclose(membrane, before[0], atol=1e-9, rtol=1e-9)
        after = place.network.links.ledger.used.sum()
        longer, shorter = longer + int(after > wires), shorter + int(after < wires)
    assert longer > 2
    assert shorter > 2


def test_who_hears_inputs_moves_between_tiles_that_all_of_these_enter() -> None:
    """Two rows of tiles, 0 1 2 and 3 4 5: every channel enters the first. 0 hears it and drives 4 alone, in tile 2.

    The other neurons are 1, in tile 1 above it, and 5 in the second row, both without links.
    """
    size = FabricOptions(rows=2, cols=3, neurons_per_tile=1, wires=4, inputs="every")
    network = Network(Fabric(size), 1, NetworkOptions(precision="float64"))
    state, links = network.state, network.links
    for slot in (0, 1, 4, 5):
        state.alive[slot] = True
        links.add_local(slot)
    state.output[4] = True
    assert realms(network) == {}
    state.mask[0, links.rows[6, 0], 0] = True
    state.mask[4, links.add(0, 4), 0] = True
    with torch.no_grad():
        state.weight[state.mask] = 3.0
    x = torch.ones(2, 9, 1, dtype=torch.bool)
    before = network.run(x, torch.tensor([4])).membrane
    assert realms(network) == {0: {0, 1, 2}}
    assert movable(network).tolist() == [True, True, False, False, False, True]
    alive, everybody = state.alive.clone(), torch.ones(7, dtype=torch.bool)
    scope = Scope(network, Moments.fresh(state.weight), alive, everybody, alive, everybody.double())
    moved = swap(scope, RewiringOptions(proposals=40), np.random.default_rng(0)).moved
    assert moved[0] == 1
    assert links.paths[1, 4].hops == 1
    assert bool(state.mask[1, links.rows[6, 1], 0])
    assert torch.equal(network.run(x, torch.tensor([4])).membrane, before)
    assert before.any()
