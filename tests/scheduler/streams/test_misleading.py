"""Every cure that a message names is followed here, and leads to a stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import StreamOptions, load_stream, memory
from smalti.scheduler.streams.checked import limits

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
    for given in (Y.astype(object), Y.astype(float).astype(object)):
        assert memory.arrays(X, given).loaded().y.tolist() == Y.tolist()
    pairs = [(x, str(name)) for x, name in zip(X, names, strict=True)]
    assert memory.dataset(pairs).loaded().class_names == ("cat", "dog", "eel", "fox")
    with pytest.raises(ValueError, match="y holds values of several kinds, or none; give all as numbers"):
        memory.arrays(X, [1, None] * 40)


def test_domains_that_lack_a_class_and_classes_that_some_tasks_share(tmp_path: Path) -> None:
    """Neither message sends to the setting that the other refuses."""
    task = np.array(["anna", "bob"])[np.arange(80) % 2]
    keep = (Y < 3) | (task == "anna")  # bob never says the last class
    given = {"x": X[keep], "y": Y[keep], "task": task[keep]}
    said = "add some, leave that class or domain out, or take setting joint"
    refused(tmp_path, said, {"setting": "domain"}, **given)
    refused(tmp_path, "or take setting joint for shared classes, or leave the array task out", **given)
    assert load(tmp_path, {"setting": "joint"}, **given).classes == 4
    assert len(load(tmp_path, x=given["x"], y=given["y"]).experiences) == 2
    fewer = {name: values[Y[keep] < 3] for name, values in given.items()}
    assert len(load(tmp_path, {"setting": "domain"}, **fewer).experiences) == 2
    refused(
        tmp_path, "or take setting class or task, or take setting joint", {"setting": "domain"}, x=X, y=Y, task=Y // 2
    )
    for setting, experiences in (("class", 2), ("task", 2), ("joint", 1)):
        assert len(load(tmp_path, {"setting": setting}, x=X, y=Y, task=Y // 2).experiences) == experiences


def test_a_task_of_a_single_class(tmp_path: Path) -> None:
    task = np.array([0, 0, 0, 1])[Y]
    refused(tmp_path, "give every task at least 2, or take setting joint", x=X, y=Y, task=task)
    assert len(load(tmp_path, {"setting": "joint"}, x=X, y=Y, task=task).experiences) == 1


def test_a_time_axis_that_is_too_short_for_the_chip(tmp_path: Path) -> None:
    """The message names stream.steps, which data with an axis of their own once refused."""
    np.savez(tmp_path / "mine.npz", x=np.repeat(X[:, None], 3, 1), y=Y)
    fields: dict[str, Any] = {"name": "arrays", "path": str(tmp_path / "mine.npz")}
    with pytest.raises(ValueError, match=r"3 time steps are too few: .* give stream.steps or fewer fabric.rows"):
        Simulation(Config(stream=StreamOptions(**fields)))
    assert Simulation(Config(stream=StreamOptions(**fields, steps=25))).stream.steps == 25


def test_pixels_in_rows_and_too_much_lost_in_spikes(tmp_path: Path) -> None:
    x = np.random.default_rng(2).random((80, 12, 512)) < 0.1
    (note,) = load(tmp_path, x=x, y=Y).notes[1:]
    assert "with an array shape = [2, 16, 16] in the file" in note
    stream = load(tmp_path, x=x, y=Y, shape=[2, 16, 16])
    assert stream.shape == (2, 6, 4)
    assert not any(note.startswith("warning") for note in stream.notes)


def test_files_that_were_written_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match=r"a\.h5: this is no \.npz file; .* smalti\.data\.spike_trains"):
        load_stream(StreamOptions(name="arrays", path=str(tmp_path / "a.h5")), 64)
    np.savez(tmp_path / "keras.npz", x_train=X)
    with pytest.raises(ValueError, match=r"there is no array x; write it with .* \(the file holds x_train\)"):
        load_stream(StreamOptions(name="arrays", path=str(tmp_path / "keras.npz")), 64)


def test_what_would_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "memory", lambda: 2**20)
    given = {"x": np.repeat(X[:, None], 3, 1), "y": Y}
    refused(tmp_path, "80 samples would take", {"steps": 1000}, **given)
    refused(tmp_path, "80 samples would take", {"code": "population", "cells": 60}, **given)
    load(tmp_path, {"steps": 50}, **given)
    refused(tmp_path, "give fewer samples, stream.steps or stream.cells", {"steps": 10**6}, x=X, y=Y)


def test_long_lists_are_cut_short(tmp_path: Path) -> None:
    y = np.arange(603) % 201
    x = np.random.default_rng(0).random((603, 4))
    with pytest.raises(ValueError, match=r"take one of .* and \d+ more, or say which"):
        load(tmp_path, {"classes_per_task": 100}, x=x, y=y)
