"""Spoken digits: the Free Spoken Digit Dataset, read from its archive and encoded as firing probabilities.

Z. Jackson and contributors, doi 10.5281/zenodo.1342401, CC BY-SA 4.0: 3,000 recordings of ten digits by six
speakers, 8 kHz. The author's split is kept: recordings 0-4 of each speaker and digit are the test part. With
`hold_out` it is given up, as usual where one speaker is left out: all recordings of the one are the test part, all of
the others train and validate.

Encoding, from one recording alone: T frames of 32 ms (Hann), spread evenly over its length, so that slow and
fast speech take equally long; energies of 32 mel bands (60-3,900 Hz) in decibels, cut off SPAN below the
loudest of the recording. Channels 0-31 (sustained): how far a band stands out from the mean of its
neighbours; CONTRAST decibels above it give probability 1. This removes loudness and the tilt of the
microphone. Channels 32-63 (onset): how far a band has risen over a LAG of the length; RISE decibels give 1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers import recordings
from smalti.scheduler.streams.readers.recordings import RATE, WINDOW
from smalti.scheduler.streams.types import WARNING, Floats, Loaded

STEPS = 50
FFT = 512  # audio samples of a frame with its padding
BANDS, LOWEST, HIGHEST = 32, 60.0, 3900.0  # mel bands, Hz
NEIGHBOURS = 7  # bands on each side of a band that its contrast is measured against
SPAN, CONTRAST, RISE = 45.0, 9.0, 11.0  # decibels
FEW = 3  # odd recordings that are named
LAG = 0.06  # of the recording's length
TESTED = 5  # recordings with a lower index are the author's test part


def load_fsdd(options: StreamOptions) -> Loaded:
    """Reads all recordings of the archive or folder at `options.path`, ordered by digit, speaker and index.

    Raises:
        ValueError: if the path holds no such recordings, one of them is no 16-bit mono wav at 8 kHz or shorter than a
            frame, or the setting is domain, `by` is not speaker and there is no transform, or `by` is language.
    """
    check_by(options)
    steps = options.steps or STEPS
    with recordings.opened(options.path) as archive:
        keys = sorted(archive.names)
        limits.check_size(options.path, len(keys) * steps * 2 * BANDS * 4, limits.memory() // 2)
        x = np.empty((len(keys), steps, 2 * BANDS), dtype=np.float32)
        cut: list[str] = []
        for row, key in enumerate(keys):
            audio, said = archive.audio(key)
            x[row] = encode(audio, steps)
            cut += said
    digits, y = np.unique([key[0] for key in keys], return_inverse=True)
    speakers, domain = np.unique([key[1] for key in keys], return_inverse=True)
    return Loaded(
        origin=options.path,
        x=x,
        y=y.astype(np.int64),
        class_names=tuple(str(digit) for digit in digits),
        steps=steps,
        domain=domain.astype(np.int64),
        domain_names=tuple(str(speaker) for speaker in speakers),
        part=None if options.hold_out else np.where(np.array([key[2] for key in keys]) < TESTED, "test", "train"),
        notes=(*_of_split(options), *notes_of(cut)),
    )


def check_by(options: StreamOptions) -> None:
    """Whether recordings can be cut as is asked for.

    Raises:
        ValueError: by language, or domains that are no speakers.
    """
    if options.setting == "domain" and options.by != "speaker" and options.transform == "none":
        raise ValueError(
            f"stream.setting = 'domain': the domains of {options.name} are speakers, set stream.by = 'speaker'; or "
            "make others with stream.transform"
        )
    if options.by == "language":
        raise ValueError(f"stream.by = language: {options.name} tells no languages; take by = digit or speaker")


def encode(audio: Floats, steps: int) -> Floats:
    """Firing probabilities [T, 2 x BANDS] of a recording [samples]; silence gives zeros. See the module."""
    padded = np.pad(audio, (WINDOW // 2, WINDOW))
    starts = ((np.arange(steps) + 0.5) * (len(audio) / steps)).astype(np.int64)  # frames are centred there
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts] * _hann()
    energy = (np.abs(np.fft.rfft(frames, FFT)) ** 2) @ _mel().T
    loudest = energy.max()
    if loudest <= 0:
        return np.zeros((steps, 2 * BANDS), dtype=np.float32)
    floor = 10 ** (-SPAN / 10)
    level = 10 * np.log10(np.maximum(energy / loudest, floor)) + SPAN  # 0..SPAN dB
    sustained = (level - level @ _neighbours().T) / CONTRAST
    lag = max(1, round(LAG * steps))
    silence = np.zeros((lag, BANDS))  # before the recording
    onset = (level - np.concatenate([silence, level[:-lag]])) / RISE
    return np.asarray(np.clip(np.concatenate([sustained, onset], axis=1), 0, 1), dtype=np.float32)


def _of_split(options: StreamOptions) -> list[str]:
    return [] if options.hold_out else ["author's split: recordings 0-4 of each speaker and digit are the test part"]


def notes_of(cut: list[str]) -> list[str]:
    """What is odd about recordings, by the names of the first few."""
    more = f", and {len(cut) - FEW} more" if len(cut) > FEW else ""
    return [f"{WARNING}{'; '.join(cut[:FEW])}{more}"] if cut else []


def _hann() -> NDArray[np.float64]:
    return np.hanning(WINDOW + 2)[1:-1]


@cache
def _mel() -> NDArray[np.float64]:
    """Triangular filters [BANDS, FFT / 2 + 1], evenly spaced in mel = 2595 log10(1 + f / 700)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(FFT, 1 / RATE)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequency - left) / (middle - left), (right - frequency) / (right - middle)
    return np.maximum(np.minimum(rising, falling), 0)


@cache
def _neighbours() -> NDArray[np.float64]:
    """[BANDS, BANDS]: row b averages the bands within NEIGHBOURS of b."""
    band = np.arange(BANDS)
    near = np.abs(band[:, None] - band) <= NEIGHBOURS
    return np.asarray(near / near.sum(axis=1, keepdims=True))
