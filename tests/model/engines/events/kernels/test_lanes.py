"""Every primitive of the lanes against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

numba = pytest.importorskip("numba", reason="numba is not installed")

from smalti.model.engines.events.kernels.lanes import (  # noqa: E402
    BYTE,
    add,
    add_product,
    bits_at_least,
    bits_of,
    bits_within,
    drop_below,
    item,
    lanes_of,
    load,
    multiply,
    note,
    prefetch,
    put,
    spread,
    store,
    total,
    where_at_least,
    width_of,
    zeros,
)

Array = NDArray[Any]
SKIPPED = 3  # numbers before the lanes, so that they are not aligned


@numba.njit
def use_all(width: Any, a: Array, b: Array, c: Array, number: Any, rows: Array, sums: Array, words: Array) -> int:
    """Each result into a row, a sum or a word of its own; returns the number of lanes."""
    lanes = lanes_of(width)
    x, y, z = load(width, a, SKIPPED), load(width, b, SKIPPED), load(width, c, SKIPPED)
    store(rows, 0, x)
    store(rows, lanes, add(x, y))
    store(rows, 2 * lanes, multiply(x, y))
    store(rows, 3 * lanes, add_product(z, x, y))
    store(rows, 4 * lanes, where_at_least(x, y, z, x))
    store(rows, 5 * lanes, drop_below(x, z))
    store(rows, 6 * lanes, spread(width, number))
    store(rows, 7 * lanes, zeros(width, a))
    sums[0] = total(x)
    words[0], words[1] = bits_at_least(x, y), bits_within(x, y, z)
    return lanes


def bits(flags: Array) -> int:
    return sum(1 << k for k, flag in enumerate(flags.tolist()) if flag)


def halves(values: Array) -> Any:
    """Sum of the sums of lane k and lane k + half, again and again."""
    while len(values) > 1:
        values = values[: len(values) // 2] + values[len(values) // 2 :]
    return values[0]


def operands(lanes: int, dtype: Any) -> list[Array]:
    """Random numbers a, b and positive c, where some a equal b, some |a - b| equal c and some b are infinite."""
    rng = np.random.default_rng(lanes)
    a, b, c = rng.normal(0, 1, (3, SKIPPED + lanes)).astype(dtype)
    c = abs(c)
    b[SKIPPED::4] = a[SKIPPED::4]
    c[SKIPPED + 1 :: 4] = abs(a - b)[SKIPPED + 1 :: 4]
    b[SKIPPED + 2] = np.inf
    a[SKIPPED + 6 : SKIPPED + 8] = -c[SKIPPED + 6], 0
    return [a, b, c]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_lanes_compute_what_numpy_does(lanes: int, dtype: Any) -> None:
    a, b, c = operands(lanes, dtype)
    rows, sums, words = np.full(8 * lanes, 9, dtype=dtype), np.zeros(1, dtype=dtype), np.zeros(2, dtype=np.uint64)
    assert use_all(width_of(lanes), a, b, c, dtype(0.1), rows, sums, words) == lanes
    x, y, z = (operand[SKIPPED:] for operand in (a, b, c))
    found = rows.reshape(8, lanes)
    assert np.array_equal(found[0], x)
    assert np.array_equal(found[1], x + y)
    assert np.array_equal(found[2], x * y)
    np.testing.assert_allclose(found[3], z + x * y, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert np.array_equal(found[4], np.where(x >= y, z, x))
    assert np.array_equal(found[5], np.where(abs(x) < z, 0, x))
    assert np.array_equal(found[6], np.full(lanes, dtype(0.1)))
    assert not found[7].any()
    assert sums[0] == halves(x)
    assert words.tolist() == [bits(x >= y), bits(abs(x - y) < z)]
    assert 0 < words[0] < 2**lanes - 1
    assert 0 < words[1] < 2**lanes - 1


def test_a_store_leaves_its_neighbours_alone() -> None:
    rows = np.arange(24.0)

    @numba.njit
    def write(width: Any, array: Array) -> None:
        store(array, 5, zeros(width, array))

    write(width_of(8), rows)
    assert rows.tolist() == [*range(5), *[0] * 8, *range(13, 24)]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("count", [8, 32, 64])
def test_places_of_bits_are_noted_in_order(count: int, dtype: Any) -> None:
    """Behind what is there; at most seven numbers beyond the end are written."""

    @numba.njit
    def write(width: Any, into: Array, at: int, bits: Any, base: int) -> int:
        return note(width, into, at, bits, base)

    rng = np.random.default_rng(count)
    for density in (0.0, 0.1, 0.5, 1.0):
        flags = rng.random(count) < density
        into = np.full(1 + count + BYTE, 7, dtype=dtype)
        end = write(width_of(count), into, 1, np.uint64(bits(flags)), 100)
        assert into[:end].tolist() == [7, *(100 + np.flatnonzero(flags)).tolist()]
        assert (into[end + BYTE :] == 7).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_bits_say_which_of_eight_numbers_are_not_zero(dtype: Any) -> None:
    @numba.njit
    def look(array: Array, index: int) -> Any:
        prefetch(array, index + 1000)
        return bits_of(array, index)

    numbers = np.array([9, 9, 9, 0, 1, 0, 0, 255, 3, 0, 1], dtype=dtype)
    assert look(numbers, SKIPPED) == bits(numbers[SKIPPED:] != 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.float32])
def test_items_are_read_and_written_where_they_stand(dtype: Any) -> None:
    @numba.njit
    def move(array: Array, index: int, number: Any) -> Any:
        before = item(array, index)
        put(array, index, number)
        return before

    array = np.array([5, np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else -0.5, 6], dtype=dtype)
    expected = array[1].item()
    assert move(array, 1, dtype(4)) == expected
    assert array.tolist() == [5, 4, 6]
