"""The filter against all sequences of tasks there can be, and what experts explain against hand counts."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from smalti.model.gating.belief import WINDOW, Belief, BeliefOptions, filtered, settled

HAZARD = 0.2


def by_brute_force(likelihood: torch.Tensor, begin: int) -> torch.Tensor:
    """log p(expert of a trial | losses before it) [S, E], by adding up all sequences of experts."""
    experts, trials = likelihood.shape
    table = torch.zeros((trials, experts), dtype=torch.float64)
    for trial in range(trials):
        for path in itertools.product(range(experts), repeat=trial + 1):
            p, last = 1.0, begin
            for number, expert in enumerate(path):
                p *= (1 - HAZARD) * (expert == last) + HAZARD / experts
                p *= math.exp(likelihood[expert, number]) if number < trial else 1.0
                last = expert
            table[trial, path[-1]] += p
    return (table / table.sum(1, keepdim=True)).log()


def test_the_filter_adds_up_all_sequences_of_tasks() -> None:
    likelihood = torch.randn((3, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = filtered(likelihood, torch.tensor([2, 0]), HAZARD)
    for row, begin in zip(before, (2, 0), strict=True):
        assert torch.allclose(row, by_brute_force(likelihood, begin), atol=1e-12)


def test_without_evidence_belief_falls_to_chance_as_the_hazard_says() -> None:
    before = filtered(torch.zeros((4, 9)), torch.tensor([1]), HAZARD)[0].exp()
    stays = (1 - HAZARD) ** torch.arange(1, 10, dtype=torch.float64)
    assert torch.allclose(before[:, 1], stays + (1 - stays) / 4)
    assert torch.allclose(before.sum(1), torch.ones(9, dtype=torch.float64))


def believing(**options: float) -> Belief:
    belief = Belief(BeliefOptions(**options))  # type: ignore[arg-type]
    for expert, loss in ((3, 0.1), (5, 0.4)):
        belief.learn(expert, torch.tensor([loss, loss]))
    return belief


def test_losses_are_exponential_with_their_usual_mean() -> None:
    belief, losses = believing(), torch.tensor([[0.05, 0.3], [0.2, 1.0]])
    for row, mean, said in zip(losses, (0.1, 0.4), belief.likelihood((3, 5), losses), strict=True):
        assert torch.allclose(said.float(), torch.distributions.Exponential(1 / mean).log_prob(row))


def test_the_answer_before_any_feedback_is_the_old_one_and_one_clear_trial_is_enough() -> None:
    losses = torch.tensor([[3.0, 3.0, 0.1, 0.1], [0.4, 0.4, 3.0, 3.0]])
    chosen = believing().choices((3, 5), losses, torch.tensor([0, 1]))
    assert chosen.tolist() == [[0, 1, 1, 0], [1, 1, 1, 0]]


def test_whoever_does_as_well_as_usual_explains_a_minibatch() -> None:
    belief = believing(tolerance=1.5)
    assert belief.explains((3, 5), torch.tensor([[0.1, 0.18], [0.8, 0.9]])) == 0
    assert belief.explains((3, 5), torch.tensor([[0.2, 0.18], [0.8, 0.3]])) == 1
    assert belief.explains((3, 5), torch.tensor([[0.2, 0.18], [0.8, 0.9]])) is None
    assert belief.explains((3, 5), torch.tensor([[0.1, 0.1], [0.4, 0.4]])) == 0  # the sharper of two that explain it


def test_the_usual_loss_is_a_mean_and_then_follows() -> None:
    belief = Belief(BeliefOptions())
    for loss in (0.4, 0.2, 0.6):
        belief.learn(0, torch.tensor([loss]))
    assert belief.usual[0].loss == pytest.approx(0.4)
    for _ in range(20 * WINDOW):
        belief.learn(0, torch.tensor([0.1]))
    assert belief.usual[0].loss == pytest.approx(0.1)


def test_when_the_right_one_has_come_to_stay() -> None:
    right = torch.tensor([[0, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 0, 1]]).bool()
    assert settled(right, 3).tolist() == [3, 0, 4, 1]
    assert settled(right[:, :5], 3).tolist() == [3, 0, 4, 1]
    assert settled(right[:, :3], 3).tolist() == [-1, 0, -1, 1]  # two to the end of the block are enough


def test_a_state_is_taken_over() -> None:
    belief, other = believing(), Belief(BeliefOptions())
    other.load_state_dict(belief.state_dict())
    assert other.usual == belief.usual
    assert other.known == (3, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hazard": 0.0}, r"gating\.belief\.hazard = 0\.0 must lie between 0 and 1, for example"),
        ({"hazard": 1.0}, r"gating\.belief\.hazard = 1\.0 must lie between 0 and 1"),
        ({"tolerance": 0.5}, r"gating\.belief\.tolerance = 0\.5 must be at least 1"),
        ({"use": "sometimes"}, r"gating\.belief\.use = 'sometimes' is unknown; allowed: auto, always, never"),
    ],
)
def test_unfit_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BeliefOptions(**options)  # type: ignore[arg-type]
