"""What experts have said is kept: with it a run is the same, bit by bit, and fewer samples run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model.growth.buy_back import BuyBackOptions
from smalti.model.rewiring.options import RewiringOptions
from smalti.scheduler.answers import recall
from smalti.scheduler.answers.evaluation import without_label
from smalti.scheduler.answers.recall import Recall
from smalti.scheduler.answers.said import Said, ask
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import TEST, VALIDATION

MakeConfig = Callable[..., Config]
Timed = Callable[..., memory.Data]
Rows = list[dict[str, object]]

pytestmark = pytest.mark.filterwarnings("ignore:this chip has room for 1 of 2 experts")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples experts run for in examinations, one number a run."""
    numbers: list[int] = []

    def counted(agent: GatingAgent, expert: Expert, x: torch.Tensor, channels: torch.Tensor) -> Said:
        numbers.append(len(x))
        return ask(agent, expert, x, channels)

    monkeypatch.setattr(recall, "ask", counted)
    return numbers


def answers(simulation: Simulation, most: int = recall.MOST) -> Rows:
    """What was answered in all examinations, and how soon the right experts were found."""
    simulation._recall = Recall(most)
    rows: Rows = []
    while not simulation.finished:
        simulation.step()
        rows += simulation.rows.evaluations + simulation.rows.switches
        assert simulation._recall.size == sum(kept.bytes for kept in simulation._recall._kept.values()) <= most
    simulation._recall.examiner(simulation.gating)
    assert sum(term.bytes for terms in simulation._recall._terms.values() for term in terms.values()) <= most
    return rows


AGAIN = {"order": (0, 1, 0, 1)}
FULL = {"fabric": {"cols": 1, "neurons_per_tile": 5}, "training": {"rounds": 2, "steps": 20}}
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "the task is told": {"stream": {"setting": "task"}},
    "tasks return": {"stream": AGAIN},
    "hidden boundaries and drift": {"stream": {**AGAIN, "boundaries": "hidden", "drift": 0.5}},
    "all experts run": {"gating": {"top": 0}},
    "a trunk": {"gating": {"trunk": True}, "stream": AGAIN},
    "taps": {"gating": {"taps": True}, "growth": {"new_taps": 2}},
    "one expert for all": {"gating": {"experts": "shared"}},
    "old experts learn on": {"gating": {"protect": False, "trunk": True}, "stream": AGAIN},
    "the gate hears experts": {"gating": {"network": "seed"}, "stream": AGAIN},
    "the gate has one covariance": {"gating": {"network": "lda"}},
    "the gate adapts": {"gating": {"adapt": 8}},
    "rewiring": {"growth": {"rewiring": RewiringOptions(steps=("prune_magnitude", "rewire", "swap"), guard=0)}},
    "outputs are read by their spikes": {"network": {"readout": "spike_count", "surrogate_width": 1.5}},
    "neurons bought back": {
        **FULL,
        "growth": {"when": "never", "seed_width": 2, "max_neurons": 2, "buy_back": BuyBackOptions(by="loss")},
    },
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS.keys())
def test_with_what_was_said_answers_are_the_same_bit_by_bit(
    tiny: MakeConfig, ran: list[int], changes: dict[str, dict[str, Any]]
) -> None:
    config = tiny(**{"training": {"rounds": 2}, **changes})
    afresh = answers(Simulation(config), most=0)
    all_samples = sum(ran)
    ran.clear()
    assert answers(Simulation(config)) == afresh
    assert sum(ran) < all_samples
    ran.clear()
    some = answers(Simulation(config), most=20_000)  # not all of it fits
    assert some == afresh


@pytest.mark.parametrize("boundaries", ["told", "hidden"])
def test_answers_at_single_steps_are_the_same_too(timed: Timed, ran: list[int], boundaries: str) -> None:
    """Feedback chooses among experts, all of which run for every sample; old tasks may open again."""
    told = boundaries == "told"
    config = configure(
        {
            "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 8, "inputs": "every"},
            "network": {"output_tau_ms": 5.0},
            "stream": {"name": "arrays", "boundaries": boundaries},
            "training": {"rounds": 2, "steps": 10, "batch": 16, "warm_up": 2},
            "growth": {"seed_width": 4, "reserve": 0, "siblings": True, "probe": 32},
            "growth.reuse": {"by": "readout", "enough": 1.0, "reopen": True} if told else {"by": "none"},
            "gating": {"belief": {"use": "always"}, "detect": {"by": "loss"}},
        }
    )
    afresh = answers(Simulation(config, data=timed()), most=0)
    all_samples = sum(ran)
    ran.clear()
    assert answers(Simulation(config, data=timed())) == afresh
    assert sum(ran) < all_samples


def test_the_dense_engine_mixes_samples_and_is_asked_anew(tiny: MakeConfig, ran: list[int]) -> None:
    simulation = Simulation(tiny(network={"engine": "dense"}, training={"rounds": 1, "steps": 1}))
    assert answers(simulation)
    assert not ran
    assert simulation._recall.size == 0


@pytest.fixture
def done(tiny: MakeConfig) -> Simulation:
    """Two experts, the first of them protected."""
    simulation = Simulation(tiny(training={"rounds": 1}))
    while not simulation.finished:
        simulation.step()
    return simulation


def said(simulation: Simulation, rows: torch.Tensor, memory: Recall, number: int = 0) -> Said:
    """What an expert says of some samples of the first task."""
    x, _ = simulation.batches_of(simulation.stream.experiences[0]).evaluation(TEST)
    agent = simulation.gating
    return memory.examiner(agent).question(x).ask(agent.experts[number], rows)


def same(one: Said, other: Said) -> bool:
    pairs = zip(vars(one.activity).values(), vars(other.activity).values(), strict=True)
    alike = all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)
    return alike and torch.equal(one.slots, other.slots) and torch.equal(one.operations, other.operations)


def test_samples_that_were_not_asked_about_run_alone_and_in_any_order(done: Simulation, ran: list[int]) -> None:
    kept, ran[:] = Recall(), []
    for rows, runs in (([3, 1], [2]), ([1, 3, 1], [2]), ([0, 1, 5, 3], [2, 2]), ([5], [2, 2])):
        chosen = torch.tensor(rows)
        assert same(said(done, chosen, kept), said(done, chosen, Recall()))
        ran.pop()  # of the one that keeps nothing
        assert ran == runs


@pytest.mark.parametrize(
    ("change", "asked_again"),
    [
        (lambda state, slot, tile, row: state.weight.data[tile, row, slot].add_(1e-6), True),
        (lambda state, slot, tile, row: state.leak[tile * 8 + slot].mul_(0.5), True),
        (lambda state, slot, tile, row: state.mask[tile, row, slot].fill_(False), True),
        (lambda state, slot, tile, row: state.weight.data[tile, :, (slot + 1) % 8].add_(0), False),
        (lambda state, slot, tile, row: state.frozen.fill_(True), False),
        (lambda state, slot, tile, row: state.frozen.fill_(False), False),
    ],
    ids=["a weight", "a leak", "a device", "nothing", "all protected", "nothing protected"],
)
def test_who_has_changed_is_asked_again(
    done: Simulation, ran: list[int], change: Callable[..., Any], asked_again: bool
) -> None:
    """What protects devices does not change what they do."""
    everyone, kept, expert = torch.arange(6), Recall(), done.gating.experts[0]
    before = said(done, everyone, kept)
    state, number = done.network.state, expert.neurons[0]
    tile, slot = divmod(number, 8)
    row = int(torch.nonzero(state.mask[tile, :, slot]).flatten()[0])
    change(state, slot, tile, row)
    ran.clear()
    after = said(done, everyone, kept)
    assert bool(ran) == asked_again
    assert same(after, said(done, everyone, Recall()))
    assert asked_again or same(after, before)


def test_who_changes_back_is_asked_anew_for_nothing_is_kept_of_the_past(done: Simulation, ran: list[int]) -> None:
    everyone, kept = torch.arange(6), Recall()
    said(done, everyone, kept)
    said(done, everyone, kept, number=1)
    size, weight = kept.size, done.network.state.weight.data
    slot = done.gating.experts[0].neurons[0]
    weight[slot // 8, :, slot % 8] *= 2
    kept.examiner(done.gating)
    assert 0 < kept.size < size  # the other expert has not changed
    weight[slot // 8, :, slot % 8] /= 2
    ran.clear()
    said(done, everyone, kept)
    assert ran == [6]


def test_what_is_worked_out_once_for_a_question_is_what_each_answer_would_work_out(done: Simulation) -> None:
    x, _ = done.batches_of(done.stream.experiences[1]).evaluation(VALIDATION)
    asked, agent = Recall().examiner(done.gating).question(x), done.gating
    first, again, alone = without_label(agent, asked), without_label(agent, asked), without_label(agent, x)
    for one in (first, again):
        assert torch.equal(one.classes, alone.classes)
        assert one.operations_per_sample == alone.operations_per_sample
        assert one.hop_spikes_per_sample == alone.hop_spikes_per_sample


def test_who_runs_beside_an_expert_counts_in_its_work_though_it_never_fires(done: Simulation, ran: list[int]) -> None:
    """The outputs of a trunk run along, and spikes meet their devices."""
    agent, state, everyone, kept = done.gating, done.network.state, torch.arange(6), Recall()
    agent.options = replace(agent.options, trunk=True)
    before = said(done, everyone, kept, number=1)
    tile, column = divmod(agent.experts[0].outputs[0], 8)
    state.mask[tile, :, column] = False
    ran.clear()
    after = said(done, everyone, kept, number=1)
    assert ran == [6]
    assert same(after, said(done, everyone, Recall(), number=1))
    assert after.operations.sum() < before.operations.sum()
