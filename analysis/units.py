"""What the loss and the score of a run are called, for everything that shows them. Knows no files."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.tables import RunTables

USUAL_UNIT, USUAL_SCORE = "nats", "right"  # of runs whose tables do not say
SCORES = {
    "right": "accuracy",
    "direction": "trials answered rightly",
    "r2": "R2",
    "smape": "1 - sMAPE / 200",
    "roc": "area under the ROC curve",
}
"""Scores of the table ``evaluations`` in words."""
COUNTED = ("right", "direction")  # shares of what was answered, so that chance moves them as it does a share


def unit_of(rounds: pd.DataFrame) -> str:
    """Unit of the loss in the table ``rounds``, and so of values and prices."""
    return str(rounds["unit"].iloc[-1]) if "unit" in rounds and len(rounds) else USUAL_UNIT


def per_sample(run: RunTables) -> str:
    """The same, as axes and captions say it."""
    return f"{unit_of(run.table('rounds'))} per sample"


def score_of(evaluations: pd.DataFrame) -> str:
    """Name of the score that stands in the column ``accuracy`` of the table ``evaluations``."""
    return str(evaluations["score"].iloc[-1]) if "score" in evaluations and len(evaluations) else USUAL_SCORE


def in_words(score: str) -> str:
    """A score as it is shown; one of your own by its name."""
    return SCORES.get(score, score)


def score_name(run: RunTables) -> str:
    """What the scores of a run are called."""
    return in_words(score_of(run.table("evaluations")))


def score_on(run: RunTables, split: str) -> str:
    """The same on training, validation, test or novel data."""
    name = score_name(run)
    return f"{split} {name}" if name == SCORES[USUAL_SCORE] else f"{name} on {split} data"


def common(names: list[str], otherwise: str) -> str:
    """The one name that several runs have, or another where they differ."""
    return names[0] if len(set(names)) == 1 else otherwise
