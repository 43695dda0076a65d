from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, load_stream
from smalti.scheduler.streams.fingerprint import fingerprint
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Generated, GeneratedTask, Readout, Samples, Stream

STEPS, CHANNELS = 6, 5
READOUT = Readout(("a", "b"), loss="cross_entropy", score="right")


def samples(count: int, value: float = 0.5) -> Samples:
    x = Rendered(
        lambda rows: np.full((len(rows), STEPS, CHANNELS), value, np.float32), np.arange(count), STEPS, CHANNELS
    )
    nothing = np.zeros(count, dtype=np.int64)
    return Samples(
        x, nothing, nothing, np.full((count, STEPS, 2), 0.5, np.float32), np.ones((count, STEPS), np.float32)
    )


def generated(novel: bool = True) -> Generated:
    tasks = [
        GeneratedTask(name, samples(8, value), samples(3), samples(4), samples(2) if novel else None)
        for name, value in (("one", 0.5), ("two", 0.75), ("three", 1.0))
    ]
    return Generated(origin="mine", tasks=tuple(tasks), readout=READOUT, notes=("made",))


def load(monkeypatch: pytest.MonkeyPatch, wires: int = 64, given: Generated | None = None, **options: Any) -> Stream:
    monkeypatch.setitem(STREAMS, "mine", lambda _: given or generated())
    return load_stream(StreamOptions(name="mine", **options), wires)


@pytest.mark.parametrize("setting", ["class", "task"])
def test_every_task_is_an_experience_and_its_label(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    stream = load(monkeypatch, setting=setting)
    assert [(e.task, e.name, e.classes) for e in stream.experiences] == [
        (0, "one", (0,)),
        (1, "two", (1,)),
        (2, "three", (2,)),
    ]
    assert (stream.classes, stream.class_names) == (3, ("one", "two", "three"))
    assert (stream.channels, stream.steps, stream.frames) == (CHANNELS, STEPS, STEPS)
    assert (stream.readout, stream.outputs_for((1,)), stream.notes) == (READOUT, 2, ("made",))
    last = stream.experiences[2]
    assert last.novel is not None
    assert set(last.train.y) == set(last.test.y) == set(last.novel.y) == {2}
    index = np.concatenate([p.index for e in stream.experiences for p in (e.train, e.validation, e.test, e.novel)])  # type: ignore[union-attr]
    assert index.tolist() == list(range(3 * 17))


def test_in_setting_domain_one_expert_learns_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = load(monkeypatch, setting="domain")
    assert [(e.name, e.classes, set(e.train.y)) for e in stream.experiences] == [
        (name, (0,), {0}) for name in ("one", "two", "three")
    ]
    assert stream.classes == 1


def test_in_setting_joint_all_tasks_are_one_experience(monkeypatch: pytest.MonkeyPatch) -> None:
    (joint,) = load(monkeypatch, setting="joint").experiences
    assert joint.classes == (0, 1, 2)
    assert joint.train.y.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert joint.train.x[[0, 8, 23]][:, 0, 0].tolist() == [0.5, 0.75, 1.0]
    assert joint.train.targets is not None
    assert joint.train.targets.shape == (24, STEPS, 2)
    assert (len(joint.validation), len(joint.test), len(joint.novel or ())) == (9, 12, 6)
    (without,) = load(monkeypatch, given=generated(novel=False), setting="joint").experiences
    assert without.novel is None


def test_order_limit_and_gain_mean_what_they_do_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = load(monkeypatch, order=(2, 0, 2), limit=7, gain=1.5)
    assert [e.task for e in stream.experiences] == [2, 0, 2]
    assert stream.experiences[0] is stream.experiences[2]
    first = stream.experiences[1]
    assert [len(p) for p in (first.train, first.validation, first.test)] == [5, 1, 1]
    assert first.train.x[0][0, 0] == 0.75
    assert stream.experiences[0].train.x[0][0, 0] == 1
    assert stream.notes == ("made", "firing probabilities times 1.5, at most 1", "at most 7 samples of a task")


@pytest.mark.parametrize(
    ("options", "wires", "message"),
    [
        ({}, 4, r"mine has 5 channels and the chip 4 north wires; .* build fabric\.cols x fabric\.wires of 5 or more"),
        ({"pool": 2}, 64, r"such channels are not pooled: leave stream\.pool at 0"),
        ({"steps": 7}, 64, r"stream\.steps = 7, but mine has 6 time steps; set it to 0"),
        ({"transform": "permuted", "setting": "domain"}, 64, r"stream\.transform = 'permuted' makes copies .* none"),
        ({"hold_out": "one"}, 64, r"stream\.hold_out = 'one' names a domain of data, and mine .* leave it empty"),
        ({"code": "population"}, 64, r"stream\.code = 'population' codes .* set it to bernoulli"),
        ({"order": (3,)}, 64, r"stream\.order = \[3\] names task 3, but there are 3"),
    ],
)
def test_what_cannot_be_done_is_refused(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], wires: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(monkeypatch, wires, **options)


def changed(**fields: Any) -> Generated:
    """Generated tasks with something else in the test part of the second."""
    one, two, three = generated().tasks
    tasks = (one, replace(two, test=replace(two.test, **fields)), three)
    return Generated(origin="mine", tasks=tasks, readout=READOUT)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"targets": None}, r"targets are missing, x has 4 samples of 6 time steps; give targets \[4, 6, 2\]"),
        ({"weights": np.ones((4, 5))}, r"weights have shape \(4, 5\), .* give weights \[4, 6\]"),
        ({"weights": np.eye(4, 6) - 0.5}, "weights are negative, the first in sample 0; give 0 where"),
        ({"weights": np.eye(4, 6)[[0, 1, 2, 2]] * [[1], [1], [0], [1]]}, "weights of sample 2 are all 0, so nothing"),
        ({"targets": np.full((4, 6, 2), np.nan)}, "targets contain NaN or infinite values, the first in sample 0"),
        (
            {"targets": np.ones((4, 6, 2))},
            r"loss cross_entropy takes targets that are probabilities .* sample 0 do not; mend",
        ),
        ({"x": np.ones((4, 6, 3))}, r"x has shape \(4, 6, 3\); give \[samples, 6, 5\], as the first task has"),
    ],
)
def test_unfit_tasks_are_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"mine: test part of task two: " + message):
        changed(**fields)


def test_names_of_tasks_are_their_own() -> None:
    one, two, _ = generated().tasks
    with pytest.raises(ValueError, match="mine: two tasks have the same name, one, one; give every one its own"):
        Generated(origin="mine", tasks=(one, replace(two, name="one")), readout=READOUT)
    with pytest.raises(ValueError, match="there are no tasks"):
        Generated(origin="mine", tasks=(), readout=READOUT)


def test_the_fingerprint_hears_targets_weights_and_the_novel_part(monkeypatch: pytest.MonkeyPatch) -> None:
    one, *others = generated().tasks
    targets = np.tile(np.float32([0.25, 0.75]), (2, STEPS, 1))
    variants = [
        generated(),
        generated(novel=False),
        Generated(
            origin="mine",
            tasks=(replace(one, novel=replace(samples(2), targets=targets)), *others),
            readout=READOUT,
        ),
        Generated(
            origin="mine",
            tasks=(replace(one, train=replace(samples(8), weights=np.full((8, STEPS), 2, np.float32))), *others),
            readout=READOUT,
        ),
    ]
    prints = [fingerprint(load(monkeypatch, given=given)) for given in variants]
    assert len(set(prints)) == 4
    assert prints[0] == fingerprint(load(monkeypatch))
