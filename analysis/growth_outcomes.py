"""What a run that grew came to, as numbers for comparisons: accuracy along the way, compute, wires."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smalti.analysis.overview import mean_accuracy
from smalti.analysis.runs import Run

AFTER = 500  # training steps after the last birth at which rules are compared
WITHIN = 0.005  # accuracy that two nets may differ by and count as level
SMOOTH = 3  # rounds over which a validation curve is averaged before anything is read off it


def outcomes(run: Run, split: str = "validation") -> dict[str, float]:
    """Numbers of one run, by name.

    accuracy is that after the last experience; accuracy_after and loss_after are read off ``AFTER`` steps after the
    last birth, or at the end; hops are those of all routed links at the end.
    """
    rounds, links = run.table("rounds"), run.table("links")
    last = rounds.iloc[-1]
    curve, steps = validation_curve(rounds), rounds["step"].to_numpy()
    at = int(np.searchsorted(steps, last_birth(rounds) + AFTER))
    at = min(at, len(steps) - 1)
    alive = links[links["retired_round"].isna() & (links["kind"] == "routed")]
    setting = run.config["stream"]["setting"]
    return {
        "accuracy": mean_accuracy(run, setting, split),
        "accuracy_after": float(curve[at]),
        "loss_after": float(rounds["loss"].iloc[at]),
        "loss": float(last["loss"]),
        "neurons": float(last["neurons"]),
        "wires": float(last["wires"]),
        "hops": float(alive["hops"].sum()),
        "hop_spikes": float(last["hop_spikes_per_sample"]),
        "operations": float(rounds["operations"].sum()),
        "seconds": float(rounds[["seconds_train", "seconds_evaluate", "seconds_other"]].to_numpy().sum()),
    }


def validation_curve(rounds: pd.DataFrame) -> np.ndarray:
    """Validation accuracy after every round, averaged over the last few rounds.

    Raises:
        ValueError: for a run without it.
    """
    if rounds["validation"].isna().any():
        raise ValueError("the run has no validation accuracy of every round; set training.validate = true")
    return rounds["validation"].rolling(SMOOTH, min_periods=1).mean().to_numpy()


def last_birth(rounds: pd.DataFrame) -> int:
    """Training steps at the last birth after the first round; that of the first round where nobody was born later."""
    born = rounds[rounds["born"] > 0]
    return int(born["step"].iloc[-1])


def steps_to_reach(run: Run, accuracy: float) -> float:
    """Training steps from the last birth until validation first reaches an accuracy; infinite if it never does.

    Negative where it was reached before.
    """
    rounds = run.table("rounds")
    reached = np.flatnonzero(validation_curve(rounds) >= accuracy)
    return float(rounds["step"].iloc[reached[0]] - last_birth(rounds)) if len(reached) else float("inf")


def operations_to_reach(run: Run, accuracy: float) -> float:
    """Synaptic operations of training until validation first reaches an accuracy less what counts as level."""
    rounds = run.table("rounds")
    reached = np.flatnonzero(validation_curve(rounds) >= accuracy - WITHIN)
    return float(rounds["operations"].iloc[: reached[0] + 1].sum()) if len(reached) else float("inf")
