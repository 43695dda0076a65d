from __future__ import annotations

import numpy as np
import pytest
import torch

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import COGNITIVE, CognitiveOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.scores import direction
from smalti.scheduler.streams.tasks.cognitive import between_those, conditions, course
from smalti.scheduler.streams.tasks.course import between
from smalti.scheduler.streams.types import Floats, Samples, Stream

RING = 16
TRIALS = 200


def load(**options: object) -> Stream:
    return load_stream(StreamOptions(name="cognitive", cognitive=CognitiveOptions(**options)), 64)  # type: ignore[arg-type]


def drawn(name: str, novel: bool = False, steps: int = 60):  # type: ignore[no-untyped-def]
    usual, other = conditions(name, CognitiveOptions(), steps)
    return course(name, TRIALS, np.random.default_rng(1), other if novel else usual)


def located(profile: Floats) -> tuple[float, float]:
    """Direction and height of the highest bump of a ring [R], from the parabola through its logarithm."""
    best = int(profile.argmax())
    left, top, right = np.log(np.maximum(profile[[best - 1, best, (best + 1) % RING]], 1e-9).astype(float))
    shift = (left - right) / (2 * (left - 2 * top + right))
    return (best + shift) * 2 * np.pi / RING, float(top)


def two_bumps(profile: Floats) -> list[tuple[float, float]]:
    """The two highest bumps of a ring, which are a quarter of the circle apart at least."""
    first = located(profile)
    away = between(np.arange(RING) * 2 * np.pi / RING, np.array(first[0])) > np.pi / 3
    return [first, located(profile * away)]


def answered(name: str, x: Floats) -> float | None:
    """What an observer who is told the task answers to firing probabilities [T, I]; None: fixate."""
    rings = x[:, 1 : 1 + RING], x[:, 1 + RING : 1 + 2 * RING]
    both = rings[0] + rings[1]
    if name.startswith(("dms", "dmc")):
        seen = np.flatnonzero(both.any(axis=1))
        first, second = located(both[seen[0]])[0], located(both[seen[-1]])[0]
        match = between(np.array(first), np.array(second)) < np.pi / 6
        if name.startswith("dmc"):
            match = (first % (2 * np.pi) < np.pi) == (second % (2 * np.pi) < np.pi)
        return second if match != name.endswith("nogo") else None
    if "dm" not in name:
        return located(both.max(axis=0))[0] + (np.pi if name.endswith("anti") else 0)
    asked = both if name.startswith("multi") else rings[int(name[-1]) - 1]
    bumps = two_bumps(asked.max(axis=0))
    return max(bumps, key=lambda bump: bump[1])[0]


def outputs_of(name: str, samples: Samples) -> torch.Tensor:
    """Outputs of the observer, who goes when the fixation goes off or, in react and match tasks, when it must."""
    x = samples.x[:]
    assert samples.weights is not None
    z = np.zeros((len(x), x.shape[1], 3))
    for trial, (probabilities, weights) in enumerate(zip(x, samples.weights, strict=True)):
        go = int(np.flatnonzero(weights == 5)[0]) - 3
        answer = answered(name, probabilities)
        z[trial, :, 0] = 1
        if answer is not None:
            z[trial, go:] = 0, np.cos(answer), np.sin(answer)
    return torch.from_numpy(z)


@pytest.mark.parametrize("name", COGNITIVE)
def test_an_observer_of_the_probabilities_solves_the_task(name: str) -> None:
    (task,) = load(tasks=(name,), trials=TRIALS).experiences
    for samples in (task.train, task.novel):
        assert samples is not None
        outputs = outputs_of(name, samples)
        targets, weights = torch.from_numpy(samples.targets), torch.from_numpy(samples.weights)
        assert direction(outputs, targets, weights) > 0.98
        assert direction(-outputs, targets, weights) == 0


@pytest.mark.parametrize("name", COGNITIVE)
@pytest.mark.parametrize("novel", [False, True])
def test_trials_end_within_the_time_steps(name: str, novel: bool) -> None:
    trials = drawn(name, novel)
    assert trials.end.max() <= 60
    assert all((s.on >= 2).all() and (s.on < s.off).all() and (s.off <= trials.end).all() for s in trials.stimuli)
    assert all((s.strength > -1e-9).all() for s in trials.stimuli)


def test_novel_trials_wait_longer_than_any_of_training() -> None:
    for name in ("fdgo", "reactgo", "delaygo", "delaydm1", "dmsgo", "dmcnogo"):
        usual, novel = conditions(name, CognitiveOptions(), 60)
        assert novel.wait[0] == usual.wait[1] + 1
        assert novel.wait[1] - novel.wait[0] >= 3
    assert conditions("delaydm1", CognitiveOptions(), 60)[0].wait == (4, 16)
    assert conditions("delaygo", CognitiveOptions(), 60)[0].wait == (4, 20)


def test_novel_coherences_lie_between_those_of_training() -> None:
    assert between_those((0.8, 0.4, 0.6)) == pytest.approx((0.5, 0.7))
    assert between_those((0.4,)) == pytest.approx((0.3,))
    for novel, expected in ((False, {0.4, 0.6, 0.8}), (True, {0.5, 0.7})):
        one, other = drawn("dm1", novel).stimuli
        assert set(np.abs(one.strength - other.strength).round(6) / 2) == expected


@pytest.mark.parametrize("name", COGNITIVE)
def test_answers_are_balanced(name: str) -> None:
    trials = drawn(name)
    fixates = np.isnan(trials.answer)
    assert fixates.mean() == (pytest.approx(0.5, abs=0.12) if name.startswith(("dms", "dmc")) else 0)
    assert (trials.answer[~fixates] < np.pi).mean() == pytest.approx(0.5, abs=0.17)


def test_inputs_fire_with_the_probabilities_told() -> None:
    stream = load(tasks=("fdgo", "dm1"), trials=TRIALS)
    x = stream.experiences[1].train.x[:]
    assert (stream.channels, x.shape, x.dtype) == (35, (TRIALS, 60, 35), np.float32)
    assert (x[:, :, 33] == 0).all()
    assert (x[:, :, 34] == 0.5).all()
    assert set(np.unique(x[:, :, 0])) == {0, np.float32(0.95)}
    assert (x[:, :, 17:33] == 0).all()
    stimulus = drawn("fdgo").stimuli[0]
    shown = stream.experiences[0].train.x[:][:, :, 1:33].max(axis=(1, 2))
    assert len(stimulus.on) == len(shown)
    assert ((shown > 0.5 * np.exp(-0.125) - 1e-6) & (shown <= 0.5)).all()


def test_targets_and_weights_follow_the_trial() -> None:
    (task,) = load(tasks=("reactanti",), trials=TRIALS).experiences
    x, targets, weights = task.train.x[:], task.train.targets, task.train.weights
    assert targets is not None
    assert weights is not None
    for trial in range(TRIALS):
        on = int(np.flatnonzero(x[trial, :, 1:33].any(axis=1))[0])
        assert weights[trial].tolist() == [0] * 2 + [1] * (on - 2) + [0] * 3 + [5] * 7 + [0] * (50 - on)
        assert targets[trial, :on].tolist() == [[1, 0, 0]] * on
        np.testing.assert_allclose(np.hypot(*targets[trial, on:, 1:].T), 1, rtol=1e-6)
    assert not targets[:, -1, 0].any()


def test_the_same_seed_gives_the_same_trials_whatever_else_is_in_the_stream() -> None:
    whole, alone = load().experiences[8], load(tasks=("contextdm1",)).experiences[0]
    other = load_stream(StreamOptions(name="cognitive", split_seed=1), 64).experiences[8]
    assert (whole.name, len(whole.train), len(whole.validation), len(whole.test)) == ("contextdm1", 1024, 256, 512)
    np.testing.assert_array_equal(whole.test.targets, alone.test.targets)
    np.testing.assert_array_equal(whole.test.x[:9][:, :, :33], alone.test.x[:9][:, :, :33])
    assert not np.array_equal(whole.test.targets, other.test.targets)  # type: ignore[arg-type]
    assert not np.array_equal(whole.test.targets[:256], whole.validation.targets)  # type: ignore[arg-type, index]


def test_offsets_turn_the_rings_against_the_answers() -> None:
    stream = load(tasks=("fdgo", "dm1"), offset=(0.0, 90.0), rule="hidden", trials=TRIALS)
    assert [e.name for e in stream.experiences] == ["fdgo 0", "dm1 0", "fdgo 90", "dm1 90"]
    assert stream.channels == 33
    turned = stream.experiences[2].train
    assert turned.targets is not None
    answer = np.arctan2(turned.targets[:, -1, 2], turned.targets[:, -1, 1])
    seen = np.array([answered("fdgo", x) for x in turned.x[:]])
    np.testing.assert_allclose(between(seen - np.pi / 2, answer), 0, atol=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ("fdgo", "dm3")}, r"stream\.cognitive\.tasks names 'dm3', which is none; did you mean dm[12]\?"),
        ({"tasks": ("dm1", "dm1")}, r"tasks = \['dm1', 'dm1'\] names one twice"),
        ({"offset": (360.0,)}, r"offset = \[360\.0\] must hold angles from 0 to below 360"),
        ({"coherences": (0.9,)}, r"coherences = \[0\.9\] must be one at least, above 0 and 0\.8 at most each"),
        ({"delays": (9, 4)}, r"delays = \[9, 4\] must be the shortest and the longest"),
        ({"ring": 4}, r"stream\.cognitive\.ring = 4"),
    ],
)
def test_options_say_what_they_refuse(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CognitiveOptions(**options)  # type: ignore[arg-type]


def test_too_few_steps_and_paths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stream\.steps = 40 is too short for trials of delaydm1 .* give 48 or more"):
        load_stream(StreamOptions(name="cognitive", steps=40, cognitive=CognitiveOptions(tasks=("delaydm1",))), 64)
    with pytest.raises(ValueError, match=r"stream\.path = 'x': the stream cognitive is made; leave the path empty"):
        load_stream(StreamOptions(name="cognitive", path="x"), 64)
    with pytest.raises(ValueError, match=r"cognitive has 53 channels and the chip 48 north wires"):
        load_stream(StreamOptions(name="cognitive"), 48)
