"""Arrays of numpy from whatever Python holds: torch, pandas, lists, objects. Knows no stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.readers import ragged


def array_of(values: Any) -> NDArray[Any]:
    """An array of numpy from what is one, of torch (wherever it lies, sparse or not), of pandas, a list or a generator.

    Raises:
        ValueError: some values are masked.
    """
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        dense = tensor.to_dense() if hasattr(tensor, "to_dense") else tensor
        return np.asarray(dense.float() if str(dense.dtype) == "torch.bfloat16" else dense)
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError("the array is masked in places; fill them, .filled(0), or leave those samples out")
        return np.asarray(values.data)
    return np.asarray(list(values) if isinstance(values, Iterator) else values)


def samples_of(x: Any) -> NDArray[Any]:
    """Samples as one array; recordings [time, channels] of different length have zeros at their end.

    Raises:
        ValueError: they differ in more than their length.
    """
    x = list(x) if isinstance(x, Iterator) else x
    objects = isinstance(x, np.ndarray) and x.dtype == object
    if not objects and not isinstance(x, (list, tuple)):
        return array_of(x)
    samples = [array_of(sample) for sample in x]
    return ragged.stacked(samples) if samples else np.empty((0, 0))


def plain_of(name: str, values: Any) -> NDArray[Any]:
    """An array of numbers or strings, from objects of Python too (as pandas keeps strings).

    Raises:
        ValueError: they are neither all numbers nor all strings.
    """
    array = array_of(values)
    if array.dtype == object:
        for kinds, dtype in ((str, np.str_), ((int, float, np.number), None)):
            if array.size and all(isinstance(value, kinds) for value in array.reshape(-1)):
                return np.array(array.tolist(), dtype=dtype)
        raise ValueError(f"data: {name} holds values of several kinds, or none; give all as numbers or all as strings")
    return array


def label_of(label: Any) -> int | str:
    """One label, a number or a name.

    Raises:
        ValueError: it is neither.
    """
    value = array_of(label)
    if value.size != 1 or value.dtype.kind not in "biuUT":
        raise ValueError(f"a label is {label!r}; give one whole number or name a sample")
    given = value.reshape(-1)[0]
    return str(given) if value.dtype.kind in "UT" else int(given)
