from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smalti.model.gating.detection import DetectionOptions
from smalti.scheduler.answers import evaluation, reliability
from smalti.scheduler.answers.reliability import ALIKE, EXPONENTS, most_often_right
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]

TARGET = torch.arange(400) % 3


def sure(share: float, seed: int, nats: float) -> Tensor:
    """Opinions [400, 3] that are ``nats`` sure of a class: of the right one in a share of the samples, else of any."""
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randint(3, (400,), generator=chance)
    told = torch.where(torch.rand(400, generator=chance) < share, TARGET, drawn)
    return (nats * torch.nn.functional.one_hot(told, 3).double()).log_softmax(1)


def test_an_expert_that_says_noise_and_is_sure_of_it_has_no_say() -> None:
    assert most_often_right(sure(0.0, 1, 9.0), sure(0.8, 2, 3.0), TARGET) == (0.0, 1.0)


def test_a_vote_that_is_noise_and_sure_of_it_has_none() -> None:
    assert most_often_right(sure(0.8, 1, 3.0), sure(0.0, 2, 9.0), TARGET) == (1.0, 0.0)


def test_a_perfect_expert_keeps_its_say() -> None:
    assert most_often_right(sure(1.0, 1, 9.0), sure(0.8, 2, 3.0), TARGET) == ALIKE
    assert most_often_right(sure(1.0, 1, 9.0), sure(1.0, 2, 9.0), TARGET) == ALIKE


def test_noise_that_is_not_sure_changes_nothing_and_so_nothing_is_changed() -> None:
    assert most_often_right(sure(0.0, 1, 0.1), sure(0.8, 2, 3.0), TARGET) == ALIKE


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("nats", [0.5, 2.0, 7.0])
def test_what_is_chosen_is_no_worse_than_either_and_than_both_as_they_come(share: float, nats: float) -> None:
    own, vote = sure(share, 1, nats), sure(0.5, 2, 2.0)
    a, b = most_often_right(own, vote, TARGET)

    def right(opinion: Tensor) -> int:
        return int((opinion.argmax(1) == TARGET).sum())

    assert right(a * own + b * vote) >= max(right(own), right(vote), right(own + vote))


def test_every_expert_has_the_exponents_of_its_own_validation_data(play: Play, tiny: MakeConfig) -> None:
    config = tiny(training={"rounds": 2, "steps": 2}, gating={"weigh": "validated", "vote": 0.3})
    simulation, _ = play(config)
    for expert, experience in zip(simulation.gating.experts, simulation.stream.experiences, strict=True):
        x, wanted = simulation.batches_of(experience).evaluation(VALIDATION)
        own, vote = evaluation.opinions(simulation.gating, expert, x)
        target = torch.tensor([expert.classes.index(label) for label in wanted.labels.tolist()])
        right = {e: int(((e[0] * own + e[1] * vote).argmax(1) == target).sum()) for e in EXPONENTS}
        assert right[expert.exponents] == max(right.values())
        answers = evaluation.with_label(simulation.gating, expert, x, expert.classes)
        assert int((answers.classes == wanted.labels).sum()) == right[expert.exponents]


def test_nothing_is_weighed_where_that_is_not_asked_for_or_nobody_votes(play: Play, tiny: MakeConfig) -> None:
    for gating in ({"weigh": "alike"}, {"weigh": "validated", "vote": 0.0}, {"weigh": "validated", "network": "label"}):
        simulation, _ = play(tiny(training={"rounds": 1, "steps": 1}, gating=gating))
        assert [expert.exponents for expert in simulation.gating.experts] == [ALIKE, ALIKE]


def test_an_expert_of_several_tasks_is_taken_as_it_comes(play: Play, tiny: MakeConfig) -> None:
    simulation, _ = play(tiny(training={"rounds": 1, "steps": 1}, gating={"weigh": "validated", "experts": "shared"}))
    (expert,) = simulation.gating.experts
    expert.exponents = (0.0, 1.0)
    x, wanted = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    reliability.weigh(simulation.gating, expert, x, wanted.labels)
    assert expert.exponents == ALIKE


def test_where_boundaries_are_hidden_no_task_ends(play: Play, tiny: MakeConfig) -> None:
    gating = {"weigh": "validated", "detect": DetectionOptions(by="labels", rest=2, gather=16)}
    simulation, _ = play(tiny(training={"rounds": 2, "steps": 4}, gating=gating, stream={"boundaries": "hidden"}))
    assert [expert.exponents for expert in simulation.gating.experts] == [ALIKE, ALIKE]
