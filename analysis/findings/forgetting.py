"""Tasks that were forgotten, and what would protect them in the run at hand. Draws and prints nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several
from smalti.analysis.quantities import SETTING_NAMES
from smalti.analysis.units import COUNTED, in_words, score_of

FORGOTTEN = 0.05  # fall of the accuracy on a task, as a share of its samples, that is worth a word
STANDARD_ERRORS = 2.0  # that it must exceed as well
DEFAULTS: Mapping[str, Any] = {}  # a configuration that says nothing: that of defaults


def forgotten(
    evaluations: pd.DataFrame,
    setting: str,
    split: str = "test",
    came: Sequence[int] = (),
    config: Mapping[str, Any] = DEFAULTS,
) -> Finding | None:
    """Tasks on which the accuracy fell since they were learned, by more than chance would let it.

    The fall p - q must be at least ``FORGOTTEN`` and, where p and q are shares of samples, exceed ``STANDARD_ERRORS``
    of the difference of two shares of n samples, sqrt((p (1 - p) + q (1 - q)) / n). They are the same samples, so that
    the test is a cautious one. ``came`` has the task of every experience; empty where experience j brings task j.
    ``config`` is that of the run, for the cure.
    """
    chosen = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == split)]
    last, score, fell = chosen["after"].max(), score_of(evaluations), []
    for on, rows in chosen[chosen["after"] >= 0].groupby("on"):
        task = int(str(on))
        first = list(came).index(task) if task in came else task
        learned = rows[rows["after"] >= first].sort_values("after")
        if len(learned) < 2 or learned["after"].iloc[-1] != last:
            continue
        before, now, samples = learned["accuracy"].iloc[0], learned["accuracy"].iloc[-1], learned["samples"].iloc[-1]
        error = math.sqrt((before * (1 - before) + now * (1 - now)) / samples) if score in COUNTED else 0.0
        if before - now >= max(FORGOTTEN, STANDARD_ERRORS * error):
            fell.append((int(str(on)), before, now))
    if not fell:
        return None
    text = several([f"task {on} from {before:.1%} to {now:.1%}" for on, before, now in fell])
    named = in_words(score)
    whole = "With every task there are more classes to choose from. " if setting == "class" else ""
    return Finding(
        kind="forgotten",
        weight="warning",
        title=f"{count_of(len(fell), 'task')} forgotten, {SETTING_NAMES[setting]}",
        detail=f"{named[:1].upper()}{named[1:]} fell since they were learned: {text}. {whole}{_cure(config, setting)}",
    )


def _cure(config: Mapping[str, Any], setting: str) -> str:
    """What protects old tasks in a run with this configuration, as far as it is not done already."""
    gating, method = config.get("gating", {}), config.get("training", {}).get("continual", {}).get("method", "none")
    if gating.get("experts") == "shared" or setting in ("domain", "joint"):
        if method == "none":
            return "One expert serves all tasks, which gating.protect leaves free: training.continual.method protects."
        return f"training.continual.method = {method} did not hold them: give it more weight, or take another."
    if not gating.get("protect", True):
        return "What protects old tasks: gating.protect = true."
    if gating.get("stiffness", math.inf) < math.inf:
        return f"gating.stiffness = {gating['stiffness']:g} lets old experts move: more of it holds them, inf for good."
    other = "faults, devices that age, or growth.buy_back took from them"
    if setting == "task":
        return f"Old experts are frozen (gating.protect): look for what {other}."
    return f"Old experts are frozen (gating.protect): look at who is chosen (gating.network), and for what {other}."
