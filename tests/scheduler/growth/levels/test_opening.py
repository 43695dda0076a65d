"""How tasks open on two levels: what is tried and taken, what stays as it was, and what a chip without room does."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch

from smalti.agents.expert import Expert
from smalti.scheduler.answers import evaluation
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.levels.opening import LevelsOpening
from smalti.scheduler.growth.levels.relayed import reading
from smalti.scheduler.growth.readout import judged
from smalti.scheduler.protocols import on_levels
from smalti.scheduler.protocols.protocol import Round, protect
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

Make = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
CheckResume = Callable[[Config, int], None]


@pytest.fixture(scope="module")
def played(make: Make, play: Play) -> Simulation:
    return play(make())[0]


def test_tasks_open_by_combinations_and_by_parts_of_the_factors_that_are_new(played: Simulation) -> None:
    openings, factors = played.table("openings"), played.stream.factors
    taken = openings[openings["taken"]].set_index("task")["step"]
    known: tuple[set[int], set[int]] = set(), set()
    for experience in played.stream.experiences:
        north, south = (factor in own for factor, own in zip(factors[experience.task], known, strict=True))
        step = taken[experience.task]
        if not north and not south:
            assert step == "both"
        elif north != south:
            assert step in ("combination", "south" if north else "north")
        for factor, own in zip(factors[experience.task], known, strict=True):
            own.add(factor)
    levels = played.gating.levels
    assert len(levels.north) >= 3
    assert len(levels.south) >= 3
    assert (taken == "combination").sum() >= 1
    assert sum(len(part.serves) for part in levels.north) == sum(len(part.serves) for part in levels.south) == 8


def test_a_combination_of_old_parts_costs_nothing(make: Make, play: Play) -> None:
    simulation, rounds = play(make())
    table = simulation.table("rounds").set_index("round")
    openings = simulation.table("openings")
    combined = openings[(openings["step"] == "combination") & openings["taken"]]
    assert len(combined)
    for row in combined.itertuples():
        assert row.served
        assert row.score >= 0.7
        assert table.loc[row.round, "born"] == 0
        assert table.loc[row.round, "writes"] == 0
        assert table.loc[row.round, "devices"] == table.loc[row.round - 1, "devices"]
        expert = simulation.gating.experts[row.expert]
        assert not expert.neurons
        assert expert.lent == expert.tasks
    assert len(rounds) == 16


def test_whoever_is_asked_runs_his_parts_and_the_relay_alone(played: Simulation) -> None:
    agent = played.gating
    for expert in agent.experts:
        north, south = expert.path
        own = {*agent.levels.north[north].neurons, *agent.levels.relay, *agent.levels.south[south].neurons}
        running = set(torch.nonzero(agent.running(expert)).flatten().tolist())
        assert running == own | set(expert.outputs)
        assert set(expert.outputs) == set(agent.levels.south[south].outputs)
        assert running < set(torch.nonzero(played.network.upstream.of(torch.tensor(expert.outputs))).flatten().tolist())


def test_parts_are_wired_level_by_level(played: Simulation) -> None:
    network, levels = played.network, played.gating.levels
    nobody = torch.zeros_like(network.state.alive)

    def heard(slots: list[int]) -> set[int]:
        sources = network.upstream.heard_by(nobody.index_fill(0, torch.tensor(slots), True))
        return set(torch.nonzero(sources).flatten().tolist())

    everyone = {slot for part in levels.north for slot in part.neurons}
    assert heard(levels.relay) == everyone
    for part in levels.north:
        assert not heard(part.neurons)
    for part in levels.south:
        assert heard(part.neurons) == set(levels.relay)
        assert heard(list(part.outputs)) == set(part.neurons)


def test_old_answers_stay_bit_for_bit(make: Make) -> None:
    simulation, said = Simulation(make()), list[torch.Tensor]()
    while not simulation.finished:
        simulation.step()
        if simulation.round >= 2:
            first = simulation.stream.experiences[0]
            x, _ = simulation.batches_of(first).evaluation(VALIDATION)
            expert = simulation.gating.experts[0]
            answers = evaluation.of_experts(simulation.gating, [(expert, torch.arange(len(x)))], x)
            assert answers.spikes is not None
            said.append(torch.cat([answers.classes, answers.spikes.counts.flatten().long()]))
    assert all(torch.equal(one, said[0]) for one in said)


def test_a_new_north_part_moves_its_own_devices_alone(make: Make) -> None:
    simulation = Simulation(make())
    before = torch.zeros(0)
    while not simulation.finished:
        mask, weight = simulation.network.state.mask.clone(), simulation.network.state.weight.detach().clone()
        opening = simulation.round % 2 == 0 and simulation.round > 0
        simulation.step()
        if opening:
            assert torch.equal(simulation.network.state.weight.detach()[mask], weight[mask])
            before = weight
    assert before.any()


@pytest.mark.parametrize("bids", ["told", "trial"])
@pytest.mark.parametrize("rounds", [3, 6])
def test_a_stopped_run_ends_like_one_that_was_not(
    make: Make, check_resume: CheckResume, bids: str, rounds: int
) -> None:
    check_resume(make(**{"growth.levels.bids": bids, "training.steps": 20}), rounds)


def test_the_engines_agree_on_every_combination(make: Make) -> None:
    simulation = Simulation(make(**{"network.engine": "events"}))
    for _ in range(6):
        simulation.step()
    agent, network = simulation.gating, simulation.network
    x, _ = simulation.batches_of(simulation.stream.experiences[0]).evaluation(VALIDATION)
    for path in agent.levels.paths(4):
        outputs = torch.tensor(agent.levels.south[path[1]].outputs)
        running = torch.zeros_like(network.state.alive)
        running[[*agent.levels.on(path), *outputs.tolist()]] = True
        found = []
        for engine in ("events", "dense"):
            network.engine = engine
            recorded = network.record(x, outputs, running)
            slope = torch.linspace(-1, 1, recorded.activity.membrane.numel()).view_as(recorded.activity.membrane)
            learns = network.state.mask & ~network.state.frozen
            found.append((recorded.activity.membrane, recorded.activity.counts, recorded.backward(slope, None)[learns]))
        network.engine = "events"
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_both_engines_open_tasks_alike(make: Make) -> None:
    taken = []
    for engine in ("events", "dense"):
        simulation = Simulation(make(**{"network.engine": engine, "training.steps": 20}))
        for _ in range(8):
            simulation.step()
        openings = simulation.table("openings")
        taken.append([*openings.loc[openings["taken"], ["task", "step", "neurons_run"]].itertuples(index=False)])
    assert taken[0] == taken[1]


def opening_of(simulation: Simulation, task: int, practise: Callable[..., None]) -> LevelsOpening:
    """The opening of a task that is not to begin yet."""
    experience = next(e for e in simulation.stream.experiences if e.task == task)
    batches = simulation.batches_of(experience)
    return LevelsOpening(
        grower=simulation.grower,
        task=task,
        classes=experience.classes,
        outputs=4,
        factors=simulation.stream.factors[task],
        training=batches.probe(64, 0),
        examples=partial(batches.probe, 96, 0),
        validation=batches.evaluation(VALIDATION),
        chance=lambda stage, tile: np.random.default_rng([stage, tile]),
        meet=lambda expert: expert.meet(0, experience.classes, apart=True),
        practise=practise,
    )


def test_a_trial_leaves_nothing_behind(make: Make) -> None:
    simulation = Simulation(make())
    for _ in range(4):
        simulation.step()
    network, agent, tried = simulation.network, simulation.gating, []
    at, last = len(simulation.stream.experiences) - 1, simulation.stream.experiences[-1]
    now = Round(simulation.config, 4, at, last, simulation.batches_of(last))

    def practise(expert: Expert) -> None:
        before = network.state.weight.detach().clone()
        on_levels.practise(simulation.parts, now, expert)
        tried.append((expert.path, len(expert.neurons), bool((network.state.weight != before).any())))

    protect(simulation.parts, simulation.config.gating, None)
    before = deepcopy((state_of(simulation), network.links.state_dict(), network.memristors.wear.writes))
    born = len(simulation.grower.born)
    bid = opening_of(simulation, last.task, practise)._bid_of_north([0])
    assert tried == [((len(agent.levels.north), 0), 10, True)]
    assert bid.part == 0
    assert 0 <= bid.score <= 1
    assert len(simulation.grower.born) == born
    after = state_of(simulation), network.links.state_dict(), network.memristors.wear.writes
    for one, other in zip(flat(before), flat(after), strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else repr(one) == repr(other)


def state_of(simulation: Simulation) -> dict[str, object]:
    """What a checkpoint holds, but for the number of the next candidate."""
    return {name: part for name, part in simulation.state_dict().items() if name != "grower"}


def flat(value: object) -> list[object]:
    """What is in mappings and sequences, one after the other."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in (key, *flat(value[key]))]
    return [leaf for one in value for leaf in flat(one)] if isinstance(value, (list, tuple)) else [value]


def test_a_bid_of_a_south_part_reads_all_of_the_relay(make: Make) -> None:
    simulation = Simulation(make())
    for _ in range(2):
        simulation.step()
    levels, batches = simulation.gating.levels, simulation.batches_of(simulation.stream.experiences[0])
    running, classes = [*levels.north[0].neurons, *levels.relay], simulation.stream.experiences[0].classes
    shown = batches.probe(96, 0), batches.evaluation(VALIDATION)
    found = reading(simulation.grower, running, levels.relay, classes, *shown)
    assert found.weights.shape == (8, 4)
    assert found.score > 0.6
    alone = reading(simulation.grower, running, levels.relay[:1], classes, *shown)
    assert alone.loss > found.loss


def test_where_nobody_tells_factors_bids_decide(make: Make, play: Play) -> None:
    simulation, _ = play(make(**{"growth.levels.bids": "trial"}))
    openings = simulation.table("openings")
    tried = openings[openings["step"].isin(["south", "north"])]
    assert tried["score"].notna().all()
    for _, rows in openings.groupby("task"):
        assert rows["taken"].sum() == 1
        of_south = rows[rows["step"] == "south"]
        if len(of_south):
            assert of_south["taken"].item() == (of_south["score"].item() >= 0.7)


def test_a_copy_begins_as_the_best_north_part_does(make: Make) -> None:
    simulation, said = Simulation(make(**{"growth.levels.begin": "copy"})), list[float]()
    for _ in range(2):
        simulation.step()
    experience = simulation.stream.experiences[1]
    asked = simulation.batches_of(experience).evaluation(VALIDATION)

    def practise(expert: Expert) -> None:
        said.extend(judged(simulation.grower, expert, asked))

    opening = opening_of(simulation, experience.task, practise)
    opening._bid_of_north([0])
    assert tuple(said) == pytest.approx(opening._judged((0, 0)))


def test_a_chip_without_room_serves_tasks_by_the_best_combination(make: Make, play: Play) -> None:
    simulation, _ = play(make(**{"fabric.neurons_per_tile": 24, "growth.reuse.enough": 0.99}))
    openings = simulation.table("openings")
    refused = openings[openings["refused"] != ""]
    assert len(refused) >= 3
    assert refused["refused"].str.contains("room").all()
    for task in refused["task"]:
        rows = openings[openings["task"] == task]
        assert rows.loc[rows["taken"], "step"].tolist() == ["combination"]
        assert not rows.loc[rows["taken"], "served"].any()
    assert len(simulation.gating.experts) == 8


def test_a_task_that_returns_is_served_as_it_was(make: Make, play: Play) -> None:
    simulation, _ = play(make(**{"stream.shuffle": False, "stream.order": (0, 1, 2, 0)}))
    assert len(simulation.gating.experts) == 3
    first = simulation.gating.experts[0]
    assert first.tasks == [0, 3]
    assert first.lent == [3]
    assert simulation.table("rounds").iloc[-1]["writes"] == 0


def test_the_best_of_the_ways_is_the_one_that_is_judged_best(played: Simulation) -> None:
    agent = played.gating
    experience = played.stream.experiences[-1]
    asked = played.batches_of(experience).evaluation(VALIDATION)
    expert = agent.find(experience.classes)
    assert expert is not None
    opening = opening_of(played, experience.task, lambda expert: None)
    assert judged(played.grower, expert, asked) == opening._judged((expert.path[0], expert.path[1]))
