from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.few_shot import by_session, view

ROWS = [
    (0, 0, "gate", "test", 0.9, 40),
    (0, 1, "gate", "test", 0.0, 20),  # not yet come
    (1, 0, "gate", "test", 0.6, 40),
    (1, 1, "gate", "test", 0.9, 20),
    (1, 1, "gate", "validation", 0.1, 20),
    (1, 1, "class", "test", 0.2, 20),
]


def test_all_samples_of_what_has_come_count_alike() -> None:
    table = pd.DataFrame(ROWS, columns=["after", "on", "setting", "split", "accuracy", "samples"])
    assert by_session(table, "gate") == pytest.approx([0.9, (0.6 * 40 + 0.9 * 20) / 60])


def test_view_shows_means_over_seeds() -> None:
    shown = view({"one way": np.array([[1.0, 0.5], [0.8, 0.7]])})
    assert [next(iter(column.cells)) for column in shown.columns] == ["one way", "90.0", "60.0", "75.0", "75.0 to 75.0"]
