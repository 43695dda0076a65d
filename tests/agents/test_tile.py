from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.auction.bids import in_coins
from smalti.agents.tile import Call, TileAgent
from smalti.model.chip.fabric import IN, OUT
from smalti.model.chip.links import Offer
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.kinds import KindOptions, time_constant


def agent(chip: Any, tile: int) -> TileAgent:
    return TileAgent(chip.model, tile, chip.network)


def ask(chip: Any, tile: int, call: Call) -> None:
    agent(chip, tile).take_part(call)
    call.send_candidates()


def test_free_slots_are_those_without_a_neuron(chip: Any) -> None:
    assert agent(chip, 0).free_slots == [2, 3, 4, 5]
    assert agent(chip, 2).free_slots == [12, 13, 14, 15]  # the outputs sit at the end
    chip.settle(0, 4)
    assert agent(chip, 0).free_slots == []


def test_free_wires_are_counted_over_all_sides(chip: Any) -> None:
    """Tile 0: two channels in; two neurons out to tile 2."""
    assert agent(chip, 0).free_wires() == (4 * 6 - 2, 4 * 6 - 2)
    assert agent(chip, 2).free_wires() == (4 * 6 - 3, 4 * 6)
    fabric, used = chip.network.fabric, chip.network.links.ledger.used
    for tile in range(4):
        ports = [[fabric.port(fabric.cell_of_tile(tile), side, way) for side in range(4)] for way in (IN, OUT)]
        assert agent(chip, tile).free_wires() == tuple(24 - int(used[p].sum()) for p in ports)


def test_it_describes_itself_in_a_line(chip: Any) -> None:
    assert agent(chip, 1).describe() == (
        "tile (0, 1): 4 of 6 slots free, 22 wires free inwards and 22 outwards; "
        "sells to whoever pays most above the price"
    )


def test_it_reaches_itself_its_neighbours_and_the_outputs(chip: Any) -> None:
    assert agent(chip, 0).reach(chip.expert) == {0, 1, 2}
    assert agent(chip, 1).reach(chip.expert) == {0, 1, 2, 3}  # tile 2 holds the outputs
    assert agent(chip, 1).reach(chip.expert, "neighbours") == {0, 1, 3}


def test_with_reach_chip_it_reaches_every_tile_and_may_hear_every_neuron_of_the_expert(chip: Any) -> None:
    assert agent(chip, 1).reach(chip.expert, "chip") == {0, 1, 2, 3}
    call = chip.call()
    heard = {
        reach: set(agent(chip, 3).signal(call.traces, chip.expert, call.hears, 9, reach).sources.tolist())
        for reach in ("outputs", "chip")
    }
    assert heard["outputs"] < heard["chip"] >= set(chip.expert.neurons)


def test_with_reach_neighbours_a_candidate_sees_no_far_outputs(chip: Any) -> None:
    call = chip.call(options=replace(chip.gating.growth, reach="neighbours"))
    for tile, seen in ((1, False), (0, True)):  # only tile 0 lies beside the outputs
        ask(chip, tile, call)
        targets = call.candidates[-1].proposal.signal.targets.tolist()
        assert call.candidates[-1].tile == tile
        assert bool(set(targets) & set(chip.expert.outputs)) == seen


def test_the_signal_hears_the_rows_that_the_expert_may_hear(chip: Any) -> None:
    chip.settle(0, 1)  # a neuron of another expert
    call, neurons = chip.call(), chip.network.fabric.neurons
    signal = agent(chip, 0).signal(call.traces, chip.expert, call.hears, 0)
    assert sorted(signal.sources.tolist()) == [0, 1, neurons, neurons + 2]
    assert not signal.new.any()
    assert signal.targets.tolist() == [0, 1, 6, 7, *chip.expert.outputs]


def test_new_taps_are_the_best_of_the_neurons_next_door(chip: Any) -> None:
    call = chip.call()
    signal = agent(chip, 1).signal(call.traces, chip.expert, call.hears, 9)
    taps = signal.sources[signal.new].tolist()
    assert sorted(taps) == [0, 1, 18]  # tiles 0 and 3; tile 2 is not next door
    power = signal.covariance.diagonal()[signal.new]
    scores = (signal.moment[:, signal.new].square().sum(0) / power.clamp(min=1e-12)).tolist()
    assert scores == sorted(scores, reverse=True)
    best = agent(chip, 1).signal(call.traces, chip.expert, call.hears, 1)
    assert best.sources[best.new].tolist() == taps[:1]


def test_new_taps_only_where_a_link_fits(chip: Any) -> None:
    call = chip.call()
    chip.close(0, 1, slice(2, 4))  # sides that every way from tile 0 to tile 1 crosses
    signal = agent(chip, 1).signal(call.traces, chip.expert, call.hears, 9)
    taps = signal.sources[signal.new].tolist()
    assert taps == [18]
    assert all(isinstance(chip.network.links.offer(s, 1), Offer) for s in taps)
    chip.close(18, 1, slice(2, 4))
    assert not agent(chip, 1).signal(call.traces, chip.expert, call.hears, 9).new.any()


def test_a_neuron_with_a_row_here_is_no_new_tap(chip: Any) -> None:
    chip.network.links.add(0, 1)
    call = chip.call()
    signal = agent(chip, 1).signal(call.traces, chip.expert, call.hears, 9)
    assert 0 in signal.sources[~signal.new].tolist()
    assert sorted(signal.sources[signal.new].tolist()) == [1, 18]


def test_it_invites_no_more_than_it_has_slots_for(chip: Any) -> None:
    def invited(count: int) -> list[int]:
        call = chip.call(options=replace(chip.gating.growth, candidates=count))
        ask(chip, 0, call)
        return [one.number for one in call.candidates]

    assert invited(3) == [100, 101, 102]
    assert invited(9) == [100, 101, 102, 103]
    chip.settle(0, 3)
    assert invited(9) == [100]
    chip.settle(0, 1)
    assert invited(9) == []


def test_newborns_of_all_tiles_are_scaled_together_as_they_would_be_alone(chip_of: Callable[..., Any]) -> None:
    chip = chip_of(kinds=KINDS)
    for rule in ("random", "gradmax_whitened", "tiny", "mixed"):
        together, apart = chip.call(rule=rule), chip.call(rule=rule)
        for tile in (1, 0):
            agent(chip, tile).take_part(together)
            ask(chip, tile, apart)
        together.send_candidates()
        for one, other in zip(together.candidates, apart.candidates, strict=True):
            assert (one.number, one.tile, one.cell, one.bid) == (other.number, other.tile, other.cell, other.bid)
            assert torch.equal(one.fan_in, other.fan_in)
            assert torch.equal(one.sources, other.sources)


def test_a_full_tile_refuses_to_take_part(chip: Any) -> None:
    call = chip.call()
    chip.settle(0, 4)
    ask(chip, 0, call)
    assert (call.candidates, call.number) == ([], 100)
    ask(chip, 1, call)
    assert [c.number for c in call.candidates] == [100, 101, 102]
    assert call.number == 103
    assert all(c.tile == 1 and c.bid is not None for c in call.candidates)


KINDS = {
    "fast": KindOptions(tau_ms=4.0),
    "slow": KindOptions(tau_ms=5.0, tau_most_ms=50.0, synapse_ms=8.0, share=3.0),
    "adaptive": KindOptions(adaptation=0.4, share=0.0),
}


def test_candidates_of_every_kind_bid_against_one_another(chip_of: Callable[..., Any]) -> None:
    chip = chip_of(kinds=KINDS)
    call = chip.call()
    ask(chip, 1, call)
    assert [c.bid.cell for c in call.candidates] == ["fast"] * 3 + ["slow"] * 3 + ["adaptive"] * 3
    assert [c.number for c in call.candidates] == list(range(100, 109))
    fast, slow = call.candidates[0], call.candidates[3]
    assert fast.cell.leak == math.exp(-1 / 4)
    assert 5 < time_constant(slow.cell.leak) < 50
    assert {c.cell for c in call.candidates[3:6]} == {slow.cell}  # drawn once for the tile
    assert agent(chip, 0).signal(call.traces, chip.expert, call.hears, 0).sources.any()
    ask(chip, 0, call)
    assert call.candidates[-4].cell != slow.cell  # and anew for the next


def test_a_candidates_signal_is_filtered_as_it_would_be(chip_of: Callable[..., Any]) -> None:
    chip = chip_of(kinds=KINDS)
    call = chip.call(rule="gradmax_whitened")
    ask(chip, 1, call)
    signals = {c.cell: c.proposal.signal for c in call.candidates}
    assert len(signals) == 3
    for cell, signal in signals.items():
        trace, synapse = torch.zeros_like(signal.drive[0]), torch.zeros_like(signal.drive[0])
        moment = torch.zeros_like(signal.moment)
        for spikes, delta in zip(signal.drive, signal.delta, strict=True):
            synapse = cell.synapse * synapse + spikes
            trace = cell.leak * trace + synapse
            moment += delta @ trace.T / signal.samples
        torch.testing.assert_close(signal.moment, moment, rtol=0, atol=1e-10)
        assert moment.any()


def test_seeds_take_kinds_by_their_shares(chip_of: Callable[..., Any]) -> None:
    chip, drawn = chip_of(kinds=KINDS, slots=12), Counter[str]()
    for seed in range(40):
        call = replace(chip.call(options=replace(chip.gating.growth, seed_width=5)), seed_links={1: ((), ())})
        call = replace(call, generator=lambda tile, seed=seed: np.random.default_rng((seed, tile)))
        ask(chip, 1, call)
        assert len(call.candidates) == 5
        drawn.update(c.bid.cell for c in call.candidates)
    assert drawn["fast"] + drawn["slow"] == 200
    assert abs(drawn["slow"] - 150) < 4 * math.sqrt(200 * 0.75 * 0.25)


@pytest.mark.parametrize(("reserve", "invited"), [(0, 3), (2, 2), (4, 0), (9, 0)])
def test_slots_kept_for_tasks_to_come_are_not_sold(chip: Any, reserve: int, invited: int) -> None:
    call = replace(chip.call(), reserve=reserve)
    ask(chip, 0, call)
    assert len(call.candidates) == invited
    assert agent(chip, 0).for_sale(call) == [2, 3, 4, 5][: max(0, 4 - reserve)]
    assert agent(chip, 0).for_sale(replace(call, seed_links={})) == [2, 3, 4, 5]


def test_candidates_are_told_what_each_tile_would_bring(chip: Any) -> None:
    """At prices of next to nothing every target that brings anything is chosen, and the bid is for all of them."""
    call = chip.call()
    ask(chip, 0, call)
    fabric = chip.network.fabric
    for one in call.candidates:
        tiles = one.proposal.signal.targets // fabric.slots
        gains = {t: float(one.proposal.decrease(tiles == t)[one.index]) for t in (0, 1, 2)}
        offers = {t: chip.network.links.offer(-1, t, 0) for t in (1, 2)}
        paying = [t for t in (1, 2) if gains[t] > chip.prices.link(offers[t])[1]]
        assert one.bid.targets == tuple(paying)
        driven = (tiles == 0) | torch.isin(tiles, torch.tensor(paying, dtype=torch.int64))
        assert one.bid.value == in_coins(float(one.proposal.decrease(driven)[one.index]))
    assert any(one.bid.targets for one in call.candidates)


def test_a_tile_without_anyone_to_drive_keeps_out(chip: Any) -> None:
    call = chip.call()
    call.expert = replace(chip.expert, neurons=[0, 1], outputs=(), output_tile=3)
    ask(chip, 3, call)
    assert call.candidates == []


def test_seeds_are_invited_where_the_call_says_and_bid_as_told(chip: Any) -> None:
    call = replace(chip.call(), seed_links={0: ((2,), (1,))}, seed_value=0.7, reserve=9)
    ask(chip, 1, call)
    assert call.candidates == []
    ask(chip, 0, call)
    assert len(call.candidates) == call.options.seed_width == 2
    for one in call.candidates:
        assert (one.bid.value, one.bid.targets, one.bid.wishes, one.bid.taps) == (0.7, (2,), (1,), ())


def test_another_growth_rule_can_be_called(chip: Any) -> None:
    for rule in GROWTH_RULES:
        call = chip.call(rule=rule)
        ask(chip, 1, call)
        assert call.candidates
        assert {c.bid.rule for c in call.candidates} == {rule}


def test_idle_neurons_go_after_so_many_silent_rounds_in_a_row(chip: Any) -> None:
    tile, neurons = agent(chip, 0), chip.network.fabric.neurons
    silent = torch.zeros(neurons, 3)
    loud = silent.clone()
    loud[0, 2] = 1.0
    members = [0, 1, 6]  # 6 belongs to the next tile
    assert tile.idle(silent, members, 3) == []
    assert tile.idle(loud, members, 3) == []  # 0 begins anew
    assert tile.idle(silent, members, 3) == [1]
    assert tile.silent_rounds == {0: 1}
    assert tile.idle(silent, [0], 3) == []
    assert tile.idle(silent, [0], 3) == [0]


def test_nobody_retires_without_patience_set(chip_of: Callable[..., Any]) -> None:
    chip = chip_of()
    tile, silent = agent(chip, 0), torch.zeros(chip.network.fabric.neurons, 3)
    assert [tile.idle(silent, [0, 1], 0) for _ in range(5)] == [[]] * 5
