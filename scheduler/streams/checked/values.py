"""Whether numbers can be firing probabilities, or what is asked of outputs. Knows no stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SUM = 1e-4  # by which probabilities may miss 1 in sum


def check_range(origin: str, key: str, x: NDArray[Any], first: int = 0) -> None:
    """Whether numbers are firing probabilities; of the type that they were given in, from sample ``first`` on.

    Raises:
        ValueError: naming the array and what it holds.
    """
    with np.errstate(all="ignore"):  # bits that are no number
        lowest, highest = x.min(), x.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # NaN spreads to both
        odd = ~np.isfinite(x)
        sample = first + _first(odd)
        raise ValueError(
            f"{origin}: {key} contains NaN or infinite values ({int(odd.sum())}, the first in sample {sample}); "
            f"leave those samples out: keep = numpy.isfinite({key}).reshape(len({key}), -1).all(axis=1)"
        )
    low, high = float(lowest), float(highest)
    if low < 0 or high > 1:
        beyond = max(abs(low), abs(high)) > float(np.finfo(np.float32).max)
        raise ValueError(
            f"{origin}: {key} lies in {low:g}..{high:g}{', beyond what float32 holds' if beyond else ''}, but holds "
            "firing probabilities a time step, 0..1; subtract its minimum and divide by its range"
        )


def check_asked(
    origin: str,
    shape: tuple[int, int, int],
    targets: NDArray[Any] | None,
    weights: NDArray[Any] | None,
    loss: str,
) -> None:
    """Whether targets and weights say what outputs should be at the steps of samples.

    Args:
        origin: what messages begin with.
        shape: S, T and O.
        targets: [S, T, O].
        weights: [S, T].
        loss: a name in ``model.criterion.CRITERIA``.

    Raises:
        ValueError: naming the array, the first sample that is unfit, and the cure.
    """
    wanted = {"targets": shape, "weights": shape[:2]}
    for name, values in (("targets", targets), ("weights", weights)):
        if values is None or values.shape != wanted[name]:
            given = "are missing" if values is None else f"have shape {values.shape}"
            raise ValueError(
                f"{origin} {name} {given}, x has {shape[0]} samples of {shape[1]} time steps; give {name} "
                f"{list(wanted[name])}"
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"{origin} {name} contain NaN or infinite values, the first in sample {_first(~np.isfinite(values))}; "
                "give any number there, with weight 0 where nothing is asked"
            )
    assert targets is not None
    assert weights is not None
    if (weights < 0).any():
        raise ValueError(
            f"{origin} weights are negative, the first in sample {_first(weights < 0)}; give 0 where nothing is asked, "
            "and more where more counts"
        )
    silent = np.asarray(~(weights > 0).any(axis=1))
    if silent.any():
        raise ValueError(
            f"{origin} weights of sample {_first(silent)} are all 0, so nothing is asked of it; give one step at least "
            "a weight above 0, or leave the sample out"
        )
    if loss == "cross_entropy":
        odd = ~probabilities(targets, weights)
        if odd.any() or shape[2] < 2:
            where = f"; those of sample {_first(odd)} do not" if odd.any() else ""
            raise ValueError(
                f"{origin} loss cross_entropy takes targets that are probabilities of 2 or more outputs, at least 0 "
                f"and 1 in sum at every step that is asked{where}; mend them, or take stream.loss = squared_error"
            )


def probabilities(targets: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether targets are probabilities [S, T]; yes at steps that are not asked."""
    fit = (targets >= 0).all(axis=2) & (np.abs(targets.sum(axis=2) - 1) <= SUM)
    return np.asarray(fit | (weights == 0))


def _first(odd: NDArray[np.bool_]) -> int:
    """Number of the first sample with something odd [S, ...]."""
    return int(np.flatnonzero(odd.reshape(len(odd), -1).any(axis=1))[0])
