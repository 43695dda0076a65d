"""``smalti data cochlea``: recordings of speech through a model of the inner ear, as the spikes of SHD were made.

B. Cramer and others 2022 (see ``streams.readers.shd``), by their package lauscher, which works on all cores. Spikes of
every recording are kept beside the file until all are there, so that it may be stopped and gone on with. They are kept
by what the recording holds, too: one of the same name in another data set is never taken for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.readers import recordings
from smalti.scheduler.streams.types import Floats

CHANNELS = 70
INSTALL = "pip install 'smalti[cochlea]'"
Spikes = NDArray[np.float64]  # [2, spikes] seconds and units
Ear = Callable[[Floats, int], Spikes]  # audio and a number of channels -> spikes


def lauscher() -> Ear:
    """The model of the package lauscher.

    Raises:
        ValueError: it is missing.
    """
    try:
        from lauscher.audiowaves import MonoAudioWave
        from lauscher.transformations.wave2spike import Wave2Spike
    except ImportError as error:
        raise ValueError(f"cochlea: the packages lauscher and soundfile are missing: {INSTALL}") from error

    def heard(audio: Floats, channels: int) -> Spikes:
        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # for the processes that lauscher starts and ends so
        try:
            train = MonoAudioWave(audio, recordings.RATE).transform(Wave2Spike(num_channels=channels))
        finally:
            signal.signal(signal.SIGTERM, before)
        return np.stack([train.spike_times, train.spike_labels])

    return heard


def convert(path: str, out: Path, channels: int, limit: int, ear: Ear) -> Iterator[tuple[int, int]]:
    """Writes an HDF5 file in the layout of SHD; yields how many recordings of how many are done.

    Args:
        path: the zip or folder of the Free Spoken Digit Dataset.
        out: the file.
        channels: units of the ear; 0: 70.
        limit: most recordings of a digit, spread over its speakers; 0: all.
        ear: what makes spikes of audio.

    Raises:
        ValueError: there are no recordings, or the file is there already.
    """
    if out.exists():
        raise ValueError(f"{out} is there already; give another name, or remove it")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: there is no such folder; make it first")
    channels = channels or CHANNELS
    kept = out.with_name(f"{out.name}.{channels}.parts")
    with recordings.opened(path) as archive:
        keys = _chosen(sorted(archive.names), limit)
        kept.mkdir(exist_ok=True)
        parts = list[Path]()
        for done, key in enumerate(keys, 1):
            digest = hashlib.sha256(archive.read(archive.names[key])).hexdigest()
            parts.append(part := kept / f"{'_'.join(map(str, key))}.{digest}.npy")
            if not part.exists():
                with (new := part.with_suffix(".new")).open("wb") as file:
                    np.save(file, ear(archive.audio(key)[0], channels))
                os.replace(new, part)
            yield done, len(keys)
    _write(out, keys, parts)
    shutil.rmtree(kept)


def _chosen(keys: list[recordings.Key], limit: int) -> list[recordings.Key]:
    """At most so many of every digit, of all speakers in turn."""
    if not limit:
        return keys
    chosen: dict[int, list[recordings.Key]] = {}
    for key in sorted(keys, key=lambda key: (key[2], key[1])):
        chosen.setdefault(key[0], []).append(key)
    return sorted(key for some in chosen.values() for key in some[:limit])


def _write(out: Path, keys: list[recordings.Key], parts: list[Path]) -> None:
    """All spikes as one file, which is there as a whole or not at all."""
    import h5py

    digits = sorted({key[0] for key in keys})
    new = out.with_name(f"{out.name}.new")
    with h5py.File(new, "w") as file:
        lists = {
            name: file.create_dataset(f"spikes/{name}", (len(keys),), dtype=h5py.vlen_dtype(kind))
            for name, kind in (("times", np.float16), ("units", np.uint16))
        }
        for number, part in enumerate(parts):
            times, units = np.load(part, allow_pickle=False)
            lists["times"][number], lists["units"][number] = times.astype(np.float16), units.astype(np.uint16)
        file["labels"] = np.array([digits.index(key[0]) for key in keys], dtype=np.uint16)
        file["extra/speaker"] = [key[1] for key in keys]
        file["extra/keys"] = [str(digit) for digit in digits]
    os.replace(new, out)
