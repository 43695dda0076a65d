"""Validation accuracy along a run, what it shows of growth, and comparisons of two runs by it. Prints nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

AFTER = 500  # training steps after the last birth at which ways to grow are compared
LEVEL = 0.005  # accuracy that two nets may differ by and count as level
SMOOTH = 3  # rounds over which a validation curve is averaged before anything is read off it


def has_curve(rounds: pd.DataFrame) -> bool:
    """Whether validation accuracy is known of every round (``training.validate``)."""
    return "validation" in rounds and len(rounds) > 0 and bool(rounds["validation"].notna().all())


def validation_curve(rounds: pd.DataFrame) -> np.ndarray:
    """Validation accuracy after every round, averaged over the last few rounds.

    Raises:
        ValueError: for a run without it.
    """
    if not has_curve(rounds):
        raise ValueError("the run has no validation accuracy of every round; set training.validate = true")
    return rounds["validation"].rolling(SMOOTH, min_periods=1).mean().to_numpy()


def last_birth(rounds: pd.DataFrame) -> int:
    """Training steps at the last birth after the first round; that of the first round where nobody was born later."""
    born = rounds[rounds["born"] > 0]
    return int(born["step"].iloc[-1])


def after_growth(rounds: pd.DataFrame) -> dict[str, float]:
    """accuracy_after and loss_after: ``AFTER`` steps after the last birth, or at the end; empty without a curve."""
    if not has_curve(rounds):
        return {}
    steps = rounds["step"].to_numpy()
    at = min(int(np.searchsorted(steps, last_birth(rounds) + AFTER)), len(steps) - 1)
    return {"accuracy_after": float(validation_curve(rounds)[at]), "loss_after": float(rounds["loss"].iloc[at])}


def steps_to_reach(rounds: pd.DataFrame, accuracy: float) -> float:
    """Training steps from the last birth until validation first reaches an accuracy; infinite if it never does.

    Negative where it was reached before.
    """
    reached = np.flatnonzero(validation_curve(rounds) >= accuracy)
    return float(rounds["step"].iloc[reached[0]] - last_birth(rounds)) if len(reached) else float("inf")


def operations_to_reach(rounds: pd.DataFrame, accuracy: float) -> float:
    """Synaptic operations of training until validation first reaches an accuracy less what counts as level."""
    reached = np.flatnonzero(validation_curve(rounds) >= accuracy - LEVEL)
    return float(rounds["operations"].iloc[: reached[0] + 1].sum()) if len(reached) else float("inf")


def steps_to_control(rounds: pd.DataFrame, control: pd.DataFrame) -> float:
    """Training steps after its last birth that a run takes to be as accurate as the control is ``AFTER`` its own.

    A run that never is counts with its last step, so a mean is too small where that happens.
    """
    longest = float(rounds["step"].iloc[-1] - last_birth(rounds))
    return min(steps_to_reach(rounds, after_growth(control)["accuracy_after"]), longest)


def compute_to_static(rounds: pd.DataFrame, static: pd.DataFrame) -> float:
    """Synaptic operations that a run takes to be level with a static net at its end, as a share of that net's.

    A run that never gets there counts with all of its operations, at least 1.
    """
    whole = float(static["operations"].sum())
    taken = operations_to_reach(rounds, float(validation_curve(static)[-1]))
    return taken / whole if np.isfinite(taken) else max(1.0, float(rounds["operations"].sum()) / whole)
