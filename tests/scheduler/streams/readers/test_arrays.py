from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.arrays import load_arrays

Y = np.repeat([0, 1, 2, 3], 5)
X = np.random.default_rng(0).random((20, 6, 3))


def write(folder: Path, **arrays: Any) -> StreamOptions:
    path = folder / "mine.npz"
    np.savez(path, **{name: values for name, values in ({"x": X, "y": Y} | arrays).items() if values is not None})
    return StreamOptions(name="arrays", path=str(path))


def test_a_time_axis_is_kept(tmp_path: Path) -> None:
    loaded = load_arrays(write(tmp_path))
    assert loaded.x.dtype == np.float32
    np.testing.assert_array_equal(loaded.x, X.astype(np.float32))
    np.testing.assert_array_equal(loaded.y, Y)
    assert loaded.steps == 6
    assert loaded.class_names == ("0", "1", "2", "3")
    assert loaded.domain is None
    assert loaded.part is None
    assert not loaded.tasks


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float64])
def test_features_are_constant_in_time(tmp_path: Path, dtype: type) -> None:
    x: NDArray[Any] = np.random.default_rng(1).integers(0, 2, size=(20, 9)).astype(dtype)
    loaded = load_arrays(write(tmp_path, x=x, y=Y.astype(np.uint16)))
    assert loaded.x.shape == (20, 1, 9)
    np.testing.assert_array_equal(loaded.x[:, 0], x.astype(np.float32))
    assert loaded.y.dtype == np.int64
    assert loaded.steps == 25


def test_tasks_parts_and_other_arrays(tmp_path: Path) -> None:
    part = np.array(["train", "train", "train", "validation", "test"] * 4)
    task = np.array([40, 40, -3, 7])[Y]
    loaded = load_arrays(write(tmp_path, task=task, part=part, speed=np.zeros(3)))
    assert loaded.domain is not None
    assert loaded.part is not None
    assert loaded.tasks
    assert loaded.domain_names == ("-3", "7", "40")
    assert loaded.domain.tolist() == [[2, 2, 0, 1][label] for label in Y]
    assert loaded.part.tolist() == part.tolist()
    assert loaded.notes == ("arrays ignored in the file: speed",)
    assert load_arrays(write(tmp_path, part=part.astype("S"))).part.tolist() == part.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": None}, "there is no array x"),
        ({"y": None}, "there is no array y"),
        ({"x": X[0, 0]}, r"x has shape \(3,\)"),
        ({"x": X[..., None]}, r"x has shape \(20, 6, 3, 1\)"),
        ({"x": X[:, :, :0]}, "x has shape"),
        ({"x": X + 1j}, "x has type complex"),
        ({"x": X.astype(np.str_)}, "x has type <U"),
        ({"x": np.where(X > 0.5, np.nan, X)}, "x contains NaN"),
        ({"x": np.where(X > 0.5, np.inf, X)}, "x contains NaN or infinite"),
        ({"x": np.where(X > 0.5, 1e300, X)}, r"x lies in .*1e\+300, beyond what float32 holds, but holds firing"),
        ({"x": np.where(X > 0.5, -1e300, X)}, r"x lies in -1e\+300\.\..*beyond what float32 holds"),
        ({"x": X[:, 0] * np.where(X[:, 0] > 0.5, np.nan, 1)}, "x contains NaN"),
        ({"x": (X * 255).astype(np.uint8)}, "x lies in .*divide by its range"),
        ({"x": X - 0.5}, "x lies in -0.*subtract its minimum"),
        ({"x": X.astype(object)}, "x is an array of Python objects.*refused"),
        ({"y": Y / 2}, "y has type float64 and holds 0.5; give one integer or name"),
        ({"y": np.where(Y == 1, np.nan, Y)}, "y has type float64 and holds nan"),
        ({"y": np.eye(4)[Y] * 0.5}, "y has shape .* not one-hot .*argmax"),
        ({"y": Y.reshape(4, 5, 1)}, r"y has shape \(4, 5, 1\); give one integer or name"),
        ({"y": Y[:0]}, r"y is empty \(shape \(0,\)\)"),
        ({"y": Y + 1j}, "y has type complex128; give one integer or name"),
        ({"y": np.array(["a", "\x1b[31m"])[Y % 2]}, r"the name .* of a class or task cannot be shown"),
        ({"y": Y[:-1]}, r"y has shape \(19,\), x has 20 samples"),
        ({"y": Y - 1}, "y contains -1"),
        ({"y": Y * 0}, "y holds a single class"),
        ({"y": Y.astype(object)}, "y is an array of Python objects.*refused"),
        ({"task": Y / 2}, "task has type float64 and holds 0.5"),
        ({"task": Y[:-1]}, "task has shape"),
        ({"part": Y}, "part has type int64; give strings"),
        ({"part": np.full(20, b"\xff\xfe")}, "part holds bytes that are no text in UTF-8"),
        ({"image": np.array([-1, -3])}, "image has .*give 2 integers of 1 or more, its rows and columns"),
        ({"image": np.array([2, 2])}, r"image \(2, 2\) does not match 3 channels; its sides"),
        ({"shape": np.array([3, 1])}, "shape has .*give 3 integers of 1 or more, its polarities, rows and columns"),
        ({"shape": np.array([2, 3, 1])}, r"shape \(2, 3, 1\) does not match 3 channels"),
        ({"shape": np.array([3, 1, 1]), "image": np.array([3, 1])}, "image and shape both say"),
        ({"part": np.array(["train"] * 19 + ["val"])}, "part contains 'val'; write train"),
        ({"part": np.array(["train"] * 19)}, r"part has shape \(19,\)"),
    ],
)
def test_unfit_arrays_are_named_with_their_file(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    options = write(tmp_path, **arrays)
    with pytest.raises(ValueError, match=rf"mine\.npz: {message}"):
        load_arrays(options)


class Bomb:
    """Raises if it is ever unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('unpickled')",))


def test_unfit_files_are_named(tmp_path: Path) -> None:
    def load(path: str) -> None:
        load_arrays(StreamOptions(name="arrays", path=path))

    with pytest.raises(ValueError, match=r"stream\.path is empty"):
        load("")
    with pytest.raises(ValueError, match=r"nothing\.npz': there is no such file"):
        load(str(tmp_path / "nothing.npz"))
    np.save(tmp_path / "plain.npy", X)
    with pytest.raises(ValueError, match=r"plain\.npy: this is no \.npz file"):
        load(str(tmp_path / "plain.npy"))
    (tmp_path / "bomb.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"bomb\.npz: this is no \.npz file"):
        load(str(tmp_path / "bomb.npz"))
    np.savez(tmp_path / "inner.npz", x=np.array([Bomb()], dtype=object), y=Y)
    with pytest.raises(ValueError, match=r"inner\.npz: x is an array of Python objects"):
        load(str(tmp_path / "inner.npz"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    options = write(tmp_path)
    whole = Path(options.path).read_bytes()
    damaged = bytearray(whole)
    damaged[1000] ^= 0xFF  # inside the values of x: the checksum no longer matches
    Path(options.path).write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match=r"mine\.npz: x cannot be read"):
        load_arrays(options)
    Path(options.path).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"mine\.npz: this is no \.npz file"):
        load_arrays(options)


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    part = np.array(["train"] * 19 + ["val"])
    options = write(tmp_path, x=X * 255, y=Y / 2, part=part, image=np.array([-1, 3]), task=Y[:-1])
    with pytest.raises(ValueError, match=r"mine\.npz: x lies in ") as caught:
        load_arrays(options)
    said = str(caught.value).split("; also: ")
    begins = ("x lies in", "task has shape (19,)", "y has type float64", "part contains 'val'", "image has")
    assert len(said) == len(begins)
    assert str(caught.value).count("mine.npz") == 1
    assert all(begin in text for begin, text in zip(begins, said, strict=True))


def test_all_that_does_not_fit_together_is_told_at_once(tmp_path: Path) -> None:
    options = write(tmp_path, y=Y * 0, image=np.array([2, 2]))
    with pytest.raises(ValueError, match=r"y holds a single class; .*; also: image \(2, 2\) does not match 3 channels"):
        load_arrays(options)


def test_all_arrays_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    options = write(tmp_path, x=X.astype(object), y=Y.astype(object))
    with pytest.raises(ValueError, match=r"x is an array of Python objects.*; also: y is an array of Python objects"):
        load_arrays(options)
