from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from smalti.model.gating import GatingNetwork, GatingOptions
from smalti.model.gating.densities.density import FLOOR
from smalti.model.gating.networks import GATING
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.novelty_scale import JUDGED
from smalti.model.gating.protocol import Kept

ALARM = 0.5  # standard deviations: between what known classes show and what new ones show


def stream(n: int, features: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    rates = 6.0 * torch.rand(classes, features, generator=g, dtype=torch.float64)
    labels = torch.randint(0, classes, (n,), generator=g)
    return torch.poisson(rates[labels], generator=g), labels


def gate(features: int, **options: float) -> GaussianGating:
    return GaussianGating(GatingOptions(**options), features)  # type: ignore[arg-type]


@pytest.mark.parametrize("features", [6, 600])
def test_with_what_was_kept_of_samples_scores_are_the_same_bit_by_bit(features: int) -> None:
    """Only classes that have changed, and those whose directions the common variance separates anew, are scored."""
    x, y = stream(400, features, 5)
    kept: dict[int, Kept] = {}
    g, anew = gate(features, rank=2), gate(features, rank=2)
    for one in (g, anew):
        one.assignment.assign(0, (0, 3, 4))
        one.assignment.assign(1, (1, 2))
    changed = []
    for label in (0, 3, 1, 1, 2, 4):
        before = dict(kept)
        for one in (g, anew):
            one.observe(x[y == label][:20], y[y == label][:20], 0)
        for counts in (x[:50], x[:50].float()):
            asked = counts.clone()
            g.recall(asked, kept)
            assert torch.equal(g.scores(asked), anew.scores(counts.clone()))
            assert torch.equal(g.class_scores(asked), anew.class_scores(counts.clone()))
            asked += 1  # other counts, though in the same tensor
            assert torch.equal(g.class_scores(asked), anew.class_scores(counts + 1))
        changed.append({c for c, terms in kept.items() if before.get(c) is not terms})
    assert all(label in now for label, now in zip((0, 3, 1, 1, 2, 4), changed, strict=True))
    assert sum(map(len, changed)) < 6 + 5 + 4 + 3 + 2


def test_implements_the_protocol() -> None:
    network: GatingNetwork = GATING["gaussian"](GatingOptions(), 4)
    assert isinstance(network, GaussianGating)


def test_log_densities_are_those_of_the_gaussians_they_stand_for() -> None:
    x, y = stream(300, 6, 3)
    g = gate(6, rank=2)
    g.observe(x, y, 0)
    f = x.sqrt().numpy()
    eigen = [np.linalg.eigh(np.cov(f[y == c].T, bias=True)) for c in range(3)]
    weights = np.array([(y == c).sum().item() - 1 for c in range(3)])
    beyond = [values[:4].sum() / 4 for values, _ in eigen]
    total = [values.sum() / 6 for values, _ in eigen]
    h = np.average(0.7 * np.array(beyond) + 0.3 * np.array(total), weights=weights)
    expected = []
    for c, (values, vectors) in enumerate(eigen):
        top = np.maximum(values[4:], h)
        covariance = h * np.eye(6) + (vectors[:, 4:] * (top - h)) @ vectors[:, 4:].T
        expected.append(multivariate_normal(f[y == c].mean(0), covariance).logpdf(f))
    constant = -0.5 * 6 * (math.log(2 * math.pi) + math.log(h))
    np.testing.assert_allclose(g.class_scores(x).numpy(), np.stack(expected, 1) - constant, rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 200), max_size=8), seed=st.integers(0, 99))
def test_batches_in_any_order_equal_one_batch(cuts: list[int], seed: int) -> None:
    x, y = stream(200, 12, 4)
    whole, parts = gate(12), gate(12)
    whole.observe(x, y, 0)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(seed))
    edges = [0, *sorted(cuts), 200]
    for a, b in pairwise(edges):
        parts.observe(x[order[a:b]], y[order[a:b]], a)
        if parts.classes and a % 2:
            parts.class_scores(x[:1])  # asking in between changes nothing
    for g in (whole, parts):
        g.assignment.assign(0, [0, 1])
        g.assignment.assign(1, [2, 3])
    torch.testing.assert_close(parts.class_scores(x), whole.class_scores(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(parts.scores(x), whole.scores(x), rtol=1e-9, atol=1e-9)


def test_expert_scores_are_a_normalised_mixture_over_their_classes() -> None:
    x, y = stream(200, 8, 4)
    g = gate(8, temperature=2.0)
    g.observe(x, y, 0)
    g.assignment.assign(7, [3])
    g.assignment.assign(2, [0, 1])
    density = (g.class_scores(x) / 2.0).exp()
    joint = torch.stack([density[:, 3], density[:, 0] + density[:, 1]], 1)  # class 2 has no expert
    assert g.assignment.experts == (7, 2)
    torch.testing.assert_close(g.scores(x), (joint / joint.sum(1, keepdim=True)).log())


def test_experts_without_observed_classes() -> None:
    x, y = stream(50, 4, 2)
    g = gate(4)
    with pytest.raises(ValueError, match="no expert"):
        g.scores(x)
    g.assignment.assign(0, [0, 1])
    g.assignment.assign(1, [9])
    assert torch.allclose(g.scores(x).exp(), torch.full((50, 2), 0.5, dtype=x.dtype))
    g.observe(x, y, 0)
    assert torch.equal(g.scores(x), torch.tensor([[0.0, -math.inf]]).to(x.dtype).expand(50, 2))


def test_nothing_observed() -> None:
    g = gate(4)
    assert g.classes == ()
    assert g.stored_values == 0
    assert g.novelty(torch.zeros(1, 4)) == math.inf
    with pytest.raises(ValueError, match="observed nothing"):
        g.class_scores(torch.zeros(1, 4))


@pytest.mark.parametrize("features", [1, 2, 5])
def test_one_sample_of_a_class_and_constant_channels(features: int) -> None:
    g = gate(features)
    g.observe(torch.tensor([[4.0] * features]), torch.tensor([3]), 0)
    g.observe(torch.zeros(20, features), torch.zeros(20, dtype=torch.int64), 0)  # all-zero counts, no variance
    g.observe(torch.tensor([[9.0] * features]), torch.tensor([1]), 0)
    x = torch.tensor([[0.0] * features, [4.0] * features, [9.0] * features, [1e6] * features])
    scores = g.class_scores(x)
    assert torch.isfinite(scores).all()
    assert [g.classes[i] for i in scores[:3].argmax(1)] == [0, 3, 1]
    assert float(scores[0, 2]) == pytest.approx(-0.5 * features * 4.0 / FLOOR)  # class 3 at sqrt(4)


def test_a_channel_that_never_varies_is_noise_of_the_common_floor() -> None:
    x, y = stream(200, 6, 2)
    x[:, 0] = 5.0
    g = gate(6)
    g.observe(x, y, 0)
    moved = x.clone()
    moved[:, 0] = 9.0
    assert torch.isfinite(g.class_scores(moved)).all()
    assert (g.class_scores(moved) < g.class_scores(x)).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_refuses_bad_counts_and_learns_nothing_of_them(bad: float) -> None:
    x, y = stream(30, 4, 2)
    g = gate(4)
    g.observe(x, y, 0)
    before = g.state_dict()
    spoiled = x.clone()
    spoiled[3, 2] = bad
    for call in (
        lambda: g.observe(spoiled, y, 0),
        lambda: g.class_scores(spoiled),
        lambda: g.novelty(spoiled),
    ):
        with pytest.raises(ValueError, match="numbers of spikes"):
            call()
    assert all(torch.equal(v, before[k]) for k, v in g.state_dict().items())


@pytest.mark.parametrize("labels", [torch.zeros(3, dtype=torch.int64), torch.zeros(4), torch.tensor([0, 1, -1, 0])])
def test_refuses_labels_that_are_no_class_numbers(labels: Tensor) -> None:
    g = gate(2)
    with pytest.raises(ValueError, match="one class number"):
        g.observe(torch.ones(4, 2), labels, 0)
    assert g.classes == ()


def test_results_have_the_type_of_the_counts() -> None:
    x, y = stream(40, 4, 2)
    g = gate(4)
    g.observe(x.to(torch.uint8), y.to(torch.uint8), 0)
    g.assignment.assign(0, [0])
    assert g.class_scores(x.float()).dtype == g.scores(x.to(torch.int16)).dtype == torch.float32
    assert g.scores(x).dtype == torch.float64


@pytest.mark.parametrize(("features", "samples"), [(1, 50), (12, 0), (12, 1), (12, 90)])
def test_state_makes_the_round_trip_through_safetensors_bit_for_bit(
    features: int, samples: int, tmp_path: Path
) -> None:
    x, y = stream(120, features, 3)
    g, other = gate(features), gate(features)
    g.observe(x[:samples], y[:samples] * 2, 0)
    g.assignment.assign(5, [0, 4])
    g.assignment.assign(1, [2, 6])
    save_file(g.state_dict(), tmp_path / "gate.safetensors")
    other.observe(x, y, 0)  # overwritten by loading
    other.load_state_dict(load_file(tmp_path / "gate.safetensors"))
    for step in range(2):  # as loaded, and after learning on
        assert other.assignment.experts == g.assignment.experts
        assert other.classes == g.classes
        assert other.novelty(x) == g.novelty(x)
        assert torch.equal(other.scores(x), g.scores(x))
        for key, value in g.state_dict().items():
            assert torch.equal(value, other.state_dict()[key]), key
        if step == 0:
            for network in (g, other):
                network.observe(x[samples:], y[samples:] * 2, 1)


def test_refuses_a_state_that_does_not_fit() -> None:
    x, y = stream(20, 6, 2)
    g = gate(6)
    g.observe(x, y, 0)
    state = g.state_dict()
    with pytest.raises(ValueError, match="lacks scatters, totals"):
        g.load_state_dict({k: v for k, v in state.items() if k not in ("totals", "scatters")})
    for other in (gate(5), gate(6, rank=2)):
        with pytest.raises(ValueError, match=r"gating\.rank"):
            other.load_state_dict(state)
        assert other.classes == ()


def test_costs_count_what_is_held() -> None:
    x, y = stream(80, 6, 2)
    g = gate(6)
    g.observe(x, y, 0)
    held = 2 * ((1 + 6 + 36) + 2 * (6 + 6 * 3 + 3 + 1) + 4)
    assert g.stored_values == held
    assert g.adds_per_sample == 2 * (6 + 3 * 6 + 6 + 3 + 3)
    assert g.multiplications_per_sample == 2 * (3 * 6 + 6 + 3 + 3 + 1)  # projections, squares of both, gains, floor
    g.observe(x, y, 0)
    assert g.stored_values == held  # samples cost nothing
    g.assignment.assign(0, [0, 1])
    assert g.stored_values == held + 4


def test_novelty_is_judged_by_unseen_samples_only_after_enough_of_them() -> None:
    x, _ = stream(JUDGED + 4, 5, 1)
    g = gate(5)
    zeros = torch.zeros(len(x), dtype=torch.int64)
    g.observe(x[:4], zeros[:4], 0)  # the first novelty_scale
    g.observe(x[4:-1], zeros[4:-1], 0)
    assert g.novelty(x) == math.inf
    g.observe(x[-1:], zeros[-1:], 0)
    assert math.isfinite(g.novelty(x))
    with pytest.raises(ValueError, match="no samples"):
        g.novelty(x[:0])


def test_asking_for_novelty_changes_nothing() -> None:
    x, y = stream(200, 5, 2)
    asked, silent = gate(5), gate(5)
    for i in range(0, 200, 20):
        asked.novelty(x)
        for g in (asked, silent):
            g.observe(x[i : i + 20], y[i : i + 20], 0)
    assert asked.novelty(x) == silent.novelty(x) < 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_class_incremental_without_replay(seed: int) -> None:
    """Five tasks of two digits each, drawn as spikes; judged on validation data."""
    images, targets = load_digits(return_X_y=True)
    train, rest = train_test_split(np.arange(len(targets)), test_size=0.4, stratify=targets, random_state=seed)
    held, _ = train_test_split(rest, test_size=0.5, stratify=targets[rest], random_state=seed)
    rng = np.random.default_rng(seed)
    counts = torch.from_numpy(rng.binomial(25, images / 16.0)).float()
    labels = torch.from_numpy(targets)
    g = gate(64)
    order = rng.permutation(10).reshape(5, 2)
    for task, classes in enumerate(order):
        g.assignment.assign(task, classes.tolist())
        mine = rng.permutation(train[np.isin(targets[train], classes)])
        for i, batch in enumerate(np.array_split(mine, 3)):
            if i != 1:  # a class is judged from its second batch on
                assert (g.novelty(counts[batch]) > ALARM) == (i == 0)
            g.observe(counts[batch], labels[batch], task)
        known = held[np.isin(targets[held], order[: task + 1])]
        assert g.novelty(counts[known]) < ALARM
    assert (g.class_scores(counts[held]).argmax(1) == labels[held]).float().mean() > 0.97
    expert = torch.from_numpy(np.argsort(order.reshape(-1))[targets[held]] // 2)
    assert (g.scores(counts[held]).argmax(1) == expert).float().mean() > 0.97
