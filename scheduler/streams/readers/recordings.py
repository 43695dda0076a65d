"""Recordings of sound in a zip or folder, and which are those of the Free Spoken Digit Dataset. Encodes nothing."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.types import Floats

RATE = 8000  # Hz
WINDOW = 256  # audio samples of a frame (32 ms): no recording is shorter
LONGEST = 2**20  # bytes of a recording: more than a minute

Key = tuple[int, str, int]  # digit, speaker, index

_NAME = re.compile(r"(?:^|/)([0-9])_([^_/]+)_([0-9]{1,6})\.wav$")
_SOURCE = "get the archive at github.com/Jakobovski/free-spoken-digit-dataset (Code, Download ZIP)"


Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Archive:
    """Recordings and how to read them."""

    path: str
    names: dict[Key, str]
    read: Read

    def audio(self, key: Key) -> tuple[Floats, list[str]]:
        """Samples of one recording, -1..1, and what is odd about its file, with its name.

        Raises:
            ValueError: naming the file, if it is no 16-bit mono wav at 8 kHz or shorter than a frame.
        """
        from scipy.io import wavfile  # not above: it takes a fifth of a second, and help need not wait for it

        name = self.names[key]
        file = f"{self.path}: {name}"
        with warnings.catch_warnings(record=True) as caught, limits.reading(file, "replace it by a wav of speech"):
            warnings.simplefilter("default")  # each once: damage may repeat itself without end
            rate, audio = wavfile.read(io.BytesIO(self.read(name)))
        if rate != RATE or audio.ndim != 1 or audio.dtype != np.int16 or not len(audio):
            raise ValueError(
                f"{file} has shape {audio.shape} of {audio.dtype} at {rate} Hz; give at least {WINDOW} samples "
                f"of 16-bit mono at {RATE} Hz"
            )
        odd = [f"{name}: {warning.message}" for warning in caught]
        if len(audio) < WINDOW:
            raise ValueError(
                f"{file} holds {len(audio)} samples, less than a frame of {WINDOW} (32 ms): replace it, or remove it"
                + (f" ({'; '.join(odd)})" if odd else "")
            )
        return np.asarray(audio / 32768, dtype=np.float32), odd


@contextmanager
def opened(path: str) -> Iterator[Archive]:
    """The recordings of digits in a zip or folder.

    Raises:
        ValueError: there is no such file or folder, it holds none, one of them twice, or more than may be read.
    """
    inner = Path(path) / "recordings" if path and (Path(path) / "recordings").is_dir() else Path(path)
    with files_of(path, inner, "*", _SOURCE) as (sizes, read):
        names = _index(path, sizes)
        check_zipped(path, [sizes[name] for name in names.values()])
        yield Archive(path, names, read)


def check_zipped(path: str, sizes: Iterable[int]) -> None:
    """Whether files of these sizes may be read out of a zip.

    Raises:
        ValueError: they take too much.
    """
    if Path(path).is_file():
        limits.check_size(path, sum(sizes), limits.allowance(path))


@contextmanager
def files_of(path: str, folder: Path, pattern: str, source: str) -> Iterator[tuple[dict[str, int], Read]]:
    """Sizes in bytes of the files of a zip or folder by their names in it, and how to read one.

    Args:
        path: as the user gave it.
        folder: where to look, if that is a folder.
        pattern: of names there.
        source: what to say of a path that is nothing of the kind.

    Raises:
        ValueError: there is no such file or folder; reading: a file in it cannot be read.
    """
    if not path:
        raise ValueError(f"stream.path is empty; give the zip or the folder of the recordings: {source}")
    place = Path(path)
    if place.is_dir():
        found = {file.relative_to(folder).as_posix(): file for file in folder.glob(pattern) if file.is_file()}
        yield {name: file.stat().st_size for name, file in found.items()}, lambda name: found[name].read_bytes()
        return
    if not place.is_file():
        raise ValueError(f"stream.path = {path!r}: there is no such file or folder; {source}")
    with limits.reading(path, source), place.open("rb") as file:
        zipped = zipfile.is_zipfile(file)
    if not zipped:
        raise ValueError(f"{path}: this is neither a folder nor a zip; {source}")
    with limits.reading(path, source):
        archive = zipfile.ZipFile(place)
    with archive:
        entries = {info.filename: info for info in archive.infolist() if not info.filename.startswith("__MACOSX/")}

        def read(name: str) -> bytes:
            if entries[name].compress_type not in limits.ZIPPED:
                raise ValueError(
                    f"{path}: {name} is compressed by method {entries[name].compress_type}; {source}, or zip the "
                    "folder anew"
                )
            with archive.open(name) as entry:
                return entry.read(entries[name].file_size)  # by number: what an entry declares need not be true

        yield {name: info.file_size for name, info in entries.items() if not info.is_dir()}, read


def _index(path: str, sizes: dict[str, int]) -> dict[Key, str]:
    """Names of the recordings among files of these sizes."""
    files: dict[Key, str] = {}
    for name, size in sizes.items():
        match = _NAME.search(name)
        if match:
            key = (int(match[1]), match[2], int(match[3]))
            if key in files:
                raise ValueError(f"{path}: {name} and {files[key]} are the same recording; remove one")
            if size > LONGEST:
                raise ValueError(
                    f"{path}: {limits.shown(name)} has {limits.spell_bytes(size)}, more than a minute of speech; "
                    "replace it"
                )
            files[key] = name
    if not files:
        raise ValueError(f"{path}: no recordings {{digit}}_{{speaker}}_{{index}}.wav in it; {_SOURCE}")
    return files
