"""What tells one stream of data from another: a digest of all its samples."""

from __future__ import annotations

import hashlib

import numpy as np

from smalti.scheduler.streams.types import PARTS, Samples, Stream

AT_ONCE = 256  # samples


def fingerprint(stream: Stream) -> str:
    """SHA-256 of what the chip can hear, and when: samples, classes, targets and parts of every experience, in
    their order."""
    digest = hashlib.sha256(f"{stream.channels} {stream.steps} {stream.classes};".encode())
    told: dict[int, bytes] = {}  # experiences that return are one object
    for experience in stream.experiences:
        if id(experience) not in told:
            one = hashlib.sha256(f"{experience.classes};".encode())
            for part in (*PARTS, "novel"):
                samples = getattr(experience, part)
                if samples is not None:
                    _add(one, part, samples)
            told[id(experience)] = one.digest()
        digest.update(told[id(experience)])
    return digest.hexdigest()


def _add(digest: hashlib._Hash, part: str, samples: Samples) -> None:
    """Add the samples of a part, those that are rendered a few at a time."""
    for values in (samples.x, samples.y, samples.index, samples.targets, samples.weights):
        if values is not None:
            digest.update(f"{part} {values.dtype.str} {values.shape};".encode())
            for first in range(0, len(values), AT_ONCE):
                digest.update(np.ascontiguousarray(values[first : first + AT_ONCE]).data)
