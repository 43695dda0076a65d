from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
from smalti.model.rewiring.steps import STEPS

ANY = np.random.default_rng(0)  # pruning draws nothing
PRUNING = ("prune_magnitude", "prune_activity")
CHANNELS = 1


@pytest.fixture
def pair() -> Scope:
    """Tiles 0 and 1 of two slots; neurons 0, 1 and 2; 0 and 1 reach tile 1, where 2 hears 0, 1 and itself."""
    network = Network(Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=2)), CHANNELS, NetworkOptions())
    state, links = network.state, network.links
    state.alive[:3] = True
    for slot in range(3):
        links.add_local(slot)
    links.add(0, 1)
    links.add(1, 1)
    wire(network, {(4, 0): 1.0, (4, 1): 1.0, (0, 2): 1.0, (1, 2): 0.2, (2, 2): 0.01})
    moments = Moments.fresh(state.weight)
    moments.count.fill_(10)
    rate = torch.tensor([1.0, 5.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    return Scope(network, moments, state.alive.clone(), torch.ones(5, dtype=torch.bool), state.alive.clone(), rate)


def wire(network: Network, weights: dict[tuple[int, int], float]) -> None:
    for (source, target), weight in weights.items():
        tile, column = divmod(target, network.fabric.slots)
        place = tile, network.links.rows[source, tile], column
        network.state.mask[place] = True
        with torch.no_grad():
            network.state.weight[place] = weight


def left(scope: Scope) -> set[tuple[int, int]]:
    state, slots = scope.network.state, scope.network.fabric.slots
    places = torch.nonzero(state.mask).tolist()
    return {(int(state.source[tile, row]), tile * slots + column) for tile, row, column in places}


def prune(scope: Scope, step: str, **options: Any) -> int:
    return STEPS[step](scope, RewiringOptions(**options), ANY).pruned


def test_small_weights_go_and_an_empty_link_gives_back_row_and_wires(pair: Scope) -> None:
    """Neuron 2 hears 1.0 and 0.2 from others: mean 0.6; below half of it are 0.2 and its own 0.01."""
    links = pair.network.links
    row, wires = links.rows[1, 1], links.ledger.used.sum()
    ports = links.paths[1, 1].ports
    assert prune(pair, "prune_magnitude", magnitude=0.3, guard=10) == 1  # 0.2 is above 0.18
    assert prune(pair, "prune_magnitude", magnitude=0.5, guard=10) == 1
    assert left(pair) == {(4, 0), (4, 1), (0, 2)}
    assert (1, 1) not in links.rows
    assert links.source[1, row] == -1
    assert links.ledger.used.sum() == wires - len(ports)
    assert (2, 1) in links.rows  # its local row is empty and stays
    assert pair.moments.count[1, row].tolist() == [0, 10]


def test_where_nothing_weighs_anything_the_first_way_in_stays(pair: Scope) -> None:
    """Of the fan-in 0, 1 and itself of neuron 2, only the device from 0; by activity it is as it was."""
    wire(pair.network, {(0, 2): 0.0, (1, 2): 0.0, (2, 2): 0.0})
    assert prune(pair, "prune_activity", activity=1.0, guard=5) == 0
    assert prune(pair, "prune_magnitude", magnitude=0.5, guard=11) == 0  # too young
    assert prune(pair, "prune_magnitude", magnitude=0.5, guard=5) == 2
    assert left(pair) == {(4, 0), (4, 1), (0, 2)}
    assert prune(pair, "prune_magnitude", magnitude=0.5, guard=5) == 0


def test_what_comes_through_counts_by_activity(pair: Scope) -> None:
    """Into neuron 2 come 1.0 x 1 from neuron 0 and 0.2 x 5 from neuron 1: the same; the mean is 1."""
    assert prune(pair, "prune_activity", activity=0.9, guard=10) == 1  # only its own 0.01
    pair.rate[0] = 0
    assert prune(pair, "prune_activity", activity=0.01, guard=10) == 1
    assert left(pair) == {(4, 0), (4, 1), (1, 2)}
    assert (0, 1) not in pair.network.links.rows


def test_where_all_sources_are_silent_nothing_goes(pair: Scope) -> None:
    assert prune(replace(pair, rate=torch.zeros(5, dtype=torch.float64)), "prune_activity", activity=1.0, guard=0) == 0


@pytest.mark.parametrize("step", PRUNING)
def test_the_last_way_into_a_neuron_stays(pair: Scope, step: str) -> None:
    prune(pair, step, magnitude=1.0, activity=1.0, guard=0)
    prune(pair, step, magnitude=1.0, activity=1.0, guard=0)
    assert left(pair) >= {(4, 0), (4, 1)}
    assert len({(0, 2), (1, 2)} & left(pair)) >= 1


@pytest.mark.parametrize("step", PRUNING)
def test_young_frozen_and_foreign_devices_stay(pair: Scope, step: str) -> None:
    bound = {"magnitude": 0.9, "activity": 0.9}
    pair.rate[1] = 0.5
    assert prune(pair, step, guard=11, **bound) == 0
    nobody = replace(pair, members=torch.zeros_like(pair.members))
    assert prune(nobody, step, guard=0, **bound) == 0
    pair.network.state.frozen.copy_(pair.network.state.mask)
    assert prune(pair, step, guard=0, **bound) == 0
    pair.network.state.frozen.fill_(False)
    assert prune(pair, step, guard=10, **bound) == 2


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1), guard=st.integers(0, 150), step=st.sampled_from(PRUNING))
def test_on_any_chip(chip: Callable[..., Any], seed: int, share: float, guard: int, step: str) -> None:
    """Books agree; what stays is untouched; what goes was weak, old, plastic and of a member; all still hear."""
    place = chip(seed)
    scope, links, slots = place.scope, place.network.links, place.network.fabric.slots
    before, rows = place.devices(), set(links.rows)
    empty = {key for key in rows if not place.network.state.mask[key[1], links.rows[key]].any()}
    changes = STEPS[step](scope, RewiringOptions(magnitude=share, activity=share, guard=guard), ANY)
    place.check()
    after = place.devices()
    assert after == {key: before[key] for key in after}
    gone = before.keys() - after.keys()
    assert changes.pruned == len(gone)
    heard: dict[int, list[float]] = {}
    factor = scope.rate if step == "prune_activity" else torch.ones_like(scope.rate)
    for (source, target), (weight, *_) in before.items():
        if source != target:
            heard.setdefault(target, []).append(abs(weight) * float(factor[source]))
    for source, target in before:
        weight, frozen, _, _, count = before[source, target]
        score, others = abs(weight) * float(factor[source]), heard.get(target, [-1.0])
        mean = sum(others) / len(others)
        if abs(score - share * mean) > 1e-12:
            may_go = not frozen and bool(scope.members[target]) and count >= guard and score < max(others)
            assert ((source, target) in gone) == (may_go and score < share * mean)
    assert {target for source, target in after if source != target} == set(heard)
    used = {(source, target // slots) for source, target in after}
    kept = {key for key in rows if key in used or key in empty or links.kind(*key) != "routed"}
    assert set(links.rows) == kept


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("step", PRUNING)
def test_engines_see_it(chip: Callable[..., Any], plain: Any, engine: str, step: str) -> None:
    changed = 0
    for seed in range(8):
        place = chip(seed, engine, 0.8, 2.0)
        before, _ = place.answer()
        STEPS[step](place.scope, RewiringOptions(guard=0, magnitude=0.9, activity=0.9), ANY)
        after, _ = place.answer()
        assert torch.allclose(after, plain.membranes(place), atol=1e-9)
        changed += not torch.equal(before, after)
    assert changed > 4
