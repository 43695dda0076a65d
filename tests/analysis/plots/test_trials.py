from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis.anew.trials import Trial
from smalti.analysis.plots import draw_trial


@pytest.fixture
def trial() -> Trial:
    """Six steps, the second to the third and the fifth of which are asked."""
    chance = np.random.default_rng(0)
    weights = np.array([0, 1, 1, 0, 2, 0], dtype=np.float32)
    return Trial(
        task=3,
        name="go $now$",
        names=("one", "two"),
        inputs=chance.random((6, 5)) < 0.4,
        spikes=chance.random((6, 3)) < 0.5,
        neurons=pd.DataFrame({"neuron": [7, 8, 9], "tile": 0, "slot": [0, 1, 2], "task": [1, 1, 3]}),
        outputs=chance.random((6, 2)).astype(np.float32),
        targets=np.ones((6, 2), dtype=np.float32),
        weights=weights,
        score="r2",
        value=0.5,
    )


def test_has_a_mark_for_every_spike(trial: Trial) -> None:
    top, middle, _ = draw_trial(trial).axes
    for axes, fired in ((top, trial.inputs), (middle, trial.spikes)):
        drawn = np.concatenate([line.get_xydata() for line in axes.lines])
        ends = drawn[~np.isnan(drawn[:, 1])].reshape(-1, 2, 2)  # spike, end, step and unit
        np.testing.assert_allclose(sorted(map(tuple, ends.mean(1))), np.argwhere(fired))


def test_outputs_and_targets_where_they_are_asked(trial: Trial) -> None:
    figure = draw_trial(trial)
    lines = figure.axes[2].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), trial.outputs[:, 0])
    np.testing.assert_array_equal(np.isnan(lines[1].get_ydata()), trial.weights == 0)
    shaded = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in figure.axes[2].patches]
    assert shaded == [(0.5, 2.5), (3.5, 4.5)]
    assert figure.get_suptitle().startswith(r"task 3, go \$now\$: score 0.5 (R2)")
    figure.canvas.draw()
