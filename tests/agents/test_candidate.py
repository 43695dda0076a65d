from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from smalti.agents.auction.bids import in_coins
from smalti.agents.auction.prices import NEWBORN
from smalti.agents.candidate import CandidateNeuron
from smalti.agents.tile import TileAgent
from smalti.model.chip.links import Offer
from smalti.model.growth.rules import GROWTH_RULES


def candidates(chip: Any, tile: int = 0, new_taps: int = 2, count: int = 3) -> list[CandidateNeuron]:
    agent, call = TileAgent(chip.model, tile, chip.network), chip.call()
    signal = agent.signal(call.traces, chip.expert, call.hears, new_taps)
    dynamics, chance = chip.network.newborn_dynamics(), call.generator(tile)
    proposal = GROWTH_RULES["random"].propose(signal, count, call.options, dynamics, chance)
    return [CandidateNeuron(chip.model, 100 + k, proposal, k, 0, "random") for k in range(len(proposal.fan_in))]


def price_of(chip: Any, start: int, tile: int) -> float:
    offer = chip.network.links.offer(NEWBORN, tile, start)
    assert isinstance(offer, Offer)
    return float(chip.prices.link(offer)[1])


@pytest.mark.parametrize(("gains", "targets"), [((0.5, 2.0), (2,)), ((2.0, 0.5), (1,)), ((2.0, 2.0), (1, 2))])
def test_targets_that_do_not_pay_for_their_link_are_dropped(
    chip: Any, gains: tuple[float, float], targets: tuple[int, ...]
) -> None:
    """Gains in multiples of the link's price."""
    one = candidates(chip)[0]
    decrease = {0: 1.0, 1: gains[0] * price_of(chip, 0, 1), 2: gains[1] * price_of(chip, 0, 2)}
    one.bid_by_value(chip.prices, decrease)
    assert one.bid is not None
    assert one.bid.targets == targets
    assert one.bid.wishes == ()


def test_the_bid_is_the_decrease_of_all_chosen_targets_together(chip: Any) -> None:
    for one in candidates(chip):
        one.bid_by_value(chip.prices, {0: 1.0, 1: 0.0, 2: 9.0})
        assert one.bid is not None
        tiles = one.proposal.signal.targets // chip.network.fabric.slots
        assert set(tiles.tolist()) == {0, 1, 2}
        expected = one.proposal.decrease((tiles == 0) | (tiles == 2))[one.index]
        assert one.bid.value == in_coins(float(expected)) > 0
        assert (one.bid.candidate, one.bid.tile, one.bid.task, one.bid.rule) == (one.number, 0, 0, "random")


@pytest.mark.parametrize("decrease", [math.nan, math.inf])
def test_a_decrease_that_is_no_number_is_refused(chip: Any, decrease: float) -> None:
    with pytest.raises(ValueError, match=r"growth\.rule = 'random' made a candidate .* finite numbers"):
        candidates(chip)[0].bid_by_value(chip.prices, {0: 1.0, 1: decrease})


def test_what_only_rounding_tells_apart_is_bid_alike(chip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bids = []
    one = candidates(chip)[0]
    exact = type(one.proposal).decrease
    for factor in (1.0, 1 + 2e-7, 1 - 2e-7):
        monkeypatch.setattr(type(one.proposal), "decrease", lambda p, targets, f=factor: exact(p, targets) * f)
        price = price_of(chip, 0, 1)
        one.bid_by_value(chip.prices, {0: 1.0, 1: price * factor, 2: 9.0 * factor}, unpaid=True)
        bids.append(one.bid)
    assert bids[0] == bids[1] == bids[2]


@pytest.mark.parametrize("nats", [0.0, 1e-12, 0.0123456, 0.5])
def test_coins_are_four_digits_at_any_scale(nats: float) -> None:
    assert in_coins(nats) == pytest.approx(nats, rel=5e-4)
    assert in_coins(in_coins(nats)) == in_coins(nats)


def test_the_own_tile_is_free_to_drive(chip: Any) -> None:
    one = candidates(chip)[0]
    one.bid_by_value(chip.prices, {0: 0.0})
    assert one.bid is not None
    assert one.bid.targets == ()
    tiles = one.proposal.signal.targets // chip.network.fabric.slots
    assert one.bid.value == in_coins(float(one.proposal.decrease(tiles == 0)[one.index]))


def test_nothing_that_pays_is_a_bid_of_nothing(chip: Any) -> None:
    one = candidates(chip)[0]
    one.bid_by_value(chip.prices, {1: 0.0, 2: 0.0})
    assert one.bid is not None
    assert (one.bid.targets, one.bid.value) == ((), 0.0)


@pytest.mark.parametrize(
    ("gains", "targets"), [((0.0, 0.0), (2,)), ((0.5, 0.1), (1,)), ((2.0, 0.5), (1,)), ((2.0, 3.0), (1, 2))]
)
def test_where_its_place_is_given_it_reaches_at_least_one_tile(
    chip: Any, gains: tuple[float, float], targets: tuple[int, ...]
) -> None:
    """Gains in multiples of the link's price."""
    one = candidates(chip)[0]
    decrease = {1: gains[0] * price_of(chip, 0, 1), 2: gains[1] * price_of(chip, 0, 2)}
    one.bid_by_value(chip.prices, decrease, unpaid=True)
    assert one.bid is not None
    assert one.bid.targets == targets
    one.bid_by_value(chip.prices, {0: 0.0, **dict.fromkeys(decrease, 0.0)}, unpaid=True)
    assert one.bid.targets == ()  # its own tile is enough
    chip.close(5, 2)
    one.bid_by_value(chip.prices, dict.fromkeys(decrease, 0.0), unpaid=True)
    assert one.bid.targets == (1,)


def test_a_tile_that_cannot_be_reached_is_dropped(chip: Any) -> None:
    one = candidates(chip)[0]
    chip.close(5, 2)
    one.bid_by_value(chip.prices, {1: 9.0, 2: 9.0})
    assert one.bid is not None
    assert one.bid.targets == (1,)


def test_it_hears_only_what_its_fan_in_weighs_and_taps_only_what_is_new(chip: Any) -> None:
    first = candidates(chip, tile=1)[0]
    signal = first.proposal.signal
    assert int(signal.new.sum()) == 2
    fan_in = torch.linspace(0.1, 1.0, len(signal.sources), dtype=torch.float64)
    newest, oldest = int(torch.nonzero(signal.new)[-1]), int(torch.nonzero(~signal.new)[0])
    fan_in[[newest, oldest]] = 0.0
    proposal = replace(first.proposal, fan_in=fan_in[None], wired=fan_in[None] != 0)
    one = CandidateNeuron(chip.model, 7, proposal, 0, 0, "random")
    kept = [k for k in range(len(signal.sources)) if k not in (newest, oldest)]
    assert one.sources.tolist() == [int(signal.sources[k]) for k in kept]
    assert one.fan_in.tolist() == [float(fan_in[k]) for k in kept]
    assert one.taps == tuple(int(signal.sources[k]) for k in kept if signal.new[k])
    assert len(one.taps) == 1
    one.bid_by_value(chip.prices, {1: 1.0})
    assert one.bid is not None
    assert one.bid.taps == one.taps


def test_a_seed_bids_what_it_is_told(chip: Any) -> None:
    one = candidates(chip, new_taps=0)[0]
    one.bid_as_seed(0.7, (2,), (1,))
    assert one.bid is not None
    assert (one.bid.value, one.bid.targets, one.bid.wishes, one.bid.taps) == (0.7, (2,), (1,), ())


def test_it_describes_itself_in_a_line(chip: Any) -> None:
    one = candidates(chip, new_taps=0)[0]
    assert one.describe() == "candidate 100 in tile 0: has not bid"
    one.bid_as_seed(0.25, (2, 1), ())
    assert one.describe() == (
        "candidate 100 in tile 0: hears 4 wires (0 new), wants to reach 2, 1, bids 0.2500 nats for task 0"
    )
    one.bid_as_seed(0.25, (), ())
    assert "wants to reach its own tile only" in one.describe()
