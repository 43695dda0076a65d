from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.routes import hops
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.wiring_cost import WiringCost, WiringOptions, _hops_between, communicability, tiles_between

KINDS = ("l1", "length", "hops", "communicability")


@pytest.fixture
def network() -> Network:
    """Tiles 0 1 2 in a row, two slots each: 0 drives itself, 1 next to it, 2 next door and 5 two tiles on.

    An input channel drives 0, 2 drives 0 by a frozen device.
    """
    options = NetworkOptions(precision="float64")
    network = Network(Fabric(FabricOptions(rows=1, cols=3, neurons_per_tile=2, wires=4)), 1, options)
    state, links = network.state, network.links
    for slot in (0, 1, 2, 5):
        state.alive[slot] = True
        links.add_local(slot)
    state.output[5] = True
    for source, target, weight in ((0, 0, 0.5), (0, 1, -0.25), (0, 2, 1.0), (0, 5, -2.0), (2, 0, 4.0), (6, 0, 8.0)):
        tile, column = divmod(target, 2)
        row = links.rows[source, tile] if (source, tile) in links.rows else links.add(source, tile)
        state.mask[tile, row, column] = True
        state.frozen[tile, row, column] = source == 2
        with torch.no_grad():
            state.weight[tile, row, column] = weight
    return network


def cost(network: Network, **options: Any) -> WiringCost:
    """The cost of what learns."""
    made = WiringCost.of(network, network.state.mask & ~network.state.frozen, WiringOptions(**options))
    assert made is not None
    return made


def by_target(network: Network, made: WiringCost) -> dict[int, float]:
    """Target -> what the device from neuron 0 to it costs."""
    tile, _, column = np.unravel_index(made.places.numpy(), network.state.mask.shape)
    return dict(zip((2 * tile + column).tolist(), made.slope.tolist(), strict=True))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"penalty": "l1"}, {0: 1.0, 1: 1.0, 2: 1.0, 5: 1.0}),
        ({"penalty": "length"}, {0: 9 / 17, 1: 9 / 17, 2: 18 / 17, 5: 27 / 17}),  # mean of 1 1 1, 2 2 2 2, 3 3
        ({"penalty": "length", "local": 0.0}, {0: 0.0, 1: 0.0, 2: 9 / 8, 5: 18 / 8}),
        ({"penalty": "hops"}, {0: 0.0, 1: 0.0, 2: 9 / 14, 5: 45 / 14}),  # mean of 0 0 0, 1 1 1 1, 5 5
    ],
)
def test_what_every_device_costs_by_hand(network: Network, options: dict[str, Any], wanted: dict[int, float]) -> None:
    """Devices of input channels and frozen ones are left out."""
    found = by_target(network, cost(network, strength=1.0, **options))
    assert found == pytest.approx(wanted)
    assert by_target(network, cost(network, strength=0.1, **options)) == pytest.approx(
        {target: 0.1 * value for target, value in wanted.items()}
    )


def test_communicability_of_two_neurons_by_hand() -> None:
    """0 drives 1 with weight w: s = w / 2 for both, so that the one entry off the diagonal is 2, and exp of it 2."""
    shared = communicability(np.array([3, 7]), np.array([7, 7]), np.array([5.0, 0.0]))
    assert shared.tolist() == [2.0, 0.0]


def test_communicability_counts_ways_of_every_length() -> None:
    """A chain 0 - 1 - 2, there and back: s = 1, 2, 1, so the matrix has 1 / sqrt(2) and the eigenvalues 1, 0, -1."""
    ends = np.array([(0, 1), (1, 0), (1, 2), (2, 1), (0, 2)])
    shared = communicability(*ends.T, np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    assert shared[:4] == pytest.approx(math.sinh(1) / math.sqrt(2))
    assert shared[4] == pytest.approx((math.cosh(1) - 1) / 2)


def test_communicability_makes_dear_what_communicates(network: Network) -> None:
    length = by_target(network, cost(network, penalty="length", strength=1.0))
    both = by_target(network, cost(network, penalty="communicability", strength=1.0))
    weight = np.array([0.5, 0.25, 1.0, 2.0])
    matrix, ends = np.zeros((4, 4)), {0: 0, 1: 1, 2: 2, 5: 3}
    matrix[0] = weight
    strength = (matrix.sum(0) + matrix.sum(1)) / 2
    scaled = matrix / np.sqrt(np.outer(strength, strength))
    series = sum(np.linalg.matrix_power(scaled, k) / math.factorial(k) for k in range(30))
    shared = {target: series[0, end] if end else 0.0 for target, end in ends.items()}
    mean = sum(shared[target] * w for target, w in zip(ends, weight, strict=True)) / weight.sum()
    assert both == pytest.approx({target: length[target] * shared[target] / mean for target in ends})
    assert both[0] == 0 < both[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_step_is_the_minimum_of_penalty_and_distance(network: Network, kind: str) -> None:
    """The proximal step minimises rate penalty(w) + |w - v|^2 / 2; no weight around it does better."""
    made, before, rate = cost(network, penalty=kind, strength=0.4), network.state.weight.detach().clone(), 0.7
    after = before.clone()
    made.shrink(after, rate)

    def goal(weight: torch.Tensor) -> float:
        return float(rate * made.penalty(weight) + (weight - before).square().sum() / 2)

    learns = network.state.mask & ~network.state.frozen
    moved, best = before != after, goal(after)
    assert moved.any()
    assert not (moved & ~learns).any()
    for place in torch.nonzero(learns).tolist():
        for by in (-1e-3, 1e-3):
            other = after.clone()
            other[tuple(place)] += by
            assert goal(other) > best


@pytest.mark.parametrize("kind", KINDS)
def test_the_move_is_the_gradient_of_the_penalty_where_no_weight_reaches_zero(network: Network, kind: str) -> None:
    """By finite differences, with communicability held as it was."""
    made, weight = cost(network, penalty=kind, strength=0.01), network.state.weight.detach().clone()
    after, step = weight.clone(), 1e-6
    made.shrink(after, 0.1)
    for place in torch.nonzero(network.state.mask).tolist():
        plus, minus = weight.clone(), weight.clone()
        plus[tuple(place)] += step
        minus[tuple(place)] -= step
        slope = float(made.penalty(plus) - made.penalty(minus)) / (2 * step)
        assert float(weight[tuple(place)] - after[tuple(place)]) == pytest.approx(0.1 * slope, abs=1e-9)


def test_weights_stop_at_zero_and_newborns_shrink_by_their_own_rate(network: Network) -> None:
    made = cost(network, penalty="l1", strength=1.0)
    weight, factors = network.state.weight.detach().clone(), torch.ones_like(network.state.weight)
    factors[network.state.weight == 1.0] = 0.5
    made.shrink(weight, 0.3, factors.detach())
    assert weight[network.state.mask].sort().values.tolist() == pytest.approx([-1.7, 0.0, 0.2, 0.85, 4.0, 8.0])


def test_nothing_is_made_where_nothing_costs(network: Network) -> None:
    learns = network.state.mask
    assert WiringCost.of(network, learns, WiringOptions()) is None
    assert WiringCost.of(network, learns, WiringOptions(penalty="length", strength=0.0)) is None
    for kind in KINDS:
        made = WiringCost.of(network, torch.zeros_like(learns), WiringOptions(penalty=kind))  # type: ignore[arg-type]
        assert made is not None
        weight = network.state.weight.detach().clone()
        made.shrink(weight, 1.0)
        assert torch.equal(weight, network.state.weight)


def test_distances_and_hops_are_those_of_the_fabric() -> None:
    fabric = Fabric(FabricOptions(rows=4, cols=3))
    for a, b in product(range(12), repeat=2):
        one, other = np.array([a]), np.array([b])
        assert tiles_between(fabric, one, other) == [fabric.distance(a, b)]
        assert _hops_between(fabric, one, other) == [hops(fabric, a, b)]


def test_a_chip_of_one_tile_has_no_hops() -> None:
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=2, wires=1)), 0, NetworkOptions())
    network.state.alive[0] = True
    network.links.add_local(0)
    network.state.mask[0, 0, 0] = True
    for kind, wanted in (("hops", 0.0), ("length", 0.05)):
        made = cost(network, penalty=kind)
        assert made.slope.tolist() == pytest.approx([wanted])


@pytest.mark.parametrize(("field", "value"), [("strength", -0.1), ("local", math.nan), ("penalty", "wires")])
def test_impossible_options_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"training\.wiring\.{field}"):
        WiringOptions(**{field: value})
