"""Running sums of several centres a class, against discriminant analysis from the samples themselves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smalti.model.gating.densities.centres import SHRINKAGE, Centres

FEATURES = 5


def samples(number: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (number,), generator=chance)
    rates = 1.0 + 9.0 * torch.rand(3, FEATURES, generator=torch.Generator().manual_seed(9))
    return torch.poisson(rates[labels], generator=chance).double(), labels


def taught(most: int, parts: int = 1) -> Centres:
    centres = Centres(FEATURES, most)
    f, labels = samples()
    for part, here in zip(f.chunk(parts), labels.chunk(parts), strict=True):
        centres.add(part, here)
    return centres


def within(f: Tensor, group: Tensor) -> Tensor:
    """The shrunk covariance about the means of groups."""
    means = torch.stack([f[group == g].mean(0) for g in range(int(group.max()) + 1)])
    z = f - means[group]
    s = z.T @ z / len(f)
    return (1 - SHRINKAGE) * s + SHRINKAGE * s.diagonal().mean() * torch.eye(FEATURES).double()


@pytest.mark.parametrize("parts", [1, 7])
def test_one_centre_a_class_is_linear_discriminant_analysis(parts: int) -> None:
    centres, (f, labels) = taught(1, parts), samples()
    metric = within(f, labels)
    torch.testing.assert_close(centres.covariance(), metric)
    weights, offsets = centres.discriminants([(c, 0) for c in range(3)], torch.ones(FEATURES, dtype=torch.bool))
    fresh, _ = samples(40, seed=1)
    normal = [torch.distributions.MultivariateNormal(f[labels == c].mean(0), metric) for c in range(3)]
    expected = torch.stack([one.log_prob(fresh) for one in normal], 1)
    torch.testing.assert_close((fresh @ weights + offsets).log_softmax(1), expected.log_softmax(1))


def test_discriminants_over_some_features_are_those_of_these_alone() -> None:
    chosen = torch.tensor([True, False, True, True, False])
    weights, offsets = taught(1).discriminants([(0, 0), (2, 0)], chosen)
    f, labels = samples()
    metric, fresh = within(f, labels)[chosen][:, chosen], samples(40, seed=1)[0]
    normal = [torch.distributions.MultivariateNormal(f[labels == c].mean(0)[chosen], metric) for c in (0, 2)]
    expected = torch.stack([one.log_prob(fresh[:, chosen]) for one in normal], 1)
    assert not weights[~chosen].any()
    torch.testing.assert_close((fresh @ weights + offsets).log_softmax(1), expected.log_softmax(1))


def test_a_sample_moves_the_nearest_centre_of_its_class() -> None:
    centres = Centres(2, 2)
    centres.add(torch.tensor([[0.0, 0], [10, 0], [2, 0], [9, 3], [0, 0]]).double(), torch.tensor([4, 4, 4, 4, 1]))
    assert torch.equal(centres.count[4], torch.tensor([2.0, 2.0]).double())
    assert torch.equal(centres.means(4), torch.tensor([[1.0, 0.0], [9.5, 1.5]]).double())
    assert centres.classes == (1, 4)
    assert len(centres.count[1]) == 1


def test_covariance_is_about_the_centres_that_samples_belong_to() -> None:
    f = torch.tensor([[0.0, 0], [40, 0], [2, 0], [39, 3], [1, 1], [41, 1]]).double()
    centres = Centres(2, 2)
    centres.add(f, torch.zeros(6, dtype=torch.int64))
    group = torch.tensor([0, 1, 0, 1, 0, 1])
    z = f - torch.stack([f[::2].mean(0), f[1::2].mean(0)])[group]
    s = z.T @ z / 6
    shrunk = (1 - SHRINKAGE) * s + SHRINKAGE * s.diagonal().mean() * torch.eye(2).double()
    torch.testing.assert_close(centres.covariance(), shrunk)


def test_merging_joins_the_two_that_lose_least_and_keeps_all_sums() -> None:
    centres = taught(6)
    before, count, means = centres.total[1].sum(0), centres.count[1].clone(), centres.means(1)
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    costs = [
        float(count[i] * count[j] / (count[i] + count[j]) * (means[i] - means[j]).square().sum()) for i, j in pairs
    ]
    one, other = pairs[costs.index(min(costs))]
    centres.merge(1, 5)
    joined = (count[one] * means[one] + count[other] * means[other]) / (count[one] + count[other])
    expected = torch.cat([joined[None], means[[k for k in range(6) if k not in (one, other)]]])
    found = centres.means(1)
    torch.testing.assert_close(found.sort(0).values, expected.sort(0).values)
    centres.merge(1, 1)
    torch.testing.assert_close(centres.total[1][0], before)
    assert float(centres.count[1]) == float(count.sum())
    assert len(centres.count[0]) == 6  # others stay


def test_indicators_are_the_regression_of_who_is_who() -> None:
    gram, moment, power = taught(3).indicators((0, 2))
    f, labels = samples()
    x, y = f - f.mean(0), torch.stack([(labels == c).double() for c in (0, 2)], 1)
    y = y - y.mean(0)
    covariance = x.T @ x / len(x)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.diagonal().mean() * torch.eye(FEATURES).double()
    torch.testing.assert_close(gram, shrunk)
    torch.testing.assert_close(moment, x.T @ y / len(x))
    assert power == pytest.approx(float(y.square().sum() / len(y)))


def test_state_makes_the_round_trip_and_learns_on() -> None:
    one, other = taught(3), Centres(FEATURES, 3)
    other.load_state_dict(one.state_dict())
    for centres in (one, other):
        centres.add(*samples(50, seed=3))
    assert one.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    blank = Centres(FEATURES, 3)
    blank.load_state_dict(Centres(FEATURES, 3).state_dict())
    assert blank.classes == ()
