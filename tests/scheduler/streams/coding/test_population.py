from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams.coding import population

X = np.random.default_rng(0).random((6, 2, 12)).astype(np.float32)


@pytest.mark.parametrize("cells", [2, 3, 4, 8])
def test_tuning_curves_are_gaussians_with_centres_evenly_over_0_to_1(cells: int) -> None:
    coded = population.encode(X, (12,), cells)
    assert coded.shape == (6, 2, 12 * cells)
    assert coded.dtype == np.float32
    for feature in range(12):
        for cell in range(cells):
            distance = (X[:, :, feature] - cell / (cells - 1)) * (cells - 1)  # in distances of two centres
            np.testing.assert_allclose(
                coded[:, :, feature * cells + cell], np.exp(-((2 * distance) ** 2) / 2), rtol=1e-4
            )


def test_a_value_at_a_centre_fires_always_and_one_between_two_fires_both_alike() -> None:
    coded = population.encode(np.array([[[0.0, 1 / 3, 0.5]]], dtype=np.float32), (3,), 4)[0, 0].reshape(3, 4)
    assert coded[0, 0] == 1
    assert coded[1].argmax() == 1
    np.testing.assert_allclose(coded[2, 1:3], np.exp(-0.5), rtol=1e-5)


def test_images_become_planes_one_for_each_centre() -> None:
    coded = population.encode(X, (2, 2, 3), 3)
    assert population.coded_shape((2, 2, 3), 3) == (6, 2, 3)
    assert population.coded_shape((2, 3), 3) == (3, 2, 3)
    assert population.coded_shape((12,), 3) == (36,)
    plain = population.encode(X, (12,), 3).reshape(6, 2, 12, 3)
    np.testing.assert_array_equal(coded.reshape(6, 2, 3, 12), plain.transpose(0, 1, 3, 2))


def test_as_many_cells_as_fit_within_bounds() -> None:
    assert [population.cells_that_fit(features, 64) for features in (1, 16, 20, 32, 64, 500)] == [8, 4, 3, 2, 2, 2]
