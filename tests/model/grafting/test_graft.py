from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.grafting.graft import Birth, freeze, graft, introduce, rehear, release, retire
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rule import EXACTLY
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments, OptimiserOptions, step

SINGLE = NetworkOptions()
WIDE = NetworkOptions(surrogate_width=1.5)  # every rule can work with it
ZERO_FAN_OUT = [name for name, rule in GROWTH_RULES.items() if rule.keeps == EXACTLY]


def propose(place: Any, rule: str, slot: int, seed: int = 0, taps: int = 2) -> Proposal:
    how, generator = place.network.newborn_dynamics(), np.random.default_rng(seed)
    return GROWTH_RULES[rule].propose(place.signal(slot, taps), 2, GrowthOptions(), how, generator)


def books(place: Any) -> list[Any]:
    """Everything that is taken and given on a chip, copied."""
    links, state = place.network.links, place.network.state
    free = [links.ledger.free(port) for port in range(len(links.ledger.used))]
    tensors = (state.weight.detach(), state.mask, state.frozen, state.source, state.alive, state.output)
    return [dict(links.rows), dict(links.paths), free, links.ledger.used.tolist(), *(t.tolist() for t in tensors)]


@pytest.mark.parametrize("rule", ZERO_FAN_OUT)
@pytest.mark.parametrize("options", [SINGLE, NetworkOptions(reset="hard", readout="spike_count")])
def test_grafts_with_zero_fan_out_change_no_bit(site: Callable[..., Any], rule: str, options: NetworkOptions) -> None:
    """Several in a row, in float32: outputs, their membranes and all spikes of others stay the same bits."""
    place = site(options, seed=5)
    network = place.network
    old = network.state.alive.clone()
    before = network.run(place.x, place.outputs)
    born, taps, far = 0, 0, 0
    for slot in place.free_slots():
        proposal = propose(place, rule, slot)
        if not len(proposal.fan_in):
            continue
        links = len(network.links.rows)
        birth, _ = place.bear(slot, proposal, 0)
        born, taps = born + 1, taps + int(proposal.signal.new[proposal.wired[0]].sum())
        far += len(network.links.rows) - links - 1
        after = network.run(place.x, place.outputs)
        assert torch.equal(after.membrane, before.membrane)
        assert torch.equal(after.counts[old], before.counts[old])
        assert torch.equal(network.read(after), network.read(before))
        assert after.counts[slot].any()
        with torch.no_grad():  # it joins in for the next one, so that grafts meet working newborns
            network.state.weight[birth.targets // 5, _rows(network, birth), birth.targets % 5] = 0.3
        old = network.state.alive.clone()
        before = network.run(place.x, place.outputs)
    assert born >= 4
    assert taps >= 1
    assert far >= 4


def _rows(network: Network, birth: Birth) -> list[int]:
    return [network.links.rows[birth.slot, int(tile)] for tile in birth.targets // network.fabric.slots]


def test_a_graft_writes_its_column_and_rows_and_nothing_else() -> None:
    """Tile 0 of a 1 x 2 chip of two slots a tile; newborn in slot 1 hears channel 4 and neuron 0, drives 0 and 2."""
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=2))
    network = Network(fabric, 1, NetworkOptions(precision="float64"))
    state, links = network.state, network.links
    state.alive[[0, 2]] = True
    for slot in (0, 2, 1):
        links.add_local(slot)
    far = links.add(1, 1)
    moments = Moments.fresh(state.weight)
    for moment in (moments.first, moments.second, moments.count):
        moment.fill_(7)
    birth = Birth(
        slot=1,
        output=False,
        sources=torch.tensor([4, 0]),
        fan_in=torch.tensor([0.5, -0.25]),
        targets=torch.tensor([0, 2]),
        fan_out=torch.tensor([0.125, 2.0]),
    )
    graft(network, birth, moments)
    weight = state.weight.detach()
    written = {(0, links.rows[4, 0], 1): 0.5, (0, 0, 1): -0.25, (0, 1, 0): 0.125, (1, far, 0): 2.0}
    assert {tuple(place): float(weight[tuple(place)]) for place in weight.nonzero().tolist()} == written
    assert {tuple(place) for place in state.mask.nonzero().tolist()} == set(written)
    assert {tuple(place) for place in (moments.first == 0).nonzero().tolist()} == set(written)
    assert torch.equal(moments.first, moments.second)
    assert torch.equal(moments.first, moments.count)
    assert state.alive.tolist() == [True, True, True, False]
    assert not state.output.any()
    assert not state.frozen.any()


def test_an_output_unit_is_born_without_devices() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=2, wires=2))
    network = Network(fabric, 1, SINGLE)
    network.links.add_local(1)
    nothing, none = torch.empty(0), torch.empty(0, dtype=torch.int64)
    graft(network, Birth(1, True, none, nothing, none, nothing), Moments.fresh(network.state.weight))
    assert network.state.alive.tolist() == network.state.output.tolist() == [False, True]
    assert not network.state.mask.any()


@pytest.mark.parametrize("drawn", [False, True])
def test_siblings_hear_each_other_where_their_links_reach(drawn: bool) -> None:
    """Slots 0 and 1 in tile 0, 2 in tile 1; only 1 has a link there."""
    network = Network(Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=2)), 1, SINGLE)
    moments = Moments.fresh(network.state.weight)
    nothing, none = torch.empty(0), torch.empty(0, dtype=torch.int64)
    for slot in (0, 1, 2):
        network.links.add_local(slot)
        graft(network, Birth(slot, False, none, nothing, none, nothing), moments)
    row = network.links.add(1, 1)
    introduce(network, (0, 1, 2), moments, 0.5, np.random.default_rng(0) if drawn else None)
    devices = torch.nonzero(network.state.mask).tolist()
    assert devices == sorted([[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, row, 0]])
    assert (network.state.weight[network.state.mask] != 0).all() == drawn
    assert not network.state.weight[~network.state.mask].any()


@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_a_retired_newborn_leaves_no_trace(site: Callable[..., Any], rule: str) -> None:
    """Slots, rows, wires, devices and weights are as before, the wires bought to listen included."""
    place = site(WIDE, seed=6)
    tapped = 0
    for slot in place.free_slots():
        before = books(place)
        proposal = propose(place, rule, slot)
        if not len(proposal.fan_in):
            continue
        keys = set(place.network.links.rows)
        place.bear(slot, proposal, 0)
        new = set(place.network.links.rows) - keys
        assert books(place) != before
        place.moments.first.fill_(3)
        gone = retire(place.network, slot, place.moments)
        assert set(gone) == new
        assert len(gone) == len(new)
        tapped += any(source != slot for source, _ in new)
        assert books(place) == before
        tile, column = divmod(slot, place.network.fabric.slots)
        assert not place.moments.first[tile, :, column].any()
    assert tapped >= 2 or rule in ("gradmax", "primed")  # these buy no wires to listen


def test_retiring_an_old_neuron_silences_it_and_spares_the_wires_of_others(site: Callable[..., Any]) -> None:
    place = site(NetworkOptions(precision="float64"), seed=3)
    network = place.network
    counts = network.run(place.x, place.outputs).counts
    hidden = network.state.alive & ~network.state.output
    slot = int(torch.where(hidden, counts.sum(1), -1).argmax())
    tile, column = divmod(slot, network.fabric.slots)
    weight, rows = network.state.weight.detach().clone(), dict(network.links.rows)
    shared = network.state.mask[tile].sum(1) - network.state.mask[tile, :, column].long() > 0
    gone = retire(network, slot, place.moments)
    kept = torch.ones_like(network.state.mask)
    kept[tile, :, column] = False
    for key in gone:
        kept[key[1], rows[key]] = False
        assert key[0] == slot or not shared[rows[key]]
    assert {key for key in rows if key[0] == slot} <= set(gone)
    assert torch.equal(network.state.weight.detach(), torch.where(kept, weight, 0))
    assert not network.state.mask[~kept].any()
    after = network.run(place.x, place.outputs).counts
    assert counts[slot].any()
    assert not after[slot].any()
    assert not network.state.alive[slot]


def test_a_slot_can_be_used_again(site: Callable[..., Any]) -> None:
    place = site(SINGLE, seed=6)
    slot = place.free_slots()[0]
    births = []
    for _ in range(3):
        proposal = propose(place, "random", slot)
        births.append(place.bear(slot, proposal, 0)[0])
        retire(place.network, slot, place.moments)
    assert torch.equal(births[0].fan_in, births[2].fan_in)


def test_frozen_devices_stay_and_later_ones_learn(site: Callable[..., Any]) -> None:
    """Freezing protects what is in use now; a newborn's devices are not frozen, and its fan-out can learn."""
    place = site(SINGLE, seed=5)
    network, state = place.network, place.network.state
    freeze(network)
    assert torch.equal(state.frozen, state.mask)
    slot = place.free_slots()[0]
    birth, _ = place.bear(slot, propose(place, "random", slot), 0)
    assert not state.frozen[birth.targets // 5, _rows(network, birth), birth.targets % 5].any()
    before: Tensor = state.weight.detach().clone()
    learns = state.mask & ~state.frozen
    loss = place.losses(network.read(network.run(place.x, place.outputs))).mean()
    (gradient,) = torch.autograd.grad(loss, state.weight)
    step(state.weight, gradient, learns, place.moments, 0.01, OptimiserOptions())
    moved = state.weight.detach() != before
    assert moved.any()
    assert not (moved & ~learns).any()


def test_an_output_that_hears_others_is_all_that_changes(site: Callable[..., Any]) -> None:
    """It hears the new ones with their weights and nobody else; links that drive nobody any more are taken away."""
    place = site(SINGLE, seed=5)
    network, first = place.network, int(place.outputs[0])
    tile, column = divmod(first, network.fabric.slots)
    state, links = network.state, network.links
    heard = state.source[tile][state.mask[tile][:, column]].tolist()
    there = [source for source in state.source[tile].tolist() if source >= 0]
    chosen = [source for source in there if source not in heard] or there[:1]
    before, moments = books(place), Moments.fresh(state.weight)
    moments.count.fill_(3)
    rehear(network, first, torch.tensor(chosen), torch.arange(1.0, len(chosen) + 1), moments)
    rows = [links.rows[source, tile] for source in chosen]
    assert torch.nonzero(state.mask[tile][:, column]).flatten().tolist() == sorted(rows)
    assert state.weight[tile, rows, column].tolist() == [float(k) for k in range(1, len(chosen) + 1)]
    assert (moments.count[tile, :, column] > 0).sum() == (moments.count[tile].shape[0] - len({*heard, *chosen}))
    others = torch.ones_like(state.mask)
    others[tile, :, column] = False
    for now, then in ((state.weight, before[4]), (state.mask, before[5])):
        assert torch.equal(now.detach()[others], torch.tensor(then)[others].to(now))
    living = torch.nonzero(state.alive & ~state.output).flatten().tolist()
    far = next(s for s in living if (s, tile) not in links.rows and isinstance(links.offer(s, tile), Offer))
    rows_before = dict(links.rows)
    links.add(far, tile)
    rehear(network, first, torch.tensor([far, *chosen]), torch.ones(len(chosen) + 1), moments)
    release(network, [far, *heard], tile)
    assert (far, tile) in links.rows
    rehear(network, first, torch.tensor(chosen), torch.ones(len(chosen)), moments)
    release(network, [far, *chosen], tile)
    assert (far, tile) not in links.rows
    assert {*rows_before} - {*links.rows} <= {(source, tile) for source in heard}
