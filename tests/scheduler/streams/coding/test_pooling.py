from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.scheduler.streams.coding.pooling import choose_block, pool, pooled


@pytest.mark.parametrize(
    ("channels", "most", "wanted", "factor"),
    [
        (64, 64, 0, 1),
        (1, 64, 0, 1),
        (64, 64, -1, 1),
        (65, 64, 0, 2),  # 5 would divide 65, but 2 leave 33 channels
        (784, 64, 0, 14),  # 13 would do, 14 divides: 56 channels
        (700, 64, 0, 14),
        (67, 64, 0, 2),
        (64, 4, 0, 16),
        (64, 1, 0, 64),
        (64, 64, 4, 4),
        (784, 64, 13, 13),
    ],
)
def test_the_factor_of_plain_channels_is_the_smallest_sufficient(
    channels: int, most: int, wanted: int, factor: int
) -> None:
    assert choose_block((channels,), most, wanted) == (factor,)
    x = pool(np.zeros((1, 1, channels), dtype=np.float32), (channels,), (factor,))
    assert x.shape[2] <= most


@pytest.mark.parametrize(
    ("image", "most", "wanted", "block", "left"),
    [
        ((28, 28), 64, 0, (4, 4), (7, 7)),
        ((28, 28), 100, 0, (3, 3), (10, 10)),
        ((28, 28), 140, 0, (2, 3), (14, 10)),
        ((28, 28), 256, 0, (2, 2), (14, 14)),
        ((28, 28), 783, 0, (1, 2), (28, 14)),
        ((28, 28), 784, 0, (1, 1), (28, 28)),
        ((28, 28), 784, 2, (2, 2), (14, 14)),
        ((28, 28), 64, 7, (7, 7), (4, 4)),
        ((8, 8), 64, -1, (1, 1), (8, 8)),
        ((8, 8), 32, 0, (1, 2), (8, 4)),
        ((8, 8), 1, 0, (8, 8), (1, 1)),
        ((1, 100), 64, 0, (1, 2), (1, 50)),
        ((100, 1), 64, 0, (2, 2), (50, 1)),
    ],
)
def test_the_block_of_an_image_is_the_smallest_nearly_square_one_that_suffices(
    image: tuple[int, int], most: int, wanted: int, block: tuple[int, int], left: tuple[int, int]
) -> None:
    assert choose_block(image, most, wanted) == block
    assert pooled(image, block) == left


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), most=st.integers(1, 150), seed=st.integers(0, 9))
def test_every_channel_is_the_mean_of_the_pixels_of_its_block(rows: int, columns: int, most: int, seed: int) -> None:
    image = (rows, columns)
    pictures = np.random.default_rng(seed).random((2, 3, rows, columns)).astype(np.float32)
    block = choose_block(image, most, 0)
    x = pool(pictures.reshape(2, 3, -1), image, block)
    high, wide = block
    means = [
        pictures[:, :, r : r + high, c : c + wide].mean(axis=(2, 3))
        for r in range(0, rows, high)
        for c in range(0, columns, wide)
    ]
    assert len(means) == math.prod(pooled(image, block)) <= most
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, np.stack(means, axis=2), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "most", "wanted", "message"),
    [
        ((100,), 64, -1, "100 channels, the chip 64 north wires, and stream.pool = -1 forbids"),
        ((100,), 32, 2, "stream.pool = 2 leaves 50 channels for 32 north wires; set it to 0 or to 4 or more"),
        ((100,), 64, 101, "stream.pool = 101, but the stream has 100 channels"),
        ((100,), 0, 0, "the chip has 0 north wires"),
        ((28, 28), 64, -1, r"784 channels \(28 x 28\), the chip 64 north wires.* set it to 0 or to 4 or more"),
        (
            (28, 28),
            64,
            3,
            r"stream.pool = 3 leaves 100 channels \(10 x 10\) for 64 north wires; set it to 0 or to 4 or more",
        ),
        ((28, 28), 64, 29, r"stream.pool = 29, but the stream has 784 channels \(28 x 28\); give at most 28"),
    ],
)
def test_channels_that_do_not_fit_are_refused(shape: tuple[int, ...], most: int, wanted: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_block(shape, most, wanted)


def test_a_last_short_group_is_averaged_over_what_it_holds() -> None:
    x = np.array([[[0.2, 0.4, 0.6, 0.8, 1.0]]], dtype=np.float32)
    np.testing.assert_allclose(pool(x, (5,), (2,)), [[[0.3, 0.7, 1.0]]], rtol=1e-6)
