"""Spoken words: a folder or zip with a folder of recordings for each word, encoded as those of ``fsdd``.

So are Speech Commands (Warden 2018, arXiv 1804.03209, CC BY 4.0) as it is published, whose lists of files validate and
test, and whose names tell the speaker; the Multilingual Spoken Words Corpus (Mazumder et al. 2021, CC BY 4.0), once
its clips are wav files; and words that were recorded at home. Folders whose name begins with an underscore, such as
``_background_noise_``, are no words.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers import recordings
from smalti.scheduler.streams.readers.fsdd import BANDS, STEPS, check_by, encode, notes_of
from smalti.scheduler.streams.readers.recordings import RATE, WINDOW
from smalti.scheduler.streams.types import Floats, Loaded

LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}  # of Speech Commands: WORD/FILE.wav a line
UNREAD = (".mp3", ".opus", ".flac", ".ogg", ".m4a")
SPEAKER = re.compile(r"(.+)_nohash_\d+$")  # of its files' names
LONGEST = 2**24  # bytes of a recording
FASTEST = 200_000  # samples a second
SOURCE = "give a folder or zip with a folder of .wav files for each word, as of Speech Commands"


def load_words(options: StreamOptions) -> Loaded:
    """Reads all recordings, ordered by word and name; with ``stream.limit`` only as many of a word.

    Raises:
        ValueError: the path holds less than two words, one of the files is no recording or shorter than a frame, or
            speakers are asked for that names do not tell.
    """
    check_by(options)
    steps = options.steps or STEPS
    with recordings.files_of(options.path, Path(options.path), "**/*", SOURCE) as (sizes, read):
        words = {name: word for name in sorted(sizes) if (word := _word(name))}
        unread = [name for name in sizes if PurePosixPath(name).suffix.lower() in UNREAD]
        if (count := len(set(words.values()))) < 2:
            beside = f", beside {len(unread)} recordings that are no .wav and are not read" if unread else ""
            found = f"{count} folder{'' if count == 1 else 's'} of .wav files{beside}"
            raise ValueError(f"{options.path} has {found}; two words are the least: {SOURCE}")
        told = _told({PurePosixPath(name).name: read(name) for name in sizes if PurePosixPath(name).name in LISTS})
        parts = {name: told.get("/".join(PurePosixPath(name).parts[-2:]), "train" if told else "") for name in words}
        names = _few(words, parts, options)
        for name in names:
            if sizes[name] > LONGEST:
                size = limits.spell_bytes(sizes[name])
                raise ValueError(f"{options.path}: {limits.shown(name)} has {size}; a word is shorter, cut it out")
        recordings.check_zipped(options.path, [sizes[name] for name in names])
        limits.check_size(options.path, len(names) * steps * 2 * BANDS * 4, limits.memory() // 2)
        x, odd = np.empty((len(names), steps, 2 * BANDS), dtype=np.float32), list[str]()
        for row, name in enumerate(names):
            audio, said = sound(f"{options.path}: {name}", read(name))
            x[row] = encode(audio, steps)
            odd += [f"{name}: {what}" for what in said]
    classes, y = np.unique([words[name] for name in names], return_inverse=True)
    speakers = [SPEAKER.match(PurePosixPath(name).stem) for name in names]
    known = [match[1] for match in speakers if match]
    who, domain = np.unique(known, return_inverse=True)
    part = np.array([parts[name] for name in names])
    return Loaded(
        origin=options.path,
        x=x,
        y=y.astype(np.int64),
        class_names=tuple(str(word) for word in classes),
        steps=steps,
        domain=domain.astype(np.int64) if len(known) == len(names) else None,
        domain_names=tuple(str(name) for name in who) if len(known) == len(names) else (),
        part=part if told and not options.hold_out else None,
        notes=(
            *notes_of(odd),
            *notes_of([f"{len(unread)} recordings that are no .wav are not read"] if unread else []),
        ),
    )


def sound(file: str, data: bytes) -> tuple[Floats, list[str]]:
    """Samples of a wav at 8 kHz, -1..1, its channels mixed, and what is odd about it.

    Raises:
        ValueError: naming the file, if it is no wav or shorter than a frame.
    """
    from scipy.io import wavfile  # not above: both take a fifth of a second, and help need not wait for them
    from scipy.signal import resample_poly

    with warnings.catch_warnings(record=True) as caught, limits.reading(file, "replace it by a wav of speech"):
        warnings.simplefilter("default")
        rate, read = wavfile.read(io.BytesIO(data))
    if not RATE // 2 <= rate <= FASTEST or read.ndim > 2:
        raise ValueError(f"{file} has shape {read.shape} at {rate} Hz; give one of {RATE // 2:,} to {FASTEST:,} Hz")
    audio = _scaled(read)
    if not np.isfinite(audio).all():
        raise ValueError(f"{file} holds values that are no numbers; replace it")
    audio = audio.mean(axis=1) if audio.ndim == 2 else audio
    ratio = Fraction(RATE, rate)
    if len(audio) * ratio < WINDOW:
        raise ValueError(f"{file} lasts {1000 * len(audio) / rate:.0f} ms, less than a frame of 32; remove it")
    resampled = resample_poly(audio, ratio.numerator, ratio.denominator) if ratio != 1 else audio
    return np.asarray(resampled, dtype=np.float32), [str(warning.message) for warning in caught]


def _scaled(read: NDArray[np.generic]) -> NDArray[np.float64]:
    """-1..1; bytes have their silence in the middle."""
    values = read.astype(np.float64)
    if read.dtype == np.uint8:
        return values / 128 - 1
    return values / 2.0 ** (8 * read.dtype.itemsize - 1) if read.dtype.kind == "i" else values


def _word(name: str) -> str:
    """The word that a file says by the folder it lies in; empty if it is no recording of one."""
    path = PurePosixPath(name)
    word = path.parent.name
    return word if path.suffix.lower() == ".wav" and word and not word.startswith("_") else ""


def _told(lists: Mapping[str, bytes]) -> dict[str, str]:
    """Parts of the files that lists name, WORD/FILE.wav."""
    return {
        line.strip(): LISTS[name]
        for name, data in sorted(lists.items())
        for line in data.decode("utf-8", errors="replace").splitlines()
        if line.strip()
    }


def _few(words: Mapping[str, str], parts: Mapping[str, str], options: StreamOptions) -> list[str]:
    """Names of the recordings to read: all, or of each word so many as ``limit`` says, its parts in proportion."""
    if not options.limit:
        return list(words)
    chance = np.random.default_rng(options.split_seed)
    groups: dict[tuple[str, str], list[str]] = {}
    for name, word in words.items():
        groups.setdefault((word, parts[name]), []).append(name)
    counts = {word: sum(len(names) for (said, _), names in groups.items() if said == word) for word in words.values()}
    kept: list[str] = []
    for (word, _), names in groups.items():
        share = max(1, round(len(names) * min(1.0, options.limit / counts[word])))
        kept += [names[k] for k in sorted(chance.permutation(len(names))[:share])]
    return sorted(kept)
