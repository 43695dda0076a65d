"""A trial leaves nothing behind: not a bit of the chip, its books, its devices or its agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch

from smalti.model.grafting.healing import Remembered, remember
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.repairs.remedies import Patient, Remedies
from smalti.scheduler.growth.repairs.trial import mark
from smalti.scheduler.protocols.protocol import begun_at, kept_of
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.simulation import Simulation


def frozen(simulation: Simulation) -> dict[str, Any]:
    """All that a checkpoint would hold, and what the round in hand has done so far."""
    grower, links = simulation.grower, simulation.network.links
    now = deepcopy(simulation.state_dict())
    now |= {"born": list(grower.born), "bought": list(grower.bought), "outcomes": list(grower.outcomes)}
    now |= {"rows": dict(links.rows), "free": links.ledger.all_free(range(len(links.ledger.used)))}
    return now | {"source": links.source.copy().tolist(), "lots": grower.model.random.getstate()}


def same(first: object, second: object) -> bool:
    """Whether two of them are the same, bit for bit."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first.nan_to_num(7), second.nan_to_num(7))
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))  # type: ignore[arg-type]
    return first == second or first != first


def remedies_of(simulation: Simulation, lost: Sequence[Remembered] = ()) -> Remedies:
    """What there is for the expert of the first task."""
    then = begun_at(simulation.parts, simulation.config, 0)
    patient = Patient(
        expert=simulation.gating.experts[0],
        task=0,
        kept=kept_of(then),
        training=then.batches.probe(64, 0),
        enough=0.0,
        chance=partial(generator, 0, Use.REPAIR, 0, 0),
        reserve=0,
        seconds=0.0,
        learn=None,
    )
    return Remedies(simulation.grower, patient, lost, simulation.rehearsal.devices)


@pytest.mark.parametrize("devices", [{}, {"kind": "reram_wan", "stuck_off": 0.05}])
def test_every_repair_can_be_taken_back(
    tiny: Callable[..., Config], check: Callable[[Simulation], None], devices: dict[str, Any]
) -> None:
    simulation = Simulation(tiny(devices=devices, gating={"stiffness": 100.0}))
    for _ in range(4):
        simulation.step()
    grower, network, expert = simulation.grower, simulation.network, simulation.gating.experts[0]
    known = simulation.rehearsal.devices
    routed = [key for key in network.links.rows if network.links.kind(*key) == "routed"]
    lost = remember(network, routed, grower.moments, known)
    remedies = remedies_of(simulation, lost)
    refreshing = [] if network.memristors.exact else [remedies._refresh]
    network.memristors.read()
    for do in (partial(remedies._read, 0), remedies._move, partial(remedies._grow, 0, 2), *refreshing):
        before = frozen(simulation)
        restore = mark(grower, expert, known)
        assert do() is not None
        assert not same(frozen(simulation), before) or do in refreshing
        restore()
        assert same(frozen(simulation), before)
    check(simulation)


def test_a_read_out_whose_links_find_no_room_is_no_bid(tiny: Callable[..., Config]) -> None:
    """Where it was offered there was room; then all wires are kept for others."""
    simulation = Simulation(tiny())
    for _ in range(4):
        simulation.step()
    remedies, links = remedies_of(simulation), simulation.network.links
    home = simulation.gating.experts[0].output_tile
    (there,) = [tile for tile in simulation.fabric.south_tiles if tile != home]
    site = remedies._site(there, 0)
    assert any((source, there) not in links.rows for source in site.sources.tolist())
    restore = remedies.marked()
    assert remedies._linked(site)
    restore()
    links.ledger.keep(dict(enumerate(links.ledger.all_free(range(len(links.ledger.used))))))
    assert not remedies._linked(site)
