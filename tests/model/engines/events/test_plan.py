from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.model.engines.events.plan import Chip, Plan, make_plan

Device = tuple[int, int, int]  # tile, row, column
ROWS, SLOTS = 4, 2


def small(source: list[list[int]], devices: list[Device], learning: list[Device] | None = None, **more: Any) -> Chip:
    """A chip of 1 x 2 tiles: neurons 0 and 1 in the first, 2 and 3 in the second, channels 4 and 5; 3 is the output."""
    mask, learns = np.zeros((2, 2, ROWS, SLOTS), dtype=bool)
    for place in devices:
        mask[place] = True
    for place in devices if learning is None else learning:
        learns[place] = True
    fires = np.array([True, True, True, False])
    chip = Chip(np.array(source), mask, learns, fires, outputs=np.array([3]), channels=2)
    return replace(chip, **more)


def first(tile: int, row: int) -> int:
    """First device of a row, in the crossbars laid flat."""
    return (tile * ROWS + row) * SLOTS


def everywhere(plan: Plan, units: dict[int, int], rest: int) -> list[int]:
    """A list over the units with these values, all others alike."""
    return [units.get(unit, rest) for unit in range(plan.units)]


TABLE = [[0, -1, 4, 5], [2, 0, 1, -1]]
IN_USE = [(0, 0, 1), (0, 2, 0), (0, 2, 1), (0, 3, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)]


def test_a_small_plan_written_out() -> None:
    """0 drives 1, 2, 3; 2 drives 3; channel 4 drives 0, 1; channel 5 drives 1. The link of 1 has no device in use."""
    plan = make_plan(small(TABLE, IN_USE))
    graph = plan.graph
    assert (plan.lanes, plan.units, plan.banks, plan.segments) == (8, 16, 2, 5)
    assert plan.slot.tolist() == everywhere(plan, {0: 0, 1: 1, 8: 2, 9: 3}, -1)
    assert plan.column.tolist() == everywhere(plan, {0: 0, 1: 1, 8: 0, 9: 1}, -1)
    assert plan.row.tolist() == [first(0, 0), first(1, 1), first(1, 0), first(0, 2), first(0, 3)]
    assert graph.bank.tolist() == [0, 1, 1, 0, 0]
    assert graph.start.tolist() == [0, *[2] * 8, *[3] * 8, 4, 5]
    assert graph.learning.tolist() == graph.start[1:].tolist()
    assert graph.heard_start.tolist() == [0, 1, 3]
    assert graph.heard.tolist() == [0, 0, 1]
    assert graph.near_start.tolist() == [0, 2, 3]
    assert graph.near.tolist() == [0, 1, 1]
    assert graph.near_rows.tolist() == [0, 8, 16]
    nothing = [40] * 7
    assert graph.weights.tolist() == [0, *nothing, 8, *nothing, 16, *nothing]
    assert graph.learns.tolist() == [0, *[-1] * 7, 8, *[-1] * 7, 16, *[-1] * 7]
    assert graph.outputs.tolist() == [9]
    assert np.flatnonzero(plan.fires).tolist() == [0, 1, 8]
    assert np.flatnonzero(plan.needs_adjoint).tolist() == [0, 1, 8]


def test_experts_that_are_switched_off_are_not_in_the_plan() -> None:
    """Only 0 and the output run: of five segments those from channel 4 to 0 and from 0 to the output are left."""
    plan = make_plan(small(TABLE, IN_USE, fires=np.array([True, False, False, False])))
    assert plan.slot.tolist() == everywhere(plan, {0: 0, 8: 3}, -1)
    assert plan.column.tolist() == everywhere(plan, {0: 0, 8: 1}, -1)
    assert plan.row.tolist() == [first(1, 1), first(0, 2)]
    assert plan.graph.bank.tolist() == [1, 0]
    assert plan.graph.outputs.tolist() == [8]
    assert np.flatnonzero(plan.needs_adjoint).tolist() == [0]


CHAIN = [[-1, -1, 4, 2], [-1, -1, 0, 1]]
LINKS = [(0, 2, 0), (1, 2, 0), (0, 3, 1), (1, 3, 1)]


def test_a_frozen_trunk_costs_no_gradient_and_what_lies_behind_a_learner_does() -> None:
    """4 -> 0 -> 2 -> 1 -> 3, where only 0 -> 2 learns: adjoints of 2 and of all behind it are of use, 0's is not."""
    plan = make_plan(small(CHAIN, LINKS, learning=[(1, 2, 0)]))
    assert plan.row.tolist() == [first(1, 2), first(1, 3), first(0, 3), first(0, 2)]
    assert (plan.graph.learning - plan.graph.start[:-1]).tolist() == [1, *[0] * 17]
    assert np.flatnonzero(plan.needs_adjoint).tolist() == [1, 8]
    assert np.flatnonzero(make_plan(small(CHAIN, LINKS, learning=[])).needs_adjoint).tolist() == []
    assert np.flatnonzero(make_plan(small(CHAIN, LINKS, learning=[(1, 3, 1)])).needs_adjoint).tolist() == []
    assert np.flatnonzero(make_plan(small(CHAIN, LINKS, learning=[(0, 2, 0)])).needs_adjoint).tolist() == [0, 1, 8]


def test_a_probe_wants_all_adjoints_and_the_gradient_of_all_rows() -> None:
    plan = make_plan(small(CHAIN, LINKS, learning=[]), all_adjoints=True)
    assert np.flatnonzero(plan.needs_adjoint).tolist() == [0, 1, 8]
    assert plan.graph.learning.tolist() == plan.graph.start[1:].tolist()
    assert plan.learns.reshape(-1, 8).sum(1).tolist() == [
        (plan.column >= 0)[8 * b :][:8].sum() for b in plan.graph.bank
    ]


def test_segments_that_learn_come_first() -> None:
    """Of the two segments of 0 only the one into the second tile learns."""
    plan = make_plan(small(TABLE, IN_USE, learning=[(1, 1, 0)]))
    assert plan.row[:2].tolist() == [first(1, 1), first(0, 0)]
    assert (plan.graph.learning - plan.graph.start[:-1]).tolist() == [1, *[0] * 17]


@pytest.mark.parametrize(("running", "lanes", "banks"), [(1, 8, 1), (8, 8, 1), (9, 16, 1), (17, 32, 1), (33, 32, 2)])
def test_banks_are_as_wide_as_the_fullest_tile_needs(running: int, lanes: int, banks: int) -> None:
    """The neurons that run stand in the lanes in the order of their slots."""
    fires = np.zeros(80, dtype=bool)
    fires[3 : 3 + running] = True
    none = np.zeros((2, 1, 40), dtype=bool)
    plan = make_plan(Chip(np.full((2, 1), -1), none, none, fires, np.array([50]), channels=0))
    assert (plan.lanes, plan.banks) == (lanes, banks + 1)
    assert plan.slot[:running].tolist() == list(range(3, 3 + running))
    assert plan.slot[banks * lanes] == 50
    assert (plan.slot >= 0).sum() == running + 1


@st.composite
def chips(draw: Any) -> Chip:
    tiles, rows, slots, channels = (draw(st.integers(least, 4)) for least in (1, 1, 1, 0))
    slots = draw(st.sampled_from([slots, 11, 20, 37]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.1, 0.5, 1.0]))
    mask = rng.random((tiles, rows, slots)) < density
    source = rng.integers(-1, tiles * slots + channels, (tiles, rows))
    learns = mask & (rng.random(mask.shape) < rng.choice([0, 0.05, 0.5, 1]))
    fires = rng.random(tiles * slots) < draw(st.sampled_from([0.1, 0.6, 1.0]))
    outputs = rng.permutation(tiles * slots)[: rng.integers(0, 3)]
    return Chip(source, mask & (source >= 0)[:, :, None], learns & (source >= 0)[:, :, None], fires, outputs, channels)


def running_devices(chip: Chip, which: np.ndarray) -> set[tuple[int, int]]:
    """(source, flat device) of those of these devices [K, R, n] that matter, one by one."""
    slots, neurons = chip.mask.shape[2], len(chip.fires)
    found = set()
    for tile, row, column in np.argwhere(which).tolist():
        source, target = int(chip.source[tile, row]), tile * slots + column
        heard = source >= neurons or chip.fires[source]
        if heard and (chip.fires[target] or target in chip.outputs):
            found.add((source, (tile * chip.mask.shape[1] + row) * slots + column))
    return found


def devices_of(plan: Plan, chip: Chip, end: np.ndarray) -> list[tuple[int, int]]:
    """(source, flat device) of the segments of every source up to an end, lane by lane."""
    slot_of_source = [*plan.slot.tolist(), *range(len(chip.fires), len(chip.fires) + chip.channels)]
    found = []
    for source, (start, stop) in enumerate(zip(plan.graph.start[:-1], end, strict=True)):
        for segment in range(start, stop):
            lanes = plan.column[plan.graph.bank[segment] * plan.lanes :][: plan.lanes]
            found += [(slot_of_source[source], int(plan.row[segment] + column)) for column in lanes if column >= 0]
    return found


@settings(max_examples=150)
@given(chip=chips())
def test_a_plan_holds_every_device_that_matters_once_and_no_segment_without_one(chip: Chip) -> None:
    plan = make_plan(chip)
    in_use, learning = running_devices(chip, chip.mask), running_devices(chip, chip.learns)
    held, taught = devices_of(plan, chip, plan.graph.start[1:]), devices_of(plan, chip, plan.graph.learning)
    assert len(held) == len(set(held))
    assert in_use <= set(held)
    assert learning <= set(taught)
    present = set(np.flatnonzero(chip.fires)) | set(chip.outputs.tolist())
    assert sorted(plan.slot[plan.slot >= 0]) == sorted(present)
    assert plan.slot[plan.graph.outputs].tolist() == chip.outputs.tolist()
    for segment in range(plan.segments):
        lanes = plan.column[plan.graph.bank[segment] * plan.lanes :][: plan.lanes]
        row = {int(plan.row[segment] + column) for column in lanes if column >= 0}
        assert row & {device for _, device in in_use}
        of_learners = any(a <= segment < b for a, b in zip(plan.graph.start, plan.graph.learning, strict=False))
        assert bool(row & {device for _, device in learning}) == of_learners


@settings(max_examples=100)
@given(chip=chips())
def test_bundles_hold_the_segments_from_bank_to_bank(chip: Chip) -> None:
    """Seen from either end; a lane without segment has the row of zeros behind all others."""
    plan = make_plan(chip)
    graph, lanes = plan.graph, plan.lanes
    source = np.repeat(np.arange(len(graph.start) - 1), np.diff(graph.start))
    of_neurons = [k for k in range(plan.segments) if source[k] < plan.units]
    expected = {(source[k] // lanes, graph.bank[k], source[k] % lanes): k for k in of_neurons}
    driven = np.repeat(np.arange(plan.banks), np.diff(graph.heard_start))
    driving = np.repeat(np.arange(plan.banks), np.diff(graph.near_start))
    for bundle in range(len(graph.heard)):
        for lane in range(lanes):
            segment = expected.get((graph.heard[bundle], driven[bundle], lane), plan.segments)
            assert graph.weights[bundle * lanes + lane] == segment * lanes
            of_learners = segment < plan.segments and segment < graph.learning[source[segment]]
            assert graph.learns[bundle * lanes + lane] == (segment * lanes if of_learners else -1)
    bundles = graph.near_rows // lanes
    assert sorted(bundles) == list(range(len(graph.heard)))
    assert np.array_equal(graph.heard[bundles], driving)
    assert np.array_equal(driven[bundles], graph.near)


@settings(max_examples=100)
@given(chip=chips())
def test_adjoints_are_wanted_where_something_that_learns_is_or_drives(chip: Chip) -> None:
    """By a search along the links from every device that learns."""
    plan, slots, rows = make_plan(chip), chip.mask.shape[2], chip.mask.shape[1]
    edges = {(source, d // (rows * slots) * slots + d % slots) for source, d in running_devices(chip, chip.mask)}
    useful = {d // (rows * slots) * slots + d % slots for _, d in running_devices(chip, chip.learns)}
    while more := {target for source, target in edges if source in useful} - useful:
        useful |= more
    assert set(plan.slot[plan.needs_adjoint]) == useful & set(np.flatnonzero(chip.fires))
    banks = {(np.flatnonzero(plan.slot == a)[0] // plan.lanes, np.flatnonzero(plan.slot == b)[0] // plan.lanes)
             for a, b in edges if a < len(chip.fires)}  # fmt: skip
    starts = plan.graph.near_start
    assert banks == {(a, int(b)) for a in range(plan.banks) for b in plan.graph.near[starts[a] : starts[a + 1]]}
