"""The files of a folder or of a zip, by their paths in it. Unpacks nothing; knows nothing of what they hold."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smalti.scheduler.streams.checked import limits

MOST = 2_000_000  # files
ENCRYPTED = 1  # bit of a zip's flags


@dataclass(frozen=True)
class Tree:
    """Files, and how to read them one at a time."""

    path: str
    names: tuple[str, ...]  # paths within it, with slashes, sorted
    read: Callable[[str], bytes]

    def file(self, name: str) -> str:
        """What error messages call one of its files."""
        return f"{self.path}: {limits.shown(name, 100)}"


@contextmanager
def opened(path: str, endings: tuple[str, ...], what: str) -> Iterator[Tree]:
    """The files with these endings, folders of folders included.

    Args:
        path: a folder or a zip.
        endings: in small letters, such as ".bin".
        what: what should be there, for messages.

    Raises:
        ValueError: naming the path, if it is neither or damaged, holds no such file, or one whose path leads out of it.
    """
    if not path:
        raise ValueError(f"stream.path is empty; give {what}")
    place = Path(path)
    if place.is_dir():
        files = (file for file in place.rglob("*") if file.name.lower().endswith(endings) and file.is_file())
        names = tuple(sorted(file.relative_to(place).as_posix() for file in files))
        yield Tree(path, _checked(path, names, endings, what), lambda name: _content(path, place / name))
        return
    if not place.is_file():
        raise ValueError(f"stream.path = {path!r}: there is no such file or folder; give {what}")
    with limits.reading(path, f"give {what}"), place.open("rb") as file:
        zipped = zipfile.is_zipfile(file)
    if not zipped:
        raise ValueError(f"{path}: this is neither a folder nor a zip; give {what}")
    with limits.reading(path, "zip the folder anew"):
        archive = zipfile.ZipFile(place)
    with archive:
        entries = {info.filename: info for info in archive.infolist() if _wanted(info.filename, endings)}
        names = _checked(path, tuple(sorted(entries)), endings, what)
        limits.check_size(path, max(entry.file_size for entry in entries.values()), limits.allowance(path))
        for name, entry in entries.items():
            if entry.compress_type not in limits.ZIPPED or entry.flag_bits & ENCRYPTED:
                raise ValueError(f"{path}: {limits.shown(name)} is encrypted or packed oddly; zip the folder anew")

        def read(name: str) -> bytes:
            with limits.reading(f"{path}: {limits.shown(name)}", "zip the folder anew"), archive.open(name) as entry:
                return entry.read(entries[name].file_size)  # by number: what an entry declares need not be true

        yield Tree(path, names, read)


def _wanted(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings) and not name.startswith("__MACOSX/")


def _checked(path: str, names: tuple[str, ...], endings: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The names, if there are some, not too many, and none leads out of the folder."""
    if not names:
        raise ValueError(f"{path}: there is no file that ends in {', '.join(endings)}; give {what}")
    if len(names) > MOST:
        raise ValueError(f"{path}: there are {len(names):,} files, more than {MOST:,}; give fewer")
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise ValueError(f"{path}: {limits.shown(name)!r} leads out of the folder; zip the folder anew")
    return names


def _content(path: str, file: Path) -> bytes:
    limits.check_size(str(file), file.stat().st_size, limits.memory() // 4)
    with limits.reading(str(file), "give a file that may be read"):
        return file.read_bytes()
