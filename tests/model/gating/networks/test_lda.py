from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.densities.density import FLOOR
from smalti.model.gating.networks.lda import SHRINKAGE, LdaGating


def gate(features: int) -> LdaGating:
    return LdaGating(GatingOptions(network="lda"), features)


def correlated(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Three classes of five channels; channels 0 and 1 share a drive that tells nothing of the class."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=g)
    drive = 20.0 * torch.rand(n, 1, generator=g, dtype=torch.float64)
    rates = 1.0 + 3.0 * torch.nn.functional.one_hot(labels, 5).double()
    rates[:, :2] += drive
    return torch.poisson(rates, generator=g), labels


def test_it_is_linear_discriminant_analysis() -> None:
    x, y = correlated(400)
    g = gate(5)
    for part in range(0, 400, 37):
        g.observe(x[part : part + 37], y[part : part + 37], 0)
    f = x.sqrt().numpy()
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE).fit(f, y.numpy())
    expected = oracle.decision_function(f) - np.log(oracle.priors_)
    scores = g.class_scores(x).numpy()
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], rtol=1e-8, atol=1e-8)


def test_scores_are_mahalanobis_distances_of_the_shrunk_pooled_covariance() -> None:
    x, y = correlated(200)
    g = gate(5)
    g.observe(x, y, 0)
    f = x.sqrt()
    z = torch.cat([f[y == c] - f[y == c].mean(0) for c in range(3)])
    pooled = z.T @ z / 200
    shrunk = (1 - SHRINKAGE) * pooled + SHRINKAGE * pooled.trace() / 5 * torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(g.covariance(), shrunk)
    z = f - f[y == 1].mean(0)
    torch.testing.assert_close(g.class_scores(x)[:, 1], -0.5 * ((z @ torch.linalg.inv(shrunk)) * z).sum(1))


def test_a_drive_that_all_classes_share_does_not_mislead_it() -> None:
    x, y = correlated(2000)
    g = gate(5)
    g.observe(x[:1000], y[:1000], 0)
    assert (g.class_scores(x[1000:]).argmax(1) == y[1000:]).double().mean() > 0.7


def test_samples_without_variance_fall_back_on_the_floor() -> None:
    g = gate(3)
    g.observe(torch.tensor([[4.0, 0.0, 1.0]]), torch.tensor([1]), 0)
    assert torch.allclose(g.covariance(), SHRINKAGE * FLOOR * torch.eye(3, dtype=torch.float64))
    assert float(g.class_scores(torch.tensor([[9.0, 0.0, 1.0]]))) == pytest.approx(-0.5 / (SHRINKAGE * FLOOR), rel=1e-6)
