"""What a user's arrays ask of the outputs at single time steps. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked.values import check_asked, probabilities
from smalti.scheduler.streams.types import Floats, Readout

SCORES = {"cross_entropy": "right", "squared_error": "r2"}  # loss -> score, if nobody says which


@dataclass(frozen=True)
class Asked:
    """Targets, and what goes with them."""

    targets: Floats  # [S, T, O]
    weights: Floats  # [S, T]
    readout: Readout


def of_arrays(path: str, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> Asked | None:
    """What is asked of samples of shape [S, T or 1], by ``targets`` and ``weights``; None where ``y`` gives classes.

    Targets that are probabilities have the loss cross_entropy, others squared_error.

    Raises:
        ValueError: naming the array; there are both, or neither, or they are unfit.
    """
    if "targets" not in arrays:
        if "weights" in arrays:
            raise ValueError(f"{path}: there are weights and no targets; weights say how much steps of targets count")
        if "y" not in arrays:
            raise ValueError(
                f"{path}: there is neither y nor targets; give y [samples], the classes, or targets [samples, time, "
                "outputs]"
            )
        return None
    if "y" in arrays:
        raise ValueError(
            f"{path}: y and targets both say what is asked; leave out y, or call it task: its values are the "
            "experiences then"
        )
    targets = _numbers(path, "targets", arrays["targets"])
    if targets.ndim != 3 or 0 in targets.shape:
        raise ValueError(
            f"{path}: targets has shape {targets.shape}; give [samples, time, outputs], for a single output "
            "targets[:, :, None]"
        )
    samples, frames = shape
    steps, outputs = targets.shape[1:] if frames == 1 else (frames, targets.shape[2])
    given = arrays.get("weights")
    weights = np.ones((samples, steps), np.float32) if given is None else _numbers(path, "weights", given)
    check_asked(f"{path}:", (samples, steps, outputs), targets, weights, "squared_error")
    loss = "cross_entropy" if outputs > 1 and probabilities(targets, weights).all() else "squared_error"
    names = tuple(f"output {number}" for number in range(outputs))
    return Asked(targets, weights, Readout(names, loss, SCORES[loss]))


def _numbers(path: str, key: str, values: NDArray[Any]) -> Floats:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{path}: {key} has type {values.dtype}; give numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as that
        return values.astype(np.float32)
