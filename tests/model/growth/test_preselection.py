from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from smalti.model.growth.preselection import preselect, tile_scores
from smalti.model.neuron import NetworkOptions


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_a_score_is_what_the_rows_within_reach_could_tell_written_out(site: Callable[..., Any], engine: Any) -> None:
    """Sum over the tile and its neighbours of |E sum delta[t+1] z[t]|^2 over spikes, row by row."""
    if engine == "events":
        pytest.importorskip("numba", reason="the event-driven engine needs numba")
    place = site(NetworkOptions(precision="float64", engine=engine), seed=1)
    network, probe = place.network, place.probe()
    fabric = network.fabric
    members = torch.nonzero(network.state.alive).flatten()[::2]
    told = torch.zeros(fabric.tiles, dtype=torch.float64)
    for (source, tile), _ in network.links.rows.items():
        here = members[members // fabric.slots == tile]
        z = probe.presynaptic[:-1, source]
        wants = torch.einsum("tqb,tb->q", probe.delta[:, here], z)
        spikes = probe.counts[source].sum() if source < fabric.neurons else z.sum()
        told[tile] += wants.square().sum() / max(1.0, float(spikes))
    found = tile_scores(network, probe, place.x.sum((0, 1)), members)
    expected = torch.stack([told[[tile, *fabric.neighbours(tile)]].sum() for tile in range(fabric.tiles)])
    assert expected.max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_best_are_taken_and_of_equals_the_first() -> None:
    scores = torch.tensor([0.0, 5.0, 2.0, 2.0, 9.0, 2.0])
    assert preselect(scores, [0, 1, 2, 3, 5], 3) == {1, 2, 3}
    assert preselect(scores, [5, 4], 1) == {4}
    assert preselect(scores, [0, 1], 7) == {0, 1}


def test_tiles_that_nobody_can_reach_score_nothing(site: Callable[..., Any]) -> None:
    place = site(NetworkOptions(precision="float64"), seed=1)
    network = place.network
    members = torch.nonzero(network.state.alive).flatten()
    south = members[members // network.fabric.slots == 7]
    scores = tile_scores(network, place.probe(), place.x.sum((0, 1)), south)
    assert [tile for tile in range(9) if scores[tile] > 0] == [4, 6, 7, 8]
