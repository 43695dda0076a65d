from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.model.chip.routes import Path
from smalti.model.rewiring.layout import Layout
from smalti.model.rewiring.swap import movable


def dear(neuron: int, paths: list[Path]) -> float:
    """Costs the same wherever a neuron sits, so that nothing is ever gained."""
    return 1.0


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_an_exchange_that_gains_nothing_or_finds_no_room_leaves_no_trace(chip: Callable[..., Any], seed: int) -> None:
    place = chip(seed, share=0.3)
    links, network = place.network.links, place.network
    layout = Layout.of(network)
    tables = repr((layout.place, layout.drives, layout.sources, layout.waiting))
    books = dict(links.rows), dict(links.paths), links.ledger.used.tolist(), links.source.tolist()
    reached = {neuron: set(tiles) for neuron, tiles in layout.routed.items()}
    neurons = movable(network).nonzero()[0].tolist()
    for a in neurons:
        for b in neurons:
            if layout.tile(a) != layout.tile(b):
                assert not layout.exchange(a, b, dear)
    place.check()
    assert (links.rows, links.paths, links.ledger.used.tolist(), links.source.tolist()) == books
    assert repr((layout.place, layout.drives, layout.sources, layout.waiting)) == tables
    assert layout.routed == reached


def test_links_that_wait_for_devices_stay(chip: Callable[..., Any]) -> None:
    """After exchanges every neuron reaches the tiles of all that it drives, and those to which it had a bare link."""
    waiting = 0
    for seed in range(30):
        place = chip(seed, share=0.15)
        network, layout = place.network, Layout.of(place.network)
        neurons = movable(network).nonzero()[0].tolist()
        for a in neurons:
            for b in neurons:
                if layout.tile(a) != layout.tile(b):
                    layout.exchange(a, b, lambda neuron, paths: len(paths))
        for neuron in layout.routed:
            assert layout.routed[neuron] >= layout.needs(neuron)
            slot = layout.place[neuron]
            assert layout.routed[neuron] | {layout.tile(neuron)} == set(network.links.of(slot))
            waiting += len(layout.waiting[neuron])
    assert waiting > 50
