from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.streams.readers.idx import read

IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255])  # by hand: 2 of 1 x 3 pixels
LABELS = bytes([0, 0, 8, 1, 0, 0, 1, 2, *([7] * 258)])  # 258 = 1 * 256 + 2


def test_sizes_and_bytes_are_read_as_the_format_says(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(IMAGES)
    assert read(tmp_path / "images", 3).tolist() == [[[10, 20, 30]], [[40, 50, 255]]]
    (tmp_path / "labels.gz").write_bytes(gzip.compress(LABELS, mtime=0))
    labels = read(tmp_path / "labels.gz", 1)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [7] * 258


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f", LABELS, "begins with 00000801, an IDX file of 3 axes with 00000803"),
        ("f", b"", "begins with , an IDX"),
        ("f", b"PK\x03\x04" + IMAGES, "begins with 504b0304"),
        ("f", bytes([0, 0, 13, 3]) + IMAGES[4:], "begins with 00000d03"),  # floats
        ("f", IMAGES[:10], "cut off in its header"),
        ("f", IMAGES[:-1], "holds 5 bytes of data and announces 6"),
        ("f", IMAGES + b"\0", "holds 7 bytes of data and announces 6"),
        ("f", gzip.compress(IMAGES, mtime=0), r"is compressed; add \.gz to its name"),
        ("f.gz", IMAGES, "cannot be read .*download it again"),
        ("f.gz", gzip.compress(IMAGES, mtime=0)[:-9], "cannot be read .*download it again"),
    ],
)
def test_files_of_another_kind_and_damaged_ones_are_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}.* {message}"):
        read(tmp_path / name, 3)


def test_sizes_that_promise_more_than_any_file_holds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes([0, 0, 8, 3, *([255] * 12)]))
    with pytest.raises(ValueError, match="holds 0 bytes of data and announces"):
        read(tmp_path / "f", 3)


def test_a_bomb_is_not_read_beyond_what_it_announces(tmp_path: Path) -> None:
    zeros = gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]) + bytes(2**26))  # 64 MiB of them
    (tmp_path / "f.gz").write_bytes(zeros)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"f\.gz holds 7 bytes of data and announces 6"):
        read(tmp_path / "f.gz", 3)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**22


def test_sizes_beyond_what_may_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f.gz").write_bytes(gzip.compress(bytes([0, 0, 8, 3, *([255] * 12)])))
    with pytest.raises(ValueError, match=r"f\.gz would take .*PiB, and 128\.0 MiB are allowed"):
        read(tmp_path / "f.gz", 3)
