from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream, memory
from smalti.scheduler.streams.fingerprint import fingerprint
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Readout, Stream

CHANCE = np.random.default_rng(0)
SAMPLES, STEPS = 40, 6
X = CHANCE.random((SAMPLES, STEPS, 4))
REAL = CHANCE.normal(size=(SAMPLES, STEPS, 2)).astype(np.float32)
ONE_HOT = np.eye(3)[CHANCE.integers(0, 3, (SAMPLES, STEPS))]
WEIGHTS = np.tile([0.0, 1, 1, 2, 1, 1], (SAMPLES, 1))


def load(options: dict[str, Any] | None = None, x: Any = X, wires: int = 64, **arrays: Any) -> Stream:
    return load_stream(StreamOptions(name="arrays", **(options or {})), wires, memory.arrays(x, **arrays))


def test_targets_alone_are_one_experience_of_real_numbers() -> None:
    stream = load(targets=REAL)
    (whole,) = stream.experiences
    assert stream.readout == Readout(("output 0", "output 1"), "squared_error", "r2")
    assert (whole.name, whole.classes, stream.class_names, stream.steps) == ("all", (0,), ("all",), STEPS)
    for part in (whole.train, whole.validation, whole.test):
        np.testing.assert_array_equal(part.x, X.astype(np.float32)[part.index])
        np.testing.assert_array_equal(part.targets, REAL[part.index])
        np.testing.assert_array_equal(part.weights, np.ones((len(part), STEPS)))
    assert (len(whole.train), len(whole.validation), len(whole.test)) == (24, 8, 8)


def test_probabilities_are_learned_by_cross_entropy() -> None:
    stream = load(targets=ONE_HOT)
    assert stream.readout == Readout(("output 0", "output 1", "output 2"), "cross_entropy", "right")
    other = load({"loss": "squared_error", "score": "roc"}, targets=ONE_HOT)
    assert other.readout == Readout(("output 0", "output 1", "output 2"), "squared_error", "roc")


def test_targets_need_be_probabilities_only_where_they_are_asked() -> None:
    targets = ONE_HOT.copy()
    targets[:, 0] = 7
    readouts = [load(targets=targets, weights=weights).readout for weights in (WEIGHTS, None)]
    assert [readout.loss for readout in readouts if readout] == ["cross_entropy", "squared_error"]


def test_a_task_is_an_experience() -> None:
    task = np.array(["b", "a"])[np.arange(SAMPLES) % 2]
    stream = load(targets=REAL, weights=WEIGHTS, task=task)
    assert [(e.name, e.classes) for e in stream.experiences] == [("a", (0,)), ("b", (1,))]
    for e in stream.experiences:
        assert set(task[e.train.index]) == {e.name}
        np.testing.assert_array_equal(e.train.weights, WEIGHTS[e.train.index])
    shared = load({"setting": "domain"}, targets=REAL, task=task)
    assert [(e.name, e.classes) for e in shared.experiences] == [("a", (0,)), ("b", (0,))]
    assert shared.classes == 1
    (joint,) = load({"setting": "joint"}, targets=REAL, task=task).experiences
    assert set(joint.train.y) == {0, 1}


def test_features_without_a_time_axis_take_that_of_the_targets() -> None:
    stream = load(x=X[:, 0], targets=REAL)
    assert (stream.steps, stream.frames, stream.experiences[0].train.x.shape[1]) == (STEPS, 1, 1)


def test_channels_are_pooled_and_steps_held_together_with_their_targets() -> None:
    stream = load({"steps": 12}, wires=2, targets=REAL, weights=WEIGHTS)
    test = stream.experiences[0].test
    assert (stream.channels, stream.steps, test.x.shape[1]) == (2, 12, 12)
    np.testing.assert_array_equal(test.targets, np.repeat(REAL[test.index], 2, axis=1))
    np.testing.assert_array_equal(test.weights, np.repeat(WEIGHTS[test.index], 2, axis=1))


def test_a_file_and_data_in_memory_are_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=X, targets=REAL, weights=WEIGHTS)
    of_file = load_stream(StreamOptions(name="arrays", path=str(tmp_path / "mine.npz")), 64)
    data = memory.arrays(X, targets=REAL, weights=WEIGHTS)
    assert repr(data) == "<Data x (40, 6, 4), targets (40, 6, 2), weights (40, 6)>"
    assert len(data) == SAMPLES
    (tmp_path / "kept.npz").write_bytes(data.dump())
    again = memory.read(tmp_path / "kept.npz")
    assert again.fingerprint == data.fingerprint
    streams = [of_file, *(load_stream(StreamOptions(name="arrays"), 64, given) for given in (data, again))]
    assert len({fingerprint(stream) for stream in streams}) == 1


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r"there is neither y nor targets; give y \[samples\]"),
        (
            {"y": np.arange(SAMPLES) % 2, "targets": REAL},
            r"y and targets both say what is asked; leave out y",
        ),
        ({"y": np.arange(SAMPLES) % 2, "weights": WEIGHTS}, r"there are weights and no targets"),
        ({"targets": REAL[:, :5]}, r"targets have shape \(40, 5, 2\), x has 40 samples of 6 time steps; give targets"),
        ({"targets": REAL[:30]}, r"targets have shape \(30, 6, 2\), x has 40 samples"),
        ({"targets": REAL[:, :, 0]}, r"targets has shape \(40, 6\); give \[samples, time, outputs\], .*\[:, :, None\]"),
        ({"targets": REAL * np.float32(np.inf)}, r"targets contain NaN or infinite values"),
        ({"targets": np.full(REAL.shape, 1e300)}, r"targets contain NaN or infinite values, the first in sample 0"),
        ({"targets": REAL.astype(str)}, r"targets has type <U\d+; give numbers"),
        ({"targets": REAL, "weights": WEIGHTS[:, :3]}, r"weights have shape \(40, 3\), .* give weights \[40, 6\]"),
        ({"targets": REAL, "weights": -WEIGHTS}, r"weights are negative, the first in sample 0"),
        ({"targets": REAL, "weights": WEIGHTS * (np.arange(SAMPLES) != 3)[:, None]}, r"weights of sample 3 are all 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^data: {message}"):
        memory.arrays(X, **arrays)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"loss": "cross_entropy"},
            r"loss cross_entropy takes targets that are probabilities .* sample 0 do not; mend",
        ),
        ({"score": "rightt"}, r"stream\.score = 'rightt' is unknown; did you mean right\? allowed: auto, right"),
        ({"hold_out": "a"}, r"stream\.hold_out = 'a' goes with classes, and data has targets at single steps"),
        ({"transform": "permuted", "setting": "domain"}, r"stream\.transform = 'permuted' goes with classes"),
    ],
)
def test_options_that_do_not_go_with_targets_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(options, targets=REAL)


@pytest.mark.parametrize(("name", "value"), [("loss", "squared_error"), ("score", "r2")])
def test_classes_have_their_own_loss_and_score(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"stream\.{name} = '{value}' is of outputs at single time steps, and data"):
        load({name: value}, y=np.arange(SAMPLES) % 2)
