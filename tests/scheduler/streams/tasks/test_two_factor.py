from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, load_stream
from smalti.scheduler.streams.made_options import TwoFactorOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.splits import in_order
from smalti.scheduler.streams.types import PARTS, Loaded, Stream

CLASSES, EACH, SIDE = 6, 24, 4


def mine(options: StreamOptions) -> Loaded:
    """Images whose first pixel names the sample; half of each class in one domain, half in another."""
    y = np.tile(np.arange(CLASSES), EACH)
    x = np.random.default_rng(0).random((len(y), 1, SIDE * SIDE), dtype=np.float32)
    x[:, 0, 0] = np.arange(len(y)) / len(y)
    domain = np.repeat([0, 1], len(y) // 2)
    names = tuple("abcdef")
    return Loaded(
        origin="mine",
        x=x,
        y=y,
        class_names=names,
        steps=6,
        image=(SIDE, SIDE),
        domain=domain,
        domain_names=("ann", "bob"),
    )


@pytest.fixture(autouse=True)
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAMS, "mine", mine)


def options(split_seed: int = 0, **own: object) -> StreamOptions:
    two_factor = TwoFactorOptions(**{"of": "mine"} | own)  # type: ignore[arg-type]
    return StreamOptions(name="two-factor", setting="task", shuffle=True, two_factor=two_factor, split_seed=split_seed)


def load(**own: object) -> Stream:
    return load_stream(options(**own), 64)  # type: ignore[arg-type]


def test_every_combination_is_a_task_or_held_out() -> None:
    stream = load(ways=4, questions=3, held_out=0.25)
    assert len(stream.experiences) == 9
    assert len(stream.held_out) == 3
    assert sorted(stream.factors) == [(way, asked) for way in range(4) for asked in range(3)]
    everyone = [*stream.experiences, *stream.held_out]
    assert [e.task for e in everyone] == list(range(12))
    assert [label for e in everyone for label in e.classes] == list(range(12 * CLASSES))


def test_what_is_held_out_keeps_two_others_of_its_view_and_of_its_question() -> None:
    stream = load(ways=4, questions=4, held_out=0.9)
    trained = [stream.factors[e.task] for e in stream.experiences]
    assert len(stream.held_out) == 8
    for place in (0, 1):
        assert np.bincount([factors[place] for factors in trained], minlength=4).min() == 2


def test_samples_stay_in_their_part_and_are_permuted_alike_by_one_view() -> None:
    stream, given = load(ways=3, questions=2, held_out=0.0), mine(StreamOptions())
    number_of = {tuple(sorted(row)): k for k, row in enumerate(given.x[:, 0].tolist())}
    part_of: dict[int, str] = {}
    shown: dict[tuple[int, int], list[float]] = {}
    for e in stream.experiences:
        view = stream.factors[e.task][0]
        for part in PARTS:
            for row in getattr(e, part).x[:, 0].tolist():
                number = number_of[tuple(sorted(row))]
                assert part_of.setdefault(number, part) == part
                assert shown.setdefault((view, number), row) == row
    assert shown[0, 0] == given.x[0, 0].tolist()
    assert shown[1, 0] != shown[2, 0]


def test_names_are_other_names_for_all_classes() -> None:
    stream, given = load(ways=1, questions=3, held_out=0.0), mine(StreamOptions())
    number_of = {tuple(row): k for k, row in enumerate(given.x[:, 0].tolist())}
    names = []
    for e in stream.experiences:
        own = {
            int(given.y[number_of[tuple(row)]]): int(label)
            for row, label in zip(e.test.x[:, 0].tolist(), e.test.y, strict=True)
        }
        assert len(own) == CLASSES
        names.append([own[c] - e.classes[0] for c in range(CLASSES)])
    assert all(sorted(each) == list(range(CLASSES)) for each in names)
    assert len({tuple(each) for each in names}) == 3


def test_several_classes_share_a_name_where_there_are_fewer() -> None:
    stream = load(ways=1, questions=2, answers=3, held_out=0.0)
    for e in stream.experiences:
        assert len(e.classes) == 3
        assert np.bincount(e.train.y - e.classes[0]).tolist() == [2 * len(e.train.y) // CLASSES] * 3


def test_a_pair_shows_its_two_classes_alone() -> None:
    stream = load(ways=2, questions=3, asks="pairs", held_out=0.0)
    assert stream.notes[-1].startswith("6 tasks are trained, and none is held out")
    whole = {
        tuple(sorted(row)): label
        for row, label in zip(mine(StreamOptions()).x[:, 0].tolist(), [*range(6)] * EACH, strict=True)
    }
    for e in stream.experiences:
        question = stream.factors[e.task][1]
        shown = {whole[tuple(sorted(row))] for row in e.train.x[:, 0].tolist()}
        assert shown == {2 * question, 2 * question + 1}


def test_a_turned_view_is_a_turned_image() -> None:
    stream, given = load(ways=6, questions=1, views="turned", held_out=0.0), mine(StreamOptions())
    first, turned, mirrored = (stream.experiences[k].test.x[0, 0].reshape(SIDE, SIDE) for k in (0, 1, 5))
    np.testing.assert_array_equal(turned, np.rot90(first))
    np.testing.assert_array_equal(mirrored, np.rot90(first[:, ::-1]))
    assert first.ravel()[0] in given.x[:, 0, 0]


def test_a_domain_is_a_view_of_its_own_samples() -> None:
    stream = load(ways=2, questions=2, views="domains", held_out=0.0)
    ann, bob = ({tuple(row) for row in stream.experiences[k].train.x[:, 0].tolist()} for k in (0, 2))
    assert stream.experiences[0].name == "ann, names 0"
    assert not ann & bob
    assert max(row[0] for row in ann) < 0.5 <= min(row[0] for row in bob)


def test_a_limit_is_of_the_classes_of_tasks() -> None:
    asked = options(ways=2, questions=2, views="domains", held_out=0.0)
    stream = load_stream(replace(asked, limit=6), 64)
    for e in stream.experiences:
        every = np.concatenate([getattr(e, part).y for part in PARTS])
        assert np.unique(every, return_counts=True)[1].tolist() == [6] * CLASSES


def test_a_linked_order_shares_a_factor_with_what_came_before() -> None:
    given = load(ways=6, questions=5)
    orders = [in_order(given, options(), np.random.default_rng(seed)).experiences for seed in range(8)]
    assert len({tuple(e.task for e in order) for order in orders}) == 8
    for order in orders:
        assert sorted(e.task for e in order) == list(range(24))
        known: list[set[int]] = [set(), set()]
        for k, e in enumerate(order):
            shares = [factor in own for factor, own in zip(given.factors[e.task], known, strict=True)]
            assert any(shares) or k == 0
            for factor, own in zip(given.factors[e.task], known, strict=True):
                own.add(factor)


def test_any_order_may_come_where_links_are_not_asked_for() -> None:
    given = load(ways=6, questions=5)
    asked = options(linked=False)
    apart = 0
    for seed in range(20):
        order = in_order(given, asked, np.random.default_rng(seed)).experiences
        apart += any(
            given.factors[a.task][0] != given.factors[b.task][0]
            and given.factors[a.task][1] != given.factors[b.task][1]
            for a, b in pairwise(order[:2])
        )
    assert apart > 5


def test_other_seeds_of_the_split_draw_other_names_and_hold_out_others() -> None:
    held = {load_stream(options(split_seed=seed), 64).factors[-6:] for seed in range(5)}
    assert len(held) > 3


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"ways": 3, "views": "domains"}, "asks for as many domains, and mine has 2"),
        ({"ways": 9, "views": "turned"}, "mirrored in 8 ways"),
        ({"asks": "pairs", "questions": 4}, "4 pairs take 8 classes, and mine has 6: take 3 or fewer"),
        ({"answers": 7}, "mine has 6 classes to name"),
        ({"of": "two-factor"}, "stream.two_factor.of = 'two-factor' is no stream"),
        ({"of": "cognitive"}, "asks for answers in time"),
    ],
)
def test_what_cannot_be_made_is_refused(own: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        load(**own)


@pytest.mark.parametrize(("name", "value"), [("answers", 1), ("held_out", 1.0), ("ways", 0)])
def test_options_have_bounds(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"stream.two_factor.{name} = {value}")):
        TwoFactorOptions(**{name: value})  # type: ignore[arg-type]


def test_other_settings_know_no_combinations() -> None:
    with pytest.raises(ValueError, match="take stream\\.setting task"):
        load_stream(StreamOptions(name="two-factor", setting="joint", two_factor=TwoFactorOptions(of="mine")), 64)
