from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smalti.model.continual import Method, Task


@pytest.mark.parametrize("sampler", ["balanced", "reservoir"])
def test_samples_of_earlier_tasks_return(make: Callable[..., Method], task: Callable[..., Task], sampler: str) -> None:
    method = make("replay", capacity=8, sampler=sampler)
    for number in range(2):
        given = task(number, labels=[2 * number, 2 * number + 1] * 10, values=3)
        method.begin_task(given)
        tasks = set(method.recall(8, np.random.default_rng(0))[:, 0].tolist())
        assert tasks == set(range(number))
        method.end_task(given)
    assert set(method.recall(8, np.random.default_rng(0))[:, 0].tolist()) == {0, 1}
    assert method.stored_values == 8 * 4
    assert not method.alone
