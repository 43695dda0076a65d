"""Areas under curves: by hand, against scikit-learn, and in the tables of a run on a stream of few anomalies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smalti.scheduler.answers.anomaly import areas, of_log_p
from smalti.scheduler.learning.importance import class_weights
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory


def test_by_hand() -> None:
    # from above: yes, no, yes and no at one score, no; pairs won 3 + (2 + 1/2), of 2 * 3
    scores = torch.tensor([0.9, 0.7, 0.5, 0.5, 0.1])
    anomalous = torch.tensor([True, False, True, False, False])
    roc, precision = areas(scores, anomalous)
    assert roc == pytest.approx((3 + 1.5) / 6)
    assert precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)


def test_perfect_chance_and_reversed() -> None:
    anomalous = torch.tensor([True, False, False, False])
    assert areas(torch.tensor([2.0, 1.0, 1.0, 0.0]), anomalous) == (1, 1)
    assert areas(torch.zeros(4), anomalous) == (0.5, 0.25)
    assert areas(torch.tensor([0.0, 1.0, 2.0, 3.0]), anomalous) == (0, 0.25)


@pytest.mark.parametrize("levels", [3, 1000])
def test_they_are_those_of_scikit_learn(levels: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    chance = np.random.default_rng(levels)
    anomalous = chance.random(200) < 0.1
    scores = chance.integers(levels, size=200) + anomalous
    expected = metrics.roc_auc_score(anomalous, scores), metrics.average_precision_score(anomalous, scores)
    assert areas(torch.from_numpy(scores), torch.from_numpy(anomalous)) == pytest.approx(expected, abs=1e-12)


def test_without_both_kinds_there_is_no_area() -> None:
    some, log_p = torch.tensor([0, 1]), torch.tensor([[0.0, -1.0], [-1.0, 0.0]])
    assert of_log_p(log_p, some, 1) == (1, 1)
    assert of_log_p(log_p, some, 0) == (1, 1)
    assert of_log_p(log_p, 1 - some, 0)[0] == 0
    for unknown in (
        of_log_p(log_p, some, None),
        of_log_p(None, some, 1),
        of_log_p(log_p, some * 0, 1),
        of_log_p(log_p.log(), some, 1),
        of_log_p(torch.zeros(2, 3), some, 1),
    ):
        assert all(math.isnan(value) for value in unknown)


def rare(share: float = 0.1, samples: int = 200) -> memory.Data:
    """Samples of 8 channels; in an anomaly the later half fires more."""
    chance = np.random.default_rng(0)
    odd = np.arange(samples) < share * samples
    x = np.full((samples, 8), 0.2)
    x[odd, 4:] = 0.4
    return memory.arrays(np.clip(x + chance.normal(0, 0.05, x.shape), 0, 1), np.where(odd, "odd", "usual"))


SHORT = {"rounds": 1, "steps": 5}


def test_evaluations_hold_the_areas_of_a_named_anomaly() -> None:
    for anomaly, there in (("", False), ("odd", True)):
        run = Simulation({"stream": {"name": "arrays", "anomaly": anomaly}, "training": SHORT}, data=rare())
        list(run)
        table = run.table("evaluations")
        assert {"experts", "gate", "class", "task"} == set(table["setting"])
        last = table[table["after"] == 0]
        assert last[["roc_auc", "average_precision"]].notna().to_numpy().all() == there
    by = last[last["split"] == "test"].set_index("setting")
    assert by["roc_auc"]["gate"] > 0.9
    assert by["average_precision"]["gate"] > 0.9


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ({"name": "digits", "anomaly": "3"}, "is one of two classes, and .* has 10; leave it empty"),
        ({"name": "nback", "anomaly": "odd"}, "is a class, and nback has targets at single time steps"),
    ],
)
def test_no_anomaly(stream: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Simulation({"stream": stream})
    with pytest.raises(ValueError, match=r"'strange' is no class of .*; take 'odd' or 'usual'"):
        Simulation({"stream": {"name": "arrays", "anomaly": "strange"}}, data=rare())


def test_balanced_classes_weigh_alike() -> None:
    options = {"stream": {"name": "arrays"}, "training": {**SHORT, "class_weights": "balanced"}}
    run = Simulation(options, data=rare())
    weights = run.grower.judge.class_weights
    assert weights is not None
    train = torch.from_numpy(run.stream.experiences[0].train.y)
    each = torch.bincount(train, weights=weights[train].double())
    torch.testing.assert_close(each, torch.full((2,), len(train) / 2, dtype=torch.float64))
    list(run)
    plain = Simulation({**options, "training": SHORT}, data=rare())
    list(plain)
    assert run.table("rounds")["loss"].iloc[0] != plain.table("rounds")["loss"].iloc[0]


def test_rivals_are_classes_of_the_same_experience() -> None:
    y = np.repeat([0, 1, 2, 3], [30, 10, 40, 40])
    run = Simulation({"stream": {"name": "arrays"}}, data=memory.arrays(np.full((len(y), 4), 0.5), y))
    weights = class_weights("balanced", run.stream)
    assert weights is not None
    torch.testing.assert_close(weights, torch.tensor([20 / 30, 2, 1, 1]), atol=0.02, rtol=0)
    assert class_weights("none", run.stream) is None


def test_targets_have_no_classes_to_weigh() -> None:
    with pytest.raises(
        ValueError, match="class_weights = 'balanced' weighs classes, and stream nback asks for targets"
    ):
        Simulation({"stream": {"name": "nback"}, "training": {"class_weights": "balanced"}})
