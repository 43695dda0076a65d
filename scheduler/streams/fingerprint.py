"""What tells one stream of data from another: a digest of all its samples."""

from __future__ import annotations

import hashlib

import numpy as np

from smalti.scheduler.streams.types import PARTS, Samples, Stream

AT_ONCE = 256  # samples


def fingerprint(stream: Stream) -> str:
    """SHA-256 of what the chip can hear: samples, classes, targets and parts of every task, by their numbers.

    In which order the tasks come is no part of it: that is told by the options and the seed.
    """
    digest = hashlib.sha256(f"{stream.channels} {stream.steps} {stream.classes};".encode())
    tasks = {experience.task: experience for experience in stream.experiences}
    for task in sorted(tasks):
        one = hashlib.sha256(f"{tasks[task].classes};".encode())
        for part in (*PARTS, "novel"):
            samples = getattr(tasks[task], part)
            if samples is not None:
                _add(one, part, samples)
        digest.update(one.digest())
    return digest.hexdigest()


def _add(digest: hashlib._Hash, part: str, samples: Samples) -> None:
    """Add the samples of a part, those that are rendered a few at a time."""
    for values in (samples.x, samples.y, samples.index, samples.targets, samples.weights):
        if values is not None:
            digest.update(f"{part} {values.dtype.str} {values.shape};".encode())
            for first in range(0, len(values), AT_ONCE):
                digest.update(np.ascontiguousarray(values[first : first + AT_ONCE]).data)
