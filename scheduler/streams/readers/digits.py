"""The embedded default stream: 1,797 images of handwritten digits, 8 x 8 pixels, from scikit-learn.

E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, doi 10.24432/C50P49.
"""

from __future__ import annotations

import gzip
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Loaded

STEPS = 25
FILE = "sklearn/datasets/data/digits.csv.gz"


def load_digits(options: StreamOptions) -> Loaded:
    """All images, a channel a pixel: brightness (0..16) / 16 is the firing probability of every time step.

    Raises:
        ValueError: if a path is given.
    """
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: digits come with scikit-learn; leave the path empty")
    rows = _read()
    return Loaded(
        origin="digits",
        x=(rows[:, :-1] / 16).astype(np.float32)[:, None, :],
        y=rows[:, -1].astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        steps=STEPS,
        image=(8, 8),
    )


def _read() -> NDArray[Any]:
    """Pixels and, last, the class of all images, from scikit-learn's file: importing scikit-learn takes a second."""
    with gzip.open(Path(str(distribution("scikit-learn").locate_file(FILE)))) as file:
        return np.loadtxt(file, delimiter=",")
