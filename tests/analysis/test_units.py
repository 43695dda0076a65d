from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from smalti.analysis import units
from smalti.analysis.runs import load_run
from smalti.scheduler.streams.scores import SCORES


def test_every_score_has_a_name_in_words() -> None:
    assert units.SCORES.keys() == SCORES.keys()
    assert units.in_words("mine") == "mine"


def test_a_run_says_what_its_numbers_are(timed_run: Path, finished_run: Path) -> None:
    timed, usual = load_run(timed_run), load_run(finished_run)
    assert units.per_sample(timed) == "squared error per sample"
    assert units.per_sample(usual) == "nats per sample"
    assert units.score_name(timed) == "trials answered rightly"
    assert units.score_on(timed, "test") == "trials answered rightly on test data"
    assert units.score_on(usual, "test") == "test accuracy"


def test_tables_of_old_runs_are_nats_and_accuracies(tables: Callable[..., Any]) -> None:
    old = tables({}, {"rounds": pd.DataFrame({"loss": [1.0]}), "evaluations": pd.DataFrame({"accuracy": [1.0]})})
    assert (units.per_sample(old), units.score_name(old)) == ("nats per sample", "accuracy")


def test_several_runs_have_one_name_or_another() -> None:
    assert units.common(["R2", "R2"], "score") == "R2"
    assert units.common(["R2", "accuracy"], "score") == "score"
