from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import COGNITIVE, CognitiveOptions, LongCognitiveOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Experience, Floats, Stream

RING, TRIALS = 16, 40
PLAIN = {"permuted": 0.0, "offset": (0.0,), "noise": (0.0,)}


def load(split_seed: int = 0, cognitive: dict[str, Any] | None = None, **options: Any) -> Stream:
    own = CognitiveOptions(**{"trials": TRIALS, **(cognitive or {})})
    drawn = LongCognitiveOptions(**options)
    return load_stream(
        StreamOptions(name="long-cognitive", cognitive=own, long_cognitive=drawn, split_seed=split_seed), 64
    )


def ways(stream: Stream) -> dict[str, str]:
    """What the notes say of every view: number -> words."""
    listed = stream.notes[1].partition("name: ")[2]
    return dict(way.split(":", 1) for way in listed.split("; "))


def shown(experience: Experience) -> Floats:
    return experience.train.x[:]


def test_no_task_comes_twice_and_sizes_follow_the_trials() -> None:
    stream = load(tasks=100)
    names = [e.name for e in stream.experiences]
    assert len({*names}) == 100
    assert {name.split()[0] for name in names} == {*COGNITIVE}
    assert {name.split()[1] for name in names} == {*ways(stream)}
    first = stream.experiences[0]
    assert first.novel is not None
    assert [len(part) for part in (first.train, first.validation, first.test, first.novel)] == [40, 5, 10, 5]


@pytest.mark.parametrize(("related", "number"), [(0.0, 12), (1.0, 1)])
def test_related_tasks_share_a_way_to_show_trials(related: float, number: int) -> None:
    stream = load(tasks=12, related=related)
    assert len({e.name.split()[1] for e in stream.experiences}) == number
    assert len(ways(stream)) == number


def test_a_new_way_is_drawn_once_every_kind_has_been_shown_so() -> None:
    stream = load(tasks=7, related=1.0, cognitive={"tasks": ("fdgo", "dm1", "dmsgo")})
    assert [e.name.split()[1] for e in stream.experiences] == ["0"] * 3 + ["1"] * 3 + ["2"]


def test_the_rule_is_a_line_a_kind_and_half_of_the_lines_of_the_ways() -> None:
    stream = load(tasks=40)
    lines = {e.name: shown(e)[0, 0, 1 + 2 * RING :] > 0 for e in stream.experiences}
    for name, fires in lines.items():
        kind, view = name.split()
        assert np.flatnonzero(fires[:20]).tolist() == [COGNITIVE.index(kind)]
        assert fires[20:].sum() == len(fires[20:]) // 2
        others = [rest for other, rest in lines.items() if other.split()[1] != view]
        assert not any((rest[20:] == fires[20:]).all() for rest in others)
    assert load(tasks=40, cognitive={"rule": "hidden"}).channels == 1 + 2 * RING


def test_plain_trials_are_those_of_the_cognitive_tasks() -> None:
    """A stimulus of fdgo stands in the direction of the answer, and permuting moves its neurons about."""
    fdgo = {"cognitive": {"tasks": ("fdgo",)}, "tasks": 1, "delays": (20,)}
    (plain,) = load(**fdgo, **PLAIN).experiences
    x, targets, weights = shown(plain), plain.train.targets, plain.train.weights
    assert targets is not None
    assert weights is not None
    for trial, answer, asked in zip(x, targets, weights, strict=True):
        go = int(np.flatnonzero(asked == 5)[0])
        wanted = np.arctan2(answer[go, 2], answer[go, 1])
        both = trial[:, 1 : 1 + RING] + trial[:, 1 + RING : 1 + 2 * RING]
        bump = both.max(0) @ np.exp(2j * np.pi * np.arange(RING) / RING)
        assert np.cos(np.angle(bump) - wanted) > 0.999
    (moved,) = load(**fdgo, **{**PLAIN, "permuted": 1.0}).experiences
    rings = slice(1, 1 + 2 * RING)
    assert not np.array_equal(shown(moved), x)
    assert np.array_equal(np.sort(shown(moved)[:, :, rings], 2), np.sort(x[:, :, rings], 2))
    assert np.array_equal(shown(moved)[:, :, 0], x[:, :, 0])
    assert np.array_equal(moved.train.targets, targets)


def test_offsets_noise_and_delays_are_drawn_for_a_way() -> None:
    fdgo = {"cognitive": {"tasks": ("delaygo",)}, "tasks": 1}
    (plain,) = load(**fdgo, **PLAIN, delays=(8,)).experiences
    (turned,) = load(**fdgo, **{**PLAIN, "offset": (90.0,)}, delays=(8,)).experiences
    (noisy,) = load(**fdgo, **{**PLAIN, "noise": (0.1,)}, delays=(8,)).experiences
    rings = [shown(e)[:, :, 1 : 1 + 2 * RING] for e in (plain, turned, noisy)]
    first = [ring[:, :, :RING] for ring in rings]
    np.testing.assert_allclose(first[1], np.roll(first[0], RING // 4, 2), atol=1e-6)
    np.testing.assert_allclose(rings[2], 1 - 0.9 * (1 - rings[0]), atol=1e-6)
    silent = (rings[0].sum(2) > 0).sum(1)  # steps of the stimulus
    until = (shown(plain)[:, :, 0] > 0).sum(1)
    first_on = (rings[0].sum(2) > 0).argmax(1)
    waits = until - first_on - silent
    assert waits.min() >= 4
    assert waits.max() <= 8
    (longer,) = load(**fdgo, **PLAIN, delays=(20,)).experiences
    x = shown(longer)
    on = x[:, :, 1 : 1 + 2 * RING].sum(2) > 0
    assert ((x[:, :, 0] > 0).sum(1) - on.argmax(1) - on.sum(1)).max() > 8


def test_the_seed_of_the_split_says_what_is_drawn() -> None:
    one, same, other = load(), load(), load(split_seed=1)
    assert one.notes == same.notes
    for first, second in zip(one.experiences, same.experiences, strict=True):
        assert np.array_equal(shown(first)[:5], shown(second)[:5])
    assert one.notes != other.notes


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: load(tasks=0), r"stream\.long_cognitive\.tasks"),
        (lambda: load(related=1.5), r"stream\.long_cognitive\.related"),
        (lambda: load(noise=(1.0,)), r"stream\.long_cognitive\.noise = \[1\.0\] must hold chances from 0 to below 1"),
        (lambda: load(offset=()), r"stream\.long_cognitive\.offset = \[\] must hold degrees"),
        (lambda: load(delays=(2,)), r"holds a longest delay below the shortest, 4: give 4 or more, or lower"),
        (lambda: load(cognitive={"offset": (0.0, 90.0)}), r"turned by stream\.long_cognitive\.offset"),
        (lambda: load_stream(StreamOptions(name="long-cognitive", path="x"), 64), "leave the path empty"),
    ],
)
def test_bad_options_are_named(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
