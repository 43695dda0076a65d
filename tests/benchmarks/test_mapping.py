from __future__ import annotations

import numpy as np

from benchmarks.mapping import Mapping, annealed, at_random, measure, random_net, view
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.mapping.cost import Costs
from smalti.model.mapping.cut import rooms

SMALL = Mapping(nets=2, neurons=48, outputs=4, channels=16, steps=300)


def test_the_cut_is_better_than_chance() -> None:
    found = [one for number in range(SMALL.nets) for one in measure(SMALL, number)]
    by = {(one.net, one.way): one for one in found}
    assert len(by) == 2 * 4
    for net in range(2):
        assert by[net, "cut"].refused < by[net, "random"].refused
        assert by[net, "cut, again"].refused <= by[net, "cut"].refused
    assert view(found, SMALL).row_count == 8


def test_annealing_finds_a_cheaper_placement_that_fits() -> None:
    fabric, chance = Fabric(FabricOptions()), np.random.default_rng(0)
    net = random_net(SMALL, fabric, grouped=True, chance=chance)
    costs, fixed = Costs.of(net, fabric), {46: 8, 47: 8}
    start = at_random(fabric, net.neurons, fixed, chance)
    found = annealed(costs, start, rooms(fabric), fixed, 300, chance)
    assert costs.total(found) < costs.total(start)
    for tiles in (start, found):
        assert (np.bincount(tiles, minlength=fabric.tiles) <= rooms(fabric)).all()
        assert tiles[[46, 47]].tolist() == [8, 8]
