from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.grafting.graft import Birth, graft, retire
from smalti.model.kinds import NO_KIND, Cell, KindOptions, decay, draw_cell, draw_cells, time_constant
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments

SLOW = KindOptions(tau_ms=12.0, synapse_ms=7.0)


def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def network(**kinds: KindOptions) -> Network:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, NetworkOptions(kinds=kinds))


def test_a_cell_has_the_constants_of_its_kind() -> None:
    kind = KindOptions(tau_ms=12.0, synapse_ms=7.0, adaptation=0.3, adaptation_ms=40.0)
    expected = Cell(2, math.exp(-1 / 12), math.exp(-1 / 7), 0.3, math.exp(-1 / 40), "slow")
    assert draw_cell(2, kind, generator(), "slow") == expected
    assert draw_cell(0, KindOptions(), generator()) == Cell(0, math.exp(-1 / 20))


def test_nothing_is_drawn_where_nothing_is_left_to_chance() -> None:
    chance = generator()
    draw_cell(0, SLOW, chance)
    draw_cells({"slow": SLOW}, [5], 1, chance)
    assert chance.random() == generator().random()


def test_time_constants_are_drawn_evenly_in_their_logarithm() -> None:
    chance, kind = generator(), KindOptions(tau_ms=2.0, tau_most_ms=32.0)
    drawn = np.log2([time_constant(draw_cell(0, kind, chance).leak) for _ in range(4000)])
    assert drawn.min() >= 1
    assert drawn.max() <= 5
    counts, _ = np.histogram(drawn, bins=8, range=(1, 5))
    assert abs(counts - 500).max() < 5 * math.sqrt(500)


def test_a_spread_is_that_of_the_logarithm_of_every_time_constant_apart() -> None:
    chance, kind = generator(), KindOptions(tau_ms=20.0, synapse_ms=10.0, adaptation=1.0, spread=0.2)
    cells = [draw_cell(0, kind, chance) for _ in range(4000)]
    drawn = np.log([[time_constant(x) for x in (cell.leak, cell.synapse, cell.recovery)] for cell in cells])
    np.testing.assert_allclose(drawn.mean(0), np.log([20, 10, 100]), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), 0.04 * np.eye(3), atol=0.004)


@pytest.mark.parametrize("tau", [0.3, 1.0, 7.0, 20.0, 1234.5])
def test_a_time_constant_comes_back_from_its_decay(tau: float) -> None:
    assert time_constant(decay(tau)) == pytest.approx(tau, rel=1e-8)
    assert time_constant(decay(20.0)) == 20.0
    assert (decay(0), time_constant(0)) == (0, 0)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"": SLOW}, "network.kinds has a kind named ''; give it a name of letters"),
        ({"a.b": SLOW}, "network.kinds has a kind named 'a.b'; give it a name of letters"),
        ({"1st": SLOW}, "network.kinds has a kind named '1st'; give it a name of letters"),
        ({"slow": KindOptions(tau_ms=0.0)}, "network.kinds.slow.tau_ms = 0.0 must be a positive number"),
        ({"slow": KindOptions(synapse_ms=-1.0)}, "network.kinds.slow.synapse_ms = -1.0 must not be negative"),
        ({"slow": KindOptions(adaptation=-0.1)}, "network.kinds.slow.adaptation = -0.1 must not be negative"),
        ({"slow": KindOptions(adaptation_ms=0.0)}, "network.kinds.slow.adaptation_ms = 0.0 must be a positive"),
        ({"slow": KindOptions(spread=9.0)}, "network.kinds.slow.spread = 9.0 must not be negative, nor above 3"),
        ({"slow": KindOptions(share=-1.0)}, "network.kinds.slow.share = -1.0 must be a number, 0 or more"),
        ({"slow": KindOptions(tau_most_ms=5.0)}, "network.kinds.slow.tau_most_ms = 5.0 lies below network.kinds.slow"),
        ({"a": KindOptions(share=0), "b": KindOptions(share=0)}, "network.kinds: the shares of a, b are all 0"),
        ({"slow": 3}, "network.kinds.slow = 3 must be a section"),
        ({3: SLOW}, "network.kinds has the name 3; names must be text"),
        (3, "network.kinds = 3 must be a section [network.kinds] of sections"),
    ],
)
def test_kinds_that_cannot_be_are_refused_by_name(kinds: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        NetworkOptions(kinds=kinds)  # type: ignore[arg-type]


def test_options_with_kinds_are_values() -> None:
    mine = {"slow": SLOW}
    options = NetworkOptions(kinds=mine)
    assert hash(options) == hash(NetworkOptions(kinds=mine))
    mine["fast"] = KindOptions()
    assert list(options.kinds) == ["slow"]
    assert options != NetworkOptions()


def test_newborns_are_of_every_kind_and_those_that_differ_are_few_alike() -> None:
    kinds = {"fast": KindOptions(tau_ms=5.0), "slow": SLOW, "mixed": KindOptions(tau_ms=2.0, tau_most_ms=40.0)}
    cells = draw_cells(kinds, [3, 0, 5], 2, generator())
    assert [(cell.kind, cell.name, count) for cell, count in cells] == [
        (0, "fast", 3),
        (2, "mixed", 2),
        (2, "mixed", 2),
        (2, "mixed", 1),
    ]
    assert len({cell.leak for cell, _ in cells}) == 4
    assert draw_cells({}, [], 2, generator()) == []
    assert network().options.plain_cell == Cell(NO_KIND, math.exp(-1 / 20))


def test_a_graft_gives_a_slot_its_constants_and_retirement_takes_them() -> None:
    chip = network(slow=SLOW)
    before = {name: value.clone() for name, value in chip.state.state_dict().items()}
    nobody, nothing, moments = torch.arange(0), torch.empty(0), Moments.fresh(chip.state.weight)
    cell = Cell(0, 0.9, 0.8, 0.7, 0.6, "slow")
    chip.links.add_local(3)
    graft(chip, Birth(3, False, nobody, nothing, nobody, nothing, cell), moments)
    state = chip.state
    assert [float(x[3]) for x in (state.kind, state.leak, state.synapse, state.strength, state.recovery)] == [
        *(0, 0.9, 0.8, 0.7, 0.6)
    ]
    assert chip.dynamics().synapse is not None
    retire(chip, 3, moments)
    assert all(torch.equal(value, before[name]) for name, value in chip.state.state_dict().items())
    assert chip.dynamics().synapse is None
    assert chip.dynamics().adaptation is None
