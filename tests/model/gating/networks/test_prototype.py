from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.networks import GATING
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.prototype import PrototypeGating


def stream(n: int, features: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    rates = 6.0 * torch.rand(classes, features, generator=g, dtype=torch.float64)
    labels = torch.randint(0, classes, (n,), generator=g)
    return torch.poisson(rates[labels], generator=g), labels


def test_log_densities_by_hand() -> None:
    g = PrototypeGating(GatingOptions(network="prototype"), 2)
    g.observe(torch.tensor([[4.0, 0.0], [16.0, 4.0], [1.0, 1.0]]), torch.tensor([3, 3, 0]), 0)  # means (3, 1), (1, 1)
    x = torch.tensor([[9.0, 1.0], [4.0, 9.0]])  # f = (3, 1), (2, 3)
    assert torch.allclose(g.class_scores(x), torch.tensor([[-8.0, 0.0], [-10.0, -10.0]]))


def test_the_best_class_is_that_of_the_nearest_centroid() -> None:
    x, y = stream(300, 6, 4)
    g = PrototypeGating(GatingOptions(network="prototype"), 6)
    g.observe(x, y, 0)
    expected = NearestCentroid().fit(x.sqrt().numpy(), y.numpy()).predict(x.sqrt().numpy())
    assert g.class_scores(x).argmax(1).tolist() == expected.tolist()


def test_temperature_divides_log_densities() -> None:
    x, y = stream(100, 5, 2)
    g = PrototypeGating(GatingOptions(network="prototype", temperature=3.0), 5)
    g.assignment.assign(0, [0])
    g.assignment.assign(1, [1])
    g.observe(x, y, 0)
    torch.testing.assert_close(g.scores(x), (g.class_scores(x) / 3.0).log_softmax(1))


@pytest.mark.parametrize("name", ["prototype", "lda"])
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 200), max_size=8), seed=st.integers(0, 99))
def test_batches_in_any_order_equal_one_batch(name: str, cuts: list[int], seed: int) -> None:
    x, y = stream(200, 12, 4)
    whole, parts = (GATING[name](GatingOptions(network=name), 12) for _ in range(2))
    whole.observe(x, y, 0)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(seed))
    for a, b in pairwise([0, *sorted(cuts), 200]):
        parts.observe(x[order[a:b]], y[order[a:b]], a)
    torch.testing.assert_close(parts.class_scores(x), whole.class_scores(x), rtol=1e-8, atol=1e-8)


def test_costs_count_what_is_held() -> None:
    x, y = stream(80, 6, 2)
    for kind, more in ((PrototypeGating, 0), (LdaGating, 2 * 36)):
        g = kind(GatingOptions(), 6)
        g.observe(x, y, 0)
        assert g.stored_values == 2 * (6 + 1 + 3) + more
        assert g.adds_per_sample == 2 * (6 + 2)
        assert g.multiplications_per_sample == 2 * 6
