"""Which stream reads a file or folder, by its name and the names in it. Opens no more than a zip's list of files."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from smalti.scheduler.streams.checked import limits

_ENDINGS = {
    **dict.fromkeys((".csv", ".parquet", ".ts", ".edf", ".hea"), "signals"),
    **dict.fromkeys((".h5", ".hdf5"), "shd"),
}
_SOUND = (".wav", ".flac", ".mp3", ".ogg")
_NAMES = (  # the first that some name in a folder or zip matches
    (r"(^|/)\d_[^/]+_\d+\.wav$", "fsdd"),
    (r"(^|/)(x_train|x_test)\.npy$", "mnist"),
    (r"^(x|y|targets)\.npy$", "arrays"),
    (r"-idx[13]-ubyte(\.gz)?$|\.idx[13]-ubyte(\.gz)?$", "mnist"),
    (r"(^|/)ssc_(train|valid|test)\.h5$", "ssc"),
    (r"^[^/]*_(train|test)\.(h5|hdf5)$", "shd"),
    (r"^[^/]*\.hea$|^[^/]*_(train|test)\.ts$", "signals"),
    (r"\.aedat$|/[^/]*\.(bin|npy|h5|hdf5)$", "events"),
)


def stream_of(path: Path) -> str:
    """Name of the stream that reads it.

    Raises:
        ValueError: none does, as far as names tell.
    """
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    elif path.suffix.lower() in (".zip", ".npz"):
        with limits.reading(str(path), "write or download it again"), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    else:
        names = []
    if path.is_dir() and not names:
        raise ValueError(f"{path} is a folder without any file; give one that holds data")
    folders = {PurePosixPath(name).parent.name for name in names if name.lower().endswith(".wav")}
    if len([folder for folder in folders if folder and not folder.startswith("_")]) > 1:
        return "words"
    for pattern, stream in _NAMES:
        if any(re.search(pattern, name, re.IGNORECASE) for name in names):
            return stream
    found = _ENDINGS.get(path.suffix.lower()) if path.is_file() else None
    if found is None and (path.suffix.lower() in _SOUND or any(Path(name).suffix.lower() in _SOUND for name in names)):
        raise ValueError(
            f"{path}: sound is read from a folder or zip with a folder of .wav files for each word (stream words), or "
            "of recordings named DIGIT_SPEAKER_NUMBER.wav (fsdd)"
        )
    if found is None:
        raise ValueError(f"{path}: no stream is known to read this; name one (smalti data lists them) before it")
    return found
