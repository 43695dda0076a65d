"""Every cure that a message names is followed here, and leads to a stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import StreamOptions, load_stream, memory

Y = np.repeat(np.arange(4), 20)
X = np.clip(np.random.default_rng(0).random((80, 16)) * 0.3 + 0.6 * np.eye(4)[Y].repeat(4, 1), 0, 1)


def load(folder: Path, fields: dict[str, Any] | None = None, **arrays: Any) -> Any:
    np.savez(folder / "mine.npz", **arrays)
    return load_stream(StreamOptions(name="arrays", path=str(folder / "mine.npz"), **(fields or {})), 64)


def refused(folder: Path, said: str, fields: dict[str, Any] | None = None, **arrays: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        load(folder, fields, **arrays)


def test_values_beyond_0_to_1(tmp_path: Path) -> None:
    for x in (X * 1e300, X * 15, X - 3):
        refused(tmp_path, "subtract its minimum and divide by its range", x=x, y=Y)
        assert load(tmp_path, x=(x - x.min()) / (x.max() - x.min()), y=Y).channels == 16


def test_nan_samples_are_left_out(tmp_path: Path) -> None:
    x = X.copy()
    x[[3, 50], 2] = np.nan, np.inf
    refused(tmp_path, "(2, the first in sample 3); leave those samples out: keep = numpy.isfinite(x)", x=x, y=Y)
    keep = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    load(tmp_path, x=x[keep], y=Y[keep])


def test_soft_labels(tmp_path: Path) -> None:
    y = 0.7 * np.eye(4)[Y] + 0.1
    refused(tmp_path, "y = y.argmax(axis=1)", x=X, y=y)
    assert load(tmp_path, x=X, y=y.argmax(axis=1)).classes == 4


def test_negative_classes(tmp_path: Path) -> None:
    y = np.array([-1, 1])[Y % 2]
    refused(tmp_path, "y = y.astype(str)", x=X, y=y)
    assert load(tmp_path, x=X, y=y.astype(str)).class_names == ("-1", "1")
    keep = Y - 1 >= 0
    assert load(tmp_path, {"classes_per_task": 3}, x=X[keep], y=(Y - 1)[keep]).class_names == ("0", "1", "2")


def test_labels_of_other_types(tmp_path: Path) -> None:
    y = Y.astype("M8[s]")
    refused(tmp_path, "y = [str(label) for label in y]", x=X, y=y)
    assert load(tmp_path, x=X, y=[str(label) for label in y]).classes == 4


def test_more_axes_are_flattened(tmp_path: Path) -> None:
    x = X.reshape(80, 1, 4, 2, 2).repeat(12, 1)
    refused(tmp_path, "x.reshape(*x.shape[:2], -1)", x=x, y=Y)
    assert load(tmp_path, x=x.reshape(*x.shape[:2], -1), y=Y, shape=[4, 2, 2]).raw == (4, 2, 2)


def test_an_odd_number_of_classes(tmp_path: Path) -> None:
    y = np.arange(70) % 7
    x = np.random.default_rng(0).random((70, 6))
    refused(tmp_path, "take one of 4, 5, 7, or say which classes belong together", x=x, y=y)
    for size in (4, 5, 7):
        load(tmp_path, {"classes_per_task": size}, x=x, y=y)
    task = np.array([0, 0, 1, 1, 2, 2, 2])[y]
    assert [len(e.classes) for e in load(tmp_path, x=x, y=y, task=task).experiences] == [2, 2, 3]
    given = load_stream(StreamOptions(name="arrays"), 64, memory.arrays(x, y, task=np.array(list("aabbccc"))[y]))
    assert [e.classes for e in given.experiences] == [(0, 1), (2, 3), (4, 5, 6)]


def test_classes_that_tasks_share(tmp_path: Path) -> None:
    task = np.array(["anna", "bob"])[np.arange(80) % 2]
    refused(tmp_path, "take setting domain for shared classes", x=X, y=Y, task=task)
    assert [e.name for e in load(tmp_path, {"setting": "domain"}, x=X, y=Y, task=task).experiences] == ["anna", "bob"]
    held = load(tmp_path, {"setting": "joint", "hold_out": "bob"}, x=X, y=Y, task=task)
    assert len(held.experiences[0].test) == 40


def test_recordings_of_different_length(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    recordings = [chance.random((chance.integers(10, 29), 3)) for _ in Y]
    ragged = np.empty(len(Y), dtype=object)
    ragged[:] = recordings
    refused(tmp_path, "pathlib.Path(file).write_bytes(smalti.data.arrays(recordings, y).dump())", x=ragged, y=Y)
    for given in (recordings, ragged, tuple(recordings)):
        (tmp_path / "mine.npz").write_bytes(memory.arrays(given, Y).dump())
        stream = load_stream(StreamOptions(name="arrays", path=str(tmp_path / "mine.npz")), 64)
        sample = stream.experiences[0].train
        length = len(recordings[sample.index[0]])
        np.testing.assert_allclose(sample.x[0, :length], recordings[sample.index[0]], rtol=1e-6)
        assert not sample.x[0, length:].any()
    padded = np.full((80, 28, 3), np.nan)
    for row, recording in zip(padded, recordings, strict=True):
        row[: len(recording)] = recording
    assert "recordings that end in NaN are followed by zeros" in load(tmp_path, x=padded, y=Y).notes[0]


def test_objects_of_python_in_memory() -> None:
    names = np.array(["cat", "dog", "eel", "fox"], dtype=object)[Y]
    assert memory.arrays(X, names).loaded().class_names == ("cat", "dog", "eel", "fox")
    assert memory.arrays(X, Y.astype(object)).loaded().y.tolist() == Y.tolist()
    pairs = [(x, str(name)) for x, name in zip(X, names, strict=True)]
    assert memory.dataset(pairs).loaded().class_names == ("cat", "dog", "eel", "fox")
    with pytest.raises(ValueError, match="y holds values of several kinds, or none; give all as integers"):
        memory.arrays(X, [1, None] * 40)
