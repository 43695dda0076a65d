from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.grafting.graft import Birth, graft, retire
from smalti.model.kinds import KindOptions, draw_cell
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.scheduler.records.registry import NeuronRegistry

SLOTS, CHANNELS = 4, 3


@pytest.fixture
def network() -> Network:
    """Tiles 0 1 over 2 3; channels 0 and 2 enter tile 0, channel 1 enters tile 1."""
    return Network(Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=SLOTS, wires=4)), CHANNELS, NetworkOptions())


def bear(network: Network, slot: int, *targets: int, output: bool = False) -> None:
    nothing = torch.empty(0)
    network.links.add_local(slot)
    for tile in targets:
        network.links.add(slot, tile)
    graft(network, Birth(slot, output, nothing.long(), nothing, nothing.long(), nothing), moments(network))


def moments(network: Network) -> Moments:
    return Moments.fresh(network.state.weight)


def brief(registry: NeuronRegistry) -> list[tuple[object, ...]]:
    """Links but for those of the inputs: source, kind, tile, birth, retirement."""
    names = ("source", "kind", "target_tile", "birth_round", "retired_round")
    return [tuple(row[name] for name in names) for row in registry.links if row["kind"] != "input"]


def test_links_of_the_inputs_are_there_from_the_first_round(network: Network) -> None:
    registry = NeuronRegistry()
    registry.follow(network.links, 0)
    rows = [(row["source"], row["target_tile"], row["side"], row["hops"], row["path"]) for row in registry.links]
    assert rows == [(0, 0, "N", 1, [1]), (1, 1, "N", 1, [3]), (2, 0, "N", 1, [1])]
    assert {row["kind"] for row in registry.links} == {"input"}


def test_ids_follow_births_and_are_never_given_again(network: Network) -> None:
    registry = NeuronRegistry()
    bear(network, 5)
    registry.born(network, 5, "seed", 0, 0)
    bear(network, 14, output=True)
    registry.born(network, 14, "seed", 0, 0)
    retire(network, 5, moments(network))
    registry.retired(5, 2)
    bear(network, 5)
    registry.born(network, 5, "random", 1, 2)
    names = ("neuron", "tile", "slot", "kind", "task", "rule", "birth_round", "retired_round")
    assert [tuple(row[name] for name in names) for row in registry.neurons] == [
        (0, 1, 5, "hidden", 0, "seed", 0, 2),
        (1, 3, 14, "output", 0, "seed", 0, None),
        (2, 1, 5, "hidden", 1, "random", 2, None),
    ]
    assert registry.id_of_slot == {14: 1, 5: 2}


def test_a_link_keeps_row_side_and_the_cells_of_its_path(network: Network) -> None:
    registry = NeuronRegistry()
    bear(network, 1, 1)
    registry.born(network, 1, "seed", 0, 0)
    registry.follow(network.links, 0)
    local, routed = (row for row in registry.links if row["kind"] != "input")
    assert (local["kind"], local["row"], local["side"], local["hops"], local["path"]) == ("local", 1, "local", 0, [])
    # tile (0, 0) lies at grid (1, 1), tile (0, 1) at (1, 3): over the cell (1, 2), in by the west, row n + 3 w
    assert (routed["kind"], routed["row"], routed["side"], routed["path"]) == ("routed", SLOTS + 3 * 4, "W", [5 + 2])
    assert (routed["source"], routed["target_tile"], routed["hops"]) == (0, 1, 1)


def test_following_twice_changes_nothing(network: Network) -> None:
    registry = NeuronRegistry()
    bear(network, 1, 1)
    registry.born(network, 1, "seed", 0, 0)
    registry.follow(network.links, 0)
    before, registry.changed = copy.deepcopy(registry.links), False
    registry.follow(network.links, 1)
    assert registry.links == before
    assert not registry.changed


def test_a_slot_given_away_again_in_the_same_round_has_links_of_its_own(network: Network) -> None:
    registry = NeuronRegistry()
    bear(network, 1, 1, 2)
    registry.born(network, 1, "seed", 0, 0)
    registry.follow(network.links, 0)
    retire(network, 1, moments(network))
    bear(network, 1, 1)
    registry.retired(1, 3)
    registry.born(network, 1, "random", 0, 3)
    registry.follow(network.links, 3)
    assert brief(registry) == [
        (0, "local", 0, 0, 3),
        (0, "routed", 1, 0, 3),
        (0, "routed", 2, 0, 3),
        (1, "local", 0, 3, None),
        (1, "routed", 1, 3, None),
    ]


def test_a_link_laid_anew_on_another_way_is_another_link(network: Network) -> None:
    registry = NeuronRegistry()
    bear(network, 1, 1)
    bear(network, 2, 1)
    for slot in (1, 2):
        registry.born(network, slot, "seed", 0, 0)
    registry.follow(network.links, 0)
    network.links.remove(1, 1)
    network.links.remove(2, 1)
    network.links.add(2, 1)  # now in the row that the other had
    registry.follow(network.links, 4)
    routed = [(row["source"], row["row"], row["retired_round"]) for row in registry.links if row["kind"] == "routed"]
    assert routed == [(0, 16, 4), (1, 17, 4), (1, 16, None)]


@pytest.fixture
def history(network: Network) -> tuple[NeuronRegistry, Network]:
    """Round 0: slots 1 and 6. Round 1: 6 retires, 9 is born. Round 2: 9 retires, 6 is given away again."""
    registry = NeuronRegistry()
    for number, (gone, new) in enumerate([((), (1, 6)), ((6,), (9,)), ((9,), (6,))]):
        for slot in gone:
            retire(network, slot, moments(network))
            registry.retired(slot, number)
        for slot in new:
            bear(network, slot, 0 if slot > 3 else 1)
            registry.born(network, slot, "random", 0, number)
        registry.follow(network.links, number)
        if number == 1:
            earlier = (
                copy.deepcopy((registry.neurons, registry.links, registry.id_of_slot)),
                copy.deepcopy(network.links),
            )
    registry.earlier = earlier
    return registry, network


def test_an_earlier_round_is_restored_from_the_tables_of_a_later_one(history: tuple[NeuronRegistry, Network]) -> None:
    registry, _ = history
    (neurons, links, slots), present = registry.earlier
    restored = NeuronRegistry()
    restored.load_state_dict({"slots": [*slots.items()]})
    restored.load_tables(copy.deepcopy(registry.neurons), copy.deepcopy(registry.links), present, 1)
    assert restored.neurons == neurons
    assert restored.links == links
    assert restored.changed


def test_a_restored_registry_goes_on_like_the_first(history: tuple[NeuronRegistry, Network]) -> None:
    registry, network = history
    (_, _, slots), present = registry.earlier
    restored = NeuronRegistry()
    restored.load_state_dict({"slots": [*slots.items()]})
    restored.load_tables(copy.deepcopy(registry.neurons), copy.deepcopy(registry.links), present, 1)
    restored.retired(9, 2)
    restored.born(network, 6, "random", 0, 2)
    restored.follow(network.links, 2)
    assert restored.neurons == registry.neurons
    assert restored.links == registry.links


@pytest.mark.parametrize("lost", ["neurons", "links"])
def test_tables_that_do_not_hold_what_lives_on_the_chip_are_refused(
    history: tuple[NeuronRegistry, Network], lost: str
) -> None:
    registry, _ = history
    (_, _, slots), present = registry.earlier
    neurons, links = copy.deepcopy(registry.neurons), copy.deepcopy(registry.links)
    if lost == "neurons":
        neurons = neurons[:1]
    else:
        next(row for row in links if row["kind"] == "routed" and row["retired_round"] is None)["source"] = 99
    restored = NeuronRegistry()
    restored.load_state_dict({"slots": [*slots.items()]})
    with pytest.raises(ValueError, match="the tables neurons and links are damaged"):
        restored.load_tables(neurons, links, present, 1)


def test_a_neuron_is_registered_with_its_kind_and_constants() -> None:
    kinds = {"fast": KindOptions(), "slow": KindOptions(tau_ms=30.0, synapse_ms=12.5)}
    options = NetworkOptions(kinds=kinds, output_tau_ms=8.0)
    network, registry = Network(Fabric(FabricOptions(rows=2, cols=2)), CHANNELS, options), NeuronRegistry()
    cell = draw_cell(1, kinds["slow"], np.random.default_rng(0), "slow")
    bear(network, 1)
    network.state.become(1, cell)
    bear(network, 2, output=True)
    for slot in (1, 2):
        registry.born(network, slot, "seed", 0, 0)
    described = [tuple(row[name] for name in ("cell", "tau_ms", "synapse_ms")) for row in registry.neurons]
    assert described == [("slow", 30.0, 12.5), ("", 8.0, 0.0)]
