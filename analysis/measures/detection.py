"""How well changes of task were noticed in a run that was told of none. Knows the tables, no plots.

Experience b > 0 begins at minibatch s = b S, of S minibatches an experience; with drift d its samples come in from
s - n on, n = round(d S). Its window is [s - n, s + W): the first alarm in it detects the boundary, with the delay

    delay = step of the alarm - (s - n)  minibatches,

and every other alarm, in a window or not, is a false one. A boundary is a return if its task has been there before.

    detected    = detected boundaries that are no returns / boundaries that are no returns
    founded     = those of them after which an expert was founded before the next one begins / the same
    fired_again = returns with an alarm in their window / returns
    refounded   = returns after which an expert was founded before the next boundary begins / returns
    false       = 100 * false alarms / minibatches
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smalti.analysis.tables import RunTables

WITHIN = 10  # minibatches after a change is complete in which an alarm still counts (W)


@dataclass(frozen=True)
class Detection:
    """What alarms came to; shares and the delay are NaN where there is nothing to take them of."""

    boundaries: int  # that bring a new task
    returns: int  # boundaries that bring a known one
    detected: float
    founded: float
    delay: float  # minibatches, mean over detected boundaries that are no returns
    fired_again: float
    refounded: float
    false: float  # per 100 minibatches


def summary(run: RunTables, within: int = WITHIN) -> Detection:
    """Judge a finished run with hidden boundaries."""
    experiences = run.table("rounds").drop_duplicates("experience").sort_values("experience")
    training, stream = run.config["training"], run.config["stream"]
    steps = training["rounds"] * training["steps"]
    return judge(run.table("detections"), experiences["task"].tolist(), steps, stream["drift"], within)


def judge(
    detections: pd.DataFrame, tasks: Sequence[int], steps: int, drift: float = 0.0, within: int = WITHIN
) -> Detection:
    """Judge alarms by the truth.

    Args:
        detections: the table of that name, at least the columns step and event.
        tasks: task of every experience.
        steps: minibatches of an experience (S).
        drift: share of them that is mixed with the next (d).
        within: minibatches after a change in which an alarm still counts (W).
    """
    alarms = np.sort(detections.loc[detections["event"] == "alarm", "step"].to_numpy(int))
    founded = detections.loc[detections["event"] == "new", "step"].to_numpy(int)
    starts = np.arange(1, len(tasks)) * steps
    onsets = starts - round(drift * steps)
    again = np.array([task in tasks[: b + 1] for b, task in enumerate(tasks[1:])], dtype=bool)
    hits = [alarms[(alarms >= onset) & (alarms < end)] for onset, end in zip(onsets, starts + within, strict=True)]
    hit = np.array([len(h) > 0 for h in hits], dtype=bool)
    delays = np.array([h[0] - onset if len(h) else np.nan for h, onset in zip(hits, onsets, strict=True)])
    ends = np.append(onsets, len(tasks) * steps)[1:]
    new = np.array([((founded >= a) & (founded < b)).any() for a, b in zip(onsets, ends, strict=True)], dtype=bool)
    return Detection(
        boundaries=int((~again).sum()),
        returns=int(again.sum()),
        detected=_mean(hit[~again]),
        founded=_mean(new[~again]),
        delay=_mean(delays[hit & ~again]),
        fired_again=_mean(hit[again]),
        refounded=_mean(new[again]),
        false=100 * (len(alarms) - int(hit.sum())) / (len(tasks) * steps),
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
