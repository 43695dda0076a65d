from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.arrays import load_arrays
from smalti.scheduler.streams.spikes.rendered import Rendered

CHANCE = np.random.default_rng(0)
X, Y = CHANCE.random((200, 6, 8)), np.array(["no", "yes"])[np.arange(200) % 2]


def write(folder: Path, **arrays: Any) -> StreamOptions:
    for name, values in {"x": X, "y": Y, **arrays}.items():
        np.save(folder / f"{name}.npy", values)
    return StreamOptions(name="arrays", path=str(folder))


def test_a_folder_gives_the_stream_of_the_same_npz(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    part = np.array(["train", "test", "train", "validation"])[np.arange(200) % 4]
    part[1::8] = "train"
    part[4::8] = "test"
    part[0::12] = "validation"
    options = write(tmp_path / "folder", part=part)
    np.savez(tmp_path / "a.npz", x=X, y=Y, part=part)
    loaded = load_arrays(options)
    assert isinstance(loaded.x, Rendered)
    one, other = load_stream(options, 4), load_stream(StreamOptions(name="arrays", path=str(tmp_path / "a.npz")), 4)
    assert one.notes == ("x is read from its file a few samples at a time", *other.notes)
    for field in ("train", "validation", "test"):
        mine, theirs = (getattr(stream.experiences[0], field) for stream in (one, other))
        np.testing.assert_array_equal(np.asarray(mine.x), theirs.x)
        np.testing.assert_array_equal(mine.index, theirs.index)


@pytest.mark.parametrize("x", [X[:, 0], X.astype(np.float32), (X * 2).astype(int) % 2, X > 0.5])
def test_arrays_of_other_kinds(tmp_path: Path, x: np.ndarray) -> None:
    loaded = load_arrays(write(tmp_path, x=x))
    np.testing.assert_array_equal(loaded.x[:], x.reshape(200, -1, 8).astype(np.float32))
    assert isinstance(loaded.x, Rendered)
    assert loaded.x.spikes == (x.dtype == bool)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "x.npy").unlink(), r"there is no x\.npy in it; write it with numpy\.save"),
        (lambda folder: (folder / "x.npy").write_bytes(b""), r"x\.npy cannot be read"),
        (lambda folder: (folder / "x.npy").write_bytes((folder / "x.npy").read_bytes()[:-9]), r"x\.npy cannot be read"),
        (lambda folder: np.save(folder / "x.npy", np.array([{}])), r"x\.npy cannot be read \(it holds Python objects"),
        (lambda folder: np.save(folder / "x.npy", 2 * X), r"x lies in .*; subtract its minimum"),
        (lambda folder: np.save(folder / "x.npy", np.where(X > 0.99, np.nan, X)), r"x contains NaN .* in sample \d"),
        (lambda folder: (folder / "y.npy").unlink(), r"there is no array y"),
    ],
)
def test_errors_name_the_file_and_the_cure(tmp_path: Path, change: Any, message: str) -> None:
    options = write(tmp_path)
    change(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_arrays(options)


def test_the_number_of_an_odd_sample_is_that_in_the_file(tmp_path: Path) -> None:
    x = X.copy()
    x[150, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"the first in sample 150\)"):
        load_arrays(write(tmp_path, x=x))


def test_what_a_mask_leaves_out_is_silent(tmp_path: Path) -> None:
    mask = np.arange(6) < CHANCE.integers(1, 7, 200)[:, None]
    x = np.where(mask[:, :, None], X, np.nan)
    np.savez(tmp_path / "a.npz", x=x, y=Y, mask=mask.astype(int))
    loaded = load_arrays(StreamOptions(name="arrays", path=str(tmp_path / "a.npz")))
    np.testing.assert_array_equal(loaded.x, np.where(mask[:, :, None], X, 0).astype(np.float32))
    np.savez(tmp_path / "a.npz", x=X, y=Y, mask=mask[:, :5])
    with pytest.raises(ValueError, match=r"a\.npz: mask has shape \(200, 5\) and type bool; give zeros and ones"):
        load_arrays(StreamOptions(name="arrays", path=str(tmp_path / "a.npz")))


def test_masked_and_ended_recordings_of_a_folder_stay_in_their_file(tmp_path: Path) -> None:
    """As those of an .npz; of the file nothing but what is asked for is read."""
    length = CHANCE.integers(1, 7, 200)
    there = np.arange(6) < length[:, None]
    x = np.where(there[:, :, None], X, np.nan)
    for name, arrays in (("ended", {}), ("masked", {"mask": there}), ("both", {"mask": np.arange(6) != 1 + 0 * there})):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / f"{name}.npz", x=x, y=Y, **arrays)
        folder = load_arrays(write(tmp_path / name, x=x, **arrays))
        file = load_arrays(StreamOptions(name="arrays", path=str(tmp_path / f"{name}.npz")))
        assert isinstance(folder.x, Rendered)
        np.testing.assert_array_equal(folder.x[:], file.x)
        assert folder.notes == ("x is read from its file a few samples at a time", *file.notes)
        assert bool(file.notes) == (name != "masked")
        load_stream(write(tmp_path / name, x=x, **arrays), 8)
