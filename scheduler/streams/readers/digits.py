"""The embedded default stream: 1,797 images of handwritten digits, 8 x 8 pixels, from scikit-learn.

E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, doi 10.24432/C50P49.
"""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Loaded

STEPS = 25


def load_digits(options: StreamOptions) -> Loaded:
    """All images, a channel a pixel: brightness (0..16) / 16 is the firing probability of every time step.

    Raises:
        ValueError: if a path is given.
    """
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: digits come with scikit-learn; leave the path empty")
    # imported here: it takes a second
    from sklearn.datasets import load_digits as read

    images, labels = read(return_X_y=True)
    return Loaded(
        origin="digits",
        x=(images / 16).astype(np.float32)[:, None, :],
        y=labels.astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        steps=STEPS,
        image=(8, 8),
    )
