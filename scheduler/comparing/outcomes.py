"""Long tables of what a comparison measured: ``outcomes``, a row a value, and ``curves``, with a column ``step`` more.

| column | meaning |
| --- | --- |
| experiment | what was run, such as student-teacher |
| setting | under which conditions; the optimiser for student-teacher |
| rule | how a neuron is made |
| placement | where it is put |
| timing | when it is born |
| seed | repetition; equal seeds of one experiment and setting are pairs (student-teacher: one teacher and student) |
| metric | what was measured |
| value | the value |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from smalti.scheduler.comparing.student_growth import METHODS, Floats
from smalti.scheduler.comparing.student_teacher import INTERVAL

STRIDE = 10  # steps between two rows of a curve


def outcomes(losses: Mapping[str, Floats], optimiser: str) -> pd.DataFrame:
    """Training loss of every student of the student-teacher experiment after the last step.

    Args:
        losses: [steps + 1, S] of every method.
        optimiser: the setting.
    """
    table = _long(losses, [-1], optimiser)
    return table.drop(columns="step")


def curves(losses: Mapping[str, Floats], optimiser: str) -> pd.DataFrame:
    """The same at every tenth step."""
    return _long(losses, range(0, len(next(iter(losses.values()))), STRIDE), optimiser)


def _long(losses: Mapping[str, Floats], steps: Iterable[int], optimiser: str) -> pd.DataFrame:
    chosen = np.array(list(steps))
    parts = []
    for rule, values in losses.items():
        step, seed = np.meshgrid(chosen, np.arange(values.shape[1]), indexing="ij")
        columns = {
            "experiment": "student-teacher",
            "setting": optimiser,
            "rule": rule,
            "placement": "one layer",
            "timing": f"every {INTERVAL} steps" if METHODS[rule].births else "never",
            "seed": seed.ravel(),
            "metric": "training_loss",
            "step": step.ravel(),
            "value": values[chosen].ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
