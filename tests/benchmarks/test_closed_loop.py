from __future__ import annotations

import numpy as np
import pytest

from benchmarks.closed_loop import Values, continued, smape


def test_a_predictor_that_is_right_goes_on_as_the_series_does() -> None:
    """Of x[t + 3] = x[t] + .03; what is not shown is never read."""
    values = np.linspace(0, 0.5, 51)[None] + np.array([[0.0], [0.2]])
    hidden = values.copy()
    hidden[:, 20:] = np.nan

    def predict(known: Values) -> Values:
        return known + 0.03

    assert continued(predict, hidden, 20, 3) == pytest.approx(values)


def test_errors_add_up_along_the_loop() -> None:
    """A predictor that is .01 too high is so once more in every turn."""
    said = continued(lambda known: known + 0.01, np.full((1, 12), 0.5), 4, 4)
    assert said[0, 4:8] == pytest.approx(0.51)
    assert said[0, 8:] == pytest.approx(0.52)


def test_smape_by_hand() -> None:
    assert smape(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0]])) == pytest.approx(200 * 0.5 / 2)
