from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import qmc

from smalti.scheduler.experiments.design import rows_of, shares
from smalti.scheduler.experiments.plan import Experiment

Plan = Callable[[str], Experiment]
AXES = (
    '[axes]\n"growth.rule" = ["random", "tiny"]\n"training.learning_rate" = { low = 1e-3, high = 1e-1, log = true }\n'
)


def test_a_sobol_sequence_is_that_of_scipy() -> None:
    ours = shares("sobol", 8, 3, seed=1)
    assert (ours == qmc.Sobol(3, rng=np.random.default_rng(1)).random(8)).all()
    assert qmc.discrepancy(shares("sobol", 64, 2, 0)) < qmc.discrepancy(shares("random", 64, 2, 0)) / 3


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_more_samples_keep_those_there_are(design: str) -> None:
    assert (shares(design, 37, 3, 0)[:5] == shares(design, 5, 3, 0)).all()
    assert not (shares(design, 5, 3, 0) == shares(design, 5, 3, 1)).any()


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_samples_become_trials(plan: Plan, design: str) -> None:
    text = f'design = "{design}"\nsamples = 6\nseeds = 2\n{AXES}'
    few, many = rows_of(plan(text))[1], rows_of(plan(text.replace("6", "9")))[1]
    assert (len(few), len(many)) == (12, 18)
    assert list(many)[:12] == list(few)
    rates = [trial.config.training.learning_rate for trial in many.values()]
    assert len(set(rates)) == 9
    assert min(rates) >= 1e-3
    assert max(rates) <= 1e-1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('design = "sobol"\n' + AXES, "needs samples"),
        ('design = "random"\nsamples = 3\nseeds = 1\n', r"has no \[axes\]"),
        (AXES, "a grid needs a list"),
        (
            '[axes]\n"stream.limit" = { low = 1, high = 50000 }\n"training.rounds" = { low = 1, high = 50 }',
            r"has 2,500,000 runs \(2,500,000 combinations of axes \(or draw samples\)\), more than 100,000",
        ),
        (
            'seeds = 100000\n[axes]\n"training.rounds" = { low = 1, high = 50 }',
            r"has 5,000,000 runs \(50 combinations of axes \(or draw samples\) x 100,000 seeds\), more than 100,000",
        ),
    ],
)
def test_designs_without_an_end_or_a_beginning(plan: Plan, text: str, message: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=rf"mine\.toml: .*{message}"):
        rows_of(plan(text))
    assert time.perf_counter() - begin < 2  # nothing is listed before it is counted
