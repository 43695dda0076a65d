"""What scripts here have in common: what a user can mend is said in one line; some look at a finished experiment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd


def script(main: Callable[[], None]) -> None:
    """Run a script; the process ends with 2 and one line where something was asked for that cannot be."""
    try:
        main()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def finished_trials(folder: Path, experiment: str) -> pd.DataFrame:
    """The finished trials of an experiment, rows of its ``trials.parquet``.

    Args:
        folder: of the experiment.
        experiment: its name, as ``smalti compare`` knows it.

    Raises:
        ValueError: no trial has finished there.
    """
    trials = pd.read_parquet(folder / "trials.parquet")
    done = trials[trials["status"] == "done"]
    if done.empty:
        raise ValueError(f"no trial of {folder} has finished; `smalti compare {experiment} --out {folder}` goes on")
    return done
