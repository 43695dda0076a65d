"""Damaged, hostile and odd .npz files: an error that names file and array, and little memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers import npz

X = np.random.default_rng(0).random((20, 8)).astype(np.float32)


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def described(header: str, version: int = 1, data: bytes = bytes(64)) -> bytes:
    """An .npy whose description is this text."""
    text = header.encode()
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def archive(folder: Path, x: bytes, method: int = zipfile.ZIP_DEFLATED) -> str:
    path = folder / "mine.npz"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("x.npy", x)
    return str(path)


def read(path: str) -> dict[str, np.ndarray]:
    return npz.read(path, ("x",), (), "numpy.savez(file, x=...)")[0]


@pytest.mark.parametrize("values", [X, X > 0.5, np.array(["a", "bc"]), np.array(3), np.asfortranarray(X), X[:0]])
def test_what_numpy_wrote_comes_back(tmp_path: Path, values: np.ndarray) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x=values)
        again = read(str(tmp_path / "a.npz"))["x"]
        assert again.dtype == values.dtype
        np.testing.assert_array_equal(again, values)


def test_a_version_2_header_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, X, version=(2, 0))
    np.testing.assert_array_equal(read(archive(tmp_path, file.getvalue()))["x"], X)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            described("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }"),
            r"claims shape .* 3\.6 TiB",
        ),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -4), }"), r"claims shape \(-4, -4\)"),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': (10, 10), }"), r"claims shape .*400 bytes"),
        (described("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "is an array of Python objects"),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 5000 + ", }"), "cannot be read"),
        (described("{'descr': '" + "x" * 9000 + "', 'fortran_order': False, 'shape': (1,), }"), "cannot be read"),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }"), "cannot be read"),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,), }"), "cannot be read"),
        (described("{" + " " * 200_000 + "}", version=2), "cannot be read"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "cannot be read"),
        (b"\x93NUMPY\x09\x00" + bytes(100), r"cannot be read .*version"),
        (b"II*\x00" + bytes(range(200)), "cannot be read"),
        (b"", "cannot be read"),
        (npy(X)[:-10], "cannot be read .*EOF"),
        (npy(X)[:-200], "claims shape"),
        (described("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 4000 + ",), }"), "claims .*million"),
    ],
)
def test_claims_and_garbage_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=rf"mine\.npz: x {message}"):
        read(archive(tmp_path, content))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_does_not_write_are_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(ValueError, match=rf"mine\.npz: x is compressed by method {method}"):
        read(archive(tmp_path, npy(X), method))


def patched(path: str, local: int, central: int, value: int) -> str:
    """A zip with 16 bits changed, at these offsets of the header of its one file and of the list at its end."""
    content = bytearray(Path(path).read_bytes())
    struct.pack_into("<H", content, local, value)
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + central, value)
    Path(path).write_bytes(content)
    return path


def test_encrypted_and_unknown_compressions_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.npz: x is encrypted"):
        read(patched(archive(tmp_path, npy(X)), 6, 8, 1))
    with pytest.raises(ValueError, match=r"mine\.npz: x is compressed by method 99"):
        read(patched(archive(tmp_path, npy(X)), 8, 10, 99))


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    zeros = np.zeros(2**28, dtype=np.bool_)  # 256 MiB, some 260 KB in the file
    np.savez_compressed(tmp_path / "bomb.npz", x=zeros)
    del zeros
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bomb\.npz: x would take 256\.0 MiB, and 128\.0 MiB are allowed"):
        read(str(tmp_path / "bomb.npz"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_several_arrays_share_what_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL", 3 * X.nbytes)
    monkeypatch.setattr(limits, "EXPANSION", 0)
    np.savez(tmp_path / "a.npz", x=X, y=X, z=X)
    assert len(npz.read(str(tmp_path / "a.npz"), ("x", "y"), (), "")[0]) == 2
    with pytest.raises(ValueError, match=r"a\.npz: z would take"):
        npz.read(str(tmp_path / "a.npz"), ("x", "y", "z"), (), "")
    assert len(npz.read(str(tmp_path / "a.npz"), ("x", "y", "z"), (), "", trusted=True)[0]) == 3


def test_what_is_not_wanted_is_named_but_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=X, **{f"a{k}": X for k in range(12)}, odd=np.array([{}], dtype=object))
    assert npz.read(str(path), ("x",), (), "")[1] == [*(f"a{k}" for k in range(10)), "and 3 more"]
    with pytest.raises(ValueError, match=r"a\.npz: there is no array y; .*the file holds x, a0"):
        npz.read(str(path), ("y",), (), "numpy.savez")
