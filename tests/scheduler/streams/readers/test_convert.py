from __future__ import annotations

import numpy as np
import pytest
import torch

from smalti.scheduler.streams.memory import Data, arrays, data_of
from smalti.scheduler.streams.readers.convert import array_of, samples_of


def test_masked_values_are_refused_and_masks_that_hide_nothing_are_not() -> None:
    x = np.ma.masked_greater(np.arange(4.0), 2)
    with pytest.raises(ValueError, match=r"masked in places; fill them, \.filled\(0\)"):
        array_of(x)
    assert array_of(x.filled(0)).tolist() == [0, 1, 2, 0]
    assert array_of(np.ma.masked_greater(np.arange(3.0), 9)).tolist() == [0, 1, 2]


def test_tensors_of_any_kind_are_taken() -> None:
    x = torch.tensor([[0.5, 0.0], [0.0, 1.0]])
    for tensor in (x, x.bfloat16(), x.to_sparse(), x.half(), x.requires_grad_()):
        assert array_of(tensor).tolist() == [[0.5, 0.0], [0.0, 1.0]]


def test_generators_are_taken() -> None:
    assert array_of(k for k in range(3)).tolist() == [0, 1, 2]
    assert samples_of(np.full(2, k) for k in range(3)).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_a_pair_is_data_and_what_is_none_is_refused() -> None:
    x, y = np.full((8, 3), 0.5), np.arange(8) % 2
    assert isinstance(data_of((x, y)), Data)
    given = arrays(x, y)
    assert data_of(given) is given
    with pytest.raises(ValueError, match=r"data is of type int; give what smalti\.data makes"):
        data_of(3)
