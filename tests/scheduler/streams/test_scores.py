from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score, roc_auc_score
from torch import Tensor

from smalti.scheduler.streams.scores import SCORES, direction, r2, right, roc, smape

BEFORE, GO, GRACE, END = 2, 10, 3, 20  # steps of a trial


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def weights_of(samples: int, steps: int, seed: int = 1) -> Tensor:
    """Weights of which some are 0, and of every sample some are not."""
    chance = np.random.default_rng(seed)
    weights = chance.integers(0, 4, (samples, steps)).astype(np.float32)
    weights[:, 0] = 1
    return torch.from_numpy(weights)


def steps_of(values: Tensor, weights: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Values at all steps [S x T, O], and what each counts, every sample alike."""
    shares = weights / weights.sum(1, keepdim=True)
    return values.reshape(-1, values.shape[-1]).double().numpy(), shares.reshape(-1).double().numpy()


def trials(angles: list[float], answers: list[float], held: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, targets and weights of trials to be answered by directions in degrees; nan: keep fixating."""

    def course(degrees: list[float], before: float) -> Tensor:
        values = torch.zeros(len(degrees), 24, 3)
        values[..., 0] = before
        for row, angle in zip(values, degrees, strict=True):
            if math.isnan(angle):
                row[GO:, 0] = 1
            else:
                row[GO:, 0] = 0
                row[GO:, 1], row[GO:, 2] = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        return values

    weights = torch.zeros(len(angles), 24)
    weights[:, BEFORE:GO], weights[:, GO + GRACE : END] = 1, 5
    return course(answers, held), course(angles, 1.0), weights


def test_right_is_the_share_of_steps_weighted_in_each_sample() -> None:
    targets = torch.eye(3)[torch.tensor([[0, 1, 2], [2, 2, 0]])]
    outputs = torch.eye(3)[torch.tensor([[0, 1, 1], [2, 1, 1]])]
    weights = torch.tensor([[1.0, 1.0, 2.0], [3.0, 0.0, 1.0]])
    assert right(outputs, targets, weights) == pytest.approx((2 / 4 + 3 / 4) / 2)


def test_right_of_one_output_is_a_threshold() -> None:
    outputs = torch.tensor([[[0.6], [0.4], [0.51]]])
    targets = torch.tensor([[[1.0], [0.0], [0.0]]])
    assert right(outputs, targets, torch.ones(1, 3)) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("angle", "answer", "is_right"),
    [
        (30.0, 65.0, True),
        (30.0, 67.0, False),
        (350.0, 20.0, True),
        (350.0, 30.0, False),
        (90.0, math.nan, False),
        (math.nan, math.nan, True),
        (math.nan, 90.0, False),
    ],
)
def test_direction_is_right_within_36_degrees_or_where_fixation_is_kept(
    angle: float, answer: float, is_right: bool
) -> None:
    assert direction(*trials([angle], [answer])) == is_right


def test_direction_wants_fixation_before_the_response() -> None:
    assert direction(*trials([30.0, 90.0], [30.0, 90.0], held=0.6)) == 1
    assert direction(*trials([30.0, 90.0], [30.0, 90.0], held=0.4)) == 0


def test_direction_looks_at_the_last_four_steps_of_a_phase_only() -> None:
    outputs, targets, weights = trials([30.0], [30.0])
    outputs[:, : GO - 4], outputs[:, GO : END - 4], outputs[:, END:] = 7, 7, 7
    assert direction(outputs, targets, weights) == 1
    outputs[:, END - 4] = 7
    assert direction(outputs, targets, weights) == 0


def test_a_single_phase_needs_no_fixation_before() -> None:
    outputs, targets, weights = trials([30.0], [30.0], held=0.0)
    weights[:, :GO] = 0
    assert direction(outputs, targets, weights) == 1


def test_r2_is_that_of_scikit_learn() -> None:
    targets, weights = noise((5, 7, 2)), weights_of(5, 7)
    outputs = targets + 0.3 * noise((5, 7, 2), 2)
    (told, shares), (true, _) = steps_of(outputs, weights), steps_of(targets, weights)
    expected = r2_score(true, told, sample_weight=shares, multioutput="variance_weighted")
    assert r2(outputs, targets, weights) == pytest.approx(expected, rel=1e-6)


def test_r2_of_targets_that_never_vary() -> None:
    targets = torch.full((2, 3, 1), 0.25)
    assert r2(targets, targets, torch.ones(2, 3)) == 1
    assert r2(targets + 1, targets, torch.ones(2, 3)) == 0


def test_smape_runs_from_perfect_to_opposite() -> None:
    targets = noise((2, 3, 1))
    weights = torch.ones(2, 3)
    assert smape(targets, targets, weights) == 1
    assert smape(-targets, targets, weights) == pytest.approx(0)
    assert smape(3 * targets, targets, weights) == pytest.approx(1 - 2 / 4)
    assert smape(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), weights) == 1


def test_roc_is_that_of_scikit_learn_ties_and_weights_included() -> None:
    outputs, weights = (2 * noise((6, 9, 3))).round() / 2, weights_of(6, 9)
    targets = torch.eye(3)[torch.from_numpy(np.random.default_rng(5).integers(0, 3, (6, 9)))]
    (scores, shares), (kinds, _) = steps_of(outputs, weights), steps_of(targets, weights)
    areas = [roc_auc_score(kinds[:, k], scores[:, k], sample_weight=shares) for k in range(3)]
    assert roc(outputs, targets, weights) == pytest.approx(np.mean(areas))
    assert roc(outputs[..., :1], targets[..., :1], weights) == pytest.approx(areas[0])


def test_roc_leaves_out_an_output_of_which_there_is_one_kind() -> None:
    outputs = torch.tensor([[[1.0, 0.0], [2.0, 0.0]]])
    assert roc(outputs, torch.tensor([[[0.0, 1.0], [1.0, 1.0]]]), torch.ones(1, 2)) == 1
    assert roc(outputs, torch.ones(1, 2, 2), torch.ones(1, 2)) == 0.5


@pytest.mark.parametrize("name", sorted(SCORES.keys() - {"direction"}))  # above: its targets are those of trials
def test_a_score_ignores_steps_that_are_not_asked_and_likes_the_targets_best(name: str) -> None:
    targets = torch.eye(3)[torch.from_numpy(np.random.default_rng(4).integers(0, 3, (8, 12)))]
    weights = weights_of(8, 12)
    outputs = targets + 0.8 * noise((8, 12, 3))
    score = SCORES[name](outputs, targets, weights)
    assert score == SCORES[name](outputs + (weights == 0)[..., None] * noise((8, 12, 3), 9), targets, weights)
    assert score <= SCORES[name](targets, targets, weights)
