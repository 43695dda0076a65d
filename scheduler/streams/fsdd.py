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

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.types import Floats, Loaded, StreamOptions

STEPS = 50
RATE = 8000  # Hz
WINDOW, FFT = 256, 512  # audio samples of a frame, and with its padding
BANDS, LOWEST, HIGHEST = 32, 60.0, 3900.0  # mel bands, Hz
NEIGHBOURS = 7  # bands on each side of a band that its contrast is measured against
SPAN, CONTRAST, RISE = 45.0, 9.0, 11.0  # decibels
LAG = 0.06  # of the recording's length
TESTED = 5  # recordings with a lower index are the author's test part

_NAME = re.compile(r"(?:^|/)(\d)_([^_/]+)_(\d+)\.wav$")
_SOURCE = "get the archive at github.com/Jakobovski/free-spoken-digit-dataset (Code, Download ZIP)"


def load_fsdd(options: StreamOptions) -> Loaded:
    """Reads all recordings of the archive or folder at `options.path`, ordered by digit, speaker and index.

    Raises:
        ValueError: if the path holds no such recordings, one of them is no 16-bit mono wav at 8 kHz, or the
            setting is domain, `by` is not speaker and there is no transform.
    """
    if options.setting == "domain" and options.by != "speaker" and options.transform == "none":
        raise ValueError(
            "stream.setting = 'domain': the domains of fsdd are speakers, set stream.by = 'speaker'; or make others "
            "with stream.transform"
        )
    steps = options.steps or STEPS
    names, read, close = _open(options.path)
    keys = sorted(names)
    x = np.empty((len(keys), steps, 2 * BANDS), dtype=np.float32)
    try:
        for row, key in enumerate(keys):
            x[row] = encode(_audio(options.path, names[key], read), steps)
    finally:
        close()
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
        notes=()
        if options.hold_out
        else ("author's split: recordings 0-4 of each speaker and digit are the test part",),
    )


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


def _open(path: str) -> tuple[dict[tuple[int, str, int], str], Callable[[str], bytes], Callable[[], None]]:
    """The recordings as (digit, speaker, index) -> name, how to read one, and what to call at the end."""
    if not path:
        raise ValueError(f"stream.path is empty; give the zip or the folder of the recordings: {_SOURCE}")
    place = Path(path)
    if place.is_dir():
        folder = place / "recordings" if (place / "recordings").is_dir() else place
        names = _index(path, [file.name for file in folder.iterdir()])
        return names, lambda name: (folder / name).read_bytes(), lambda: None
    if not place.is_file():
        raise ValueError(f"stream.path = {path!r}: there is no such file or folder; {_SOURCE}")
    if not zipfile.is_zipfile(place):
        raise ValueError(f"{path}: this is neither a folder nor a zip; {_SOURCE}")
    archive = zipfile.ZipFile(place)
    try:
        names = _index(path, [name for name in archive.namelist() if not name.startswith("__MACOSX/")])
    except ValueError:
        archive.close()
        raise
    return names, archive.read, archive.close


def _index(path: str, names: list[str]) -> dict[tuple[int, str, int], str]:
    files: dict[tuple[int, str, int], str] = {}
    for name in names:
        match = _NAME.search(name)
        if match:
            key = (int(match[1]), match[2], int(match[3]))
            if key in files:
                raise ValueError(f"{path}: {name} and {files[key]} are the same recording; remove one")
            files[key] = name
    if not files:
        raise ValueError(f"{path}: no recordings {{digit}}_{{speaker}}_{{index}}.wav in it; {_SOURCE}")
    return files


def _audio(path: str, name: str, read: Callable[[str], bytes]) -> Floats:
    """Samples of one recording, -1..1."""
    from scipy.io import wavfile  # not above: it takes a fifth of a second, and help need not wait for it

    try:
        rate, audio = wavfile.read(io.BytesIO(read(name)))
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"{path}: {name} cannot be read as wav ({error}); replace it") from error
    if rate != RATE or audio.ndim != 1 or audio.dtype != np.int16 or not len(audio):
        raise ValueError(
            f"{path}: {name} has shape {audio.shape} of {audio.dtype} at {rate} Hz; give at least one sample "
            f"of 16-bit mono at {RATE} Hz"
        )
    return np.asarray(audio / 32768, dtype=np.float32)
