from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.model.options.values import settle
from smalti.scheduler.configuration.config_io import differences, dump, flatten, from_mapping, load, merge, nested


@dataclass(frozen=True, kw_only=True)
class Inner:
    """The inner part.

    Attributes:
        method: how: adam, or sgd
            with momentum.
        rate: learning rate.
    """

    method: Literal["adam", "sgd"] = "adam"
    rate: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part.

    Attributes:
        inner: nested: goes last in the file.
        count: how many.
        pairs: broken tiles, as pairs.
        names: some names.
        share: a share and its name.
        level: 1 or 2.
        on: whether.
    """

    inner: Inner = field(default_factory=Inner)
    count: int = 3
    pairs: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ("a",)
    share: tuple[float, str] = (0.5, "half")
    level: Literal[1, 2] = 1
    on: bool = False

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"part.count = {self.count} must not be negative")


PARTS = (("a", Inner()), ("b_2", Inner(rate=0.2)))


@dataclass(frozen=True, kw_only=True)
class Many:
    """Parts by name.

    Attributes:
        parts: any number of them.
        last: a number.
    """

    parts: Mapping[str, Inner] = field(default_factory=dict)
    last: int = 1

    def __post_init__(self) -> None:
        settle(self, "")


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All.

    Attributes:
        part: the part.
        title: text.
    """

    part: Part = field(default_factory=Part)
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Needy:
    """Has no default."""

    count: int
    names: tuple[str, ...]


WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text()
FLOATS = st.floats(allow_nan=False)
WHOLES = st.builds(
    Whole,
    title=TEXTS,
    part=st.builds(
        Part,
        inner=st.builds(Inner, method=st.sampled_from(["adam", "sgd"]), rate=FLOATS),
        count=st.integers(0, 2**63 - 1),
        pairs=st.lists(st.tuples(WHOLE, WHOLE), max_size=3).map(tuple),
        names=st.lists(TEXTS, max_size=3).map(tuple),
        share=st.tuples(FLOATS, TEXTS),
        level=st.sampled_from([1, 2]),
        on=st.booleans(),
    ),
)


@given(config=WHOLES)
def test_what_is_dumped_loads_as_the_same(config: Whole) -> None:
    again = from_mapping(Whole, tomllib.loads(dump(config)))
    assert again == config
    assert repr(again) == repr(config)  # also -0.0, and 1 apart from 1.0 and True


def test_dump_as_a_person_reads_it() -> None:
    assert dump(Whole(part=Part(pairs=((1, 2), (3, 4))))) == (
        "# text.\n"
        'title = ""\n'
        "\n"
        "[part] # the part.\n"
        "# how many.\n"
        "count = 3\n"
        "# broken tiles, as pairs.\n"
        "pairs = [[1, 2], [3, 4]]\n"
        "# some names.\n"
        'names = ["a"]\n'
        "# a share and its name.\n"
        'share = [0.5, "half"]\n'
        "# 1 or 2.\n"
        "level = 1\n"
        "# whether.\n"
        "on = false\n"
        "\n"
        "[part.inner] # nested: goes last in the file.\n"
        "# how: adam, or sgd with momentum.\n"
        'method = "adam"\n'
        "# learning rate.\n"
        "rate = 0.1\n"
    )


def test_undescribed_fields_are_dumped_without_a_comment() -> None:
    assert dump(Needy(count=1, names=())) == "count = 1\nnames = []\n"


def test_what_is_left_out_takes_its_default_and_whole_numbers_are_numbers() -> None:
    assert from_mapping(Whole, {}) == Whole()
    made = from_mapping(Whole, {"part": {"inner": {"rate": 2}, "share": [1, "one"], "pairs": [[1, 2]]}})
    assert made == Whole(part=Part(inner=Inner(rate=2.0), share=(1.0, "one"), pairs=((1, 2),)))
    assert repr(made.part.inner.rate) == "2.0"
    assert repr(made.part.share) == "(1.0, 'one')"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"prat": {}}, "prat is unknown; did you mean part? allowed: part, title"),
        ({"part": {"Q": 1}}, "part.Q is unknown; allowed: inner, count, pairs, names, share, level, on"),
        (
            {"part": {"inner": {"rte": 1}}},
            "part.inner.rte is unknown; did you mean rate? allowed: method, rate",
        ),
        ({"part": 3}, "part = 3 must be a section [part] with fields of its own"),
        ({"part": {"inner": {"method": "sdg"}}}, "did you mean sgd? allowed: adam, sgd"),
        ({"part": {"inner": {"method": ["sgd"]}}}, "part.inner.method = ['sgd'] is unknown"),
        ({"part": {"level": 3}}, "part.level = 3 is unknown; allowed: 1, 2"),
        ({"part": {"level": True}}, "part.level = True is unknown; allowed: 1, 2"),
        ({"part": {"level": 1.0}}, "part.level = 1.0 is unknown; allowed: 1, 2"),
        ({"part": {"count": "3"}}, "part.count = '3' must be a whole number"),
        ({"part": {"count": 3.0}}, "part.count = 3.0 must be a whole number"),
        ({"part": {"count": True}}, "part.count = True must be a whole number"),
        ({"part": {"on": 1}}, "part.on = 1 must be true or false"),
        ({"part": {"inner": {"rate": False}}}, "part.inner.rate = False must be a number"),
        ({"part": {"inner": {"rate": "1"}}}, "part.inner.rate = '1' must be a number"),
        (
            {"part": {"inner": {"rate": math.nan}}},
            "part.inner.rate = nan never equals anything; give a number",
        ),
        ({"part": {"inner": {"rate": 10**400}}}, "part.inner.rate is too large"),
        ({"title": 3}, "title = 3 must be text in quotes"),
        ({"part": {"names": "abc"}}, "part.names = 'abc' must be a list, each item text in quotes"),
        ({"part": {"names": ["a", 1]}}, "part.names[1] = 1 must be text in quotes"),
        (
            {"part": {"pairs": [[1, 2], [3]]}},
            "part.pairs[1] = [3] must be a list of 2: a whole number, a whole",
        ),
        ({"part": {"pairs": [1, 2]}}, "part.pairs[0] = 1 must be a list of 2"),
        ({"part": {"share": ["half", 0.5]}}, "part.share[0] = 'half' must be a number"),
        ({"part": {"count": -1}}, "part.count = -1 must not be negative"),
    ],
)
def test_errors_say_what_was_given_and_what_is_allowed(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"part|title|prat") as caught:
        from_mapping(Whole, data)
    assert message in str(caught.value)


def test_missing_values_are_named() -> None:
    with pytest.raises(ValueError, match="names is missing; give a list, each item text in quotes"):
        from_mapping(Needy, {"count": 1})


def test_annotations_that_options_cannot_have_are_a_mistake_of_the_programmer() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong:
        path: dict = field(default_factory=dict)

    with pytest.raises(TypeError, match=r"options cannot be of type .*dict"):
        from_mapping(Wrong, {"path": {}})


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    config = Whole(title="ä", part=Part(count=8))
    file.write_text(dump(config), encoding="utf-8")
    assert load(Whole, str(file)) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title = 'a'\n[part]\ncount = = 3\n", r"is no valid TOML: .*at line 3"),
        (b"title = 'a'\n[part\n", r"is no valid TOML: .*at line 2"),
        (b"title = '", r"is no valid TOML: .*at line 1"),
        (b"title = 1\ntitle = 2\n", r"is no valid TOML: .*at line 2"),
        (b"[part]\ncount = " + b"9" * 5000, r"is no valid TOML: "),
        (b"title = 'a'\n\ntitle = '\xff'", r"is not UTF-8 \(at line 3\)"),
        (b"[part]\ncuont = 3\n", r": part\.cuont is unknown; did you mean count\?"),
        (b"[part]\ncount = -3\n", r": part\.count = -3 must not be negative"),
    ],
)
def test_faults_in_a_file_name_the_file_and_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.toml ?" + message):
        load(Whole, file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = " + "[" * 900 + "]" * 900, "nests lists or sections more than 32 deep"),
        ("a = " + "[" * 100_000, "nests lists or sections more than 32 deep"),
        ("a = " + "{a = " * 300 + "1" + "}" * 300, "nests lists or sections more than 32 deep"),
        (".".join("a" * 5000) + " = 1", "nests lists or sections more than 32 deep"),
        ("[" + ".".join("a" * 5000) + "]", "nests lists or sections more than 32 deep"),
        ("a = [" + "1," * 3_000_000 + "]", "has more than 4,194,304 bytes"),
    ],
)
def test_files_that_are_too_large_or_too_deep(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(ValueError, match=rf"mine\.toml {message}"):
        load(Whole, file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: embedded null byte"):
        load(Whole, "a\0b.toml")
    with pytest.raises(ValueError, match="has more than 4,194,304 bytes"):
        load(Whole, Path("/dev/zero"))
    with pytest.raises(ValueError, match=r"absent\.toml cannot be read: No such file"):
        load(Whole, tmp_path / "absent.toml")
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        load(Whole, tmp_path)


def test_a_mark_of_the_encoding_is_no_part_of_a_file(tmp_path: Path) -> None:
    from smalti.scheduler.configuration.config import Config

    file = tmp_path / "marked.toml"
    file.write_bytes(b"\xef\xbb\xbf[run]\nseed = 3\n")
    assert load(Config, file).run.seed == 3


def test_differences_and_flat_names() -> None:
    config = Whole(title="x", part=Part(inner=Inner(rate=0.2)))
    assert differences(config, Whole()) == {"title": "x", "part.inner.rate": 0.2}
    assert differences(Whole(), Whole()) == {}
    assert flatten(config)["part.share"] == (0.5, "half")
    assert len(flatten(config)) == 9
    assert replace(config, title="") != Whole()


def test_sections_with_names_of_ones_own() -> None:
    """They are dumped, read back, flattened and compared like any others."""
    config = Many(parts=dict(PARTS), last=4)
    assert from_mapping(Many, tomllib.loads(dump(config))) == config
    assert list(tomllib.loads(dump(config))["parts"]) == ["a", "b_2"]
    first, second = ({f"parts.{name}.{field}": value for field, value in flatten(part).items()} for name, part in PARTS)
    assert flatten(config) == {**first, **second, "last": 4}
    assert flatten(Many()) == {"last": 1}
    assert from_mapping(Many, nested(flatten(config))) == config
    assert differences(config, Many(parts={"a": Inner()})) == {**second, "last": 4}
    assert differences(Many(), config) == {**dict.fromkeys([*first, *second]), "last": 1}
    with pytest.raises(ValueError, match=r"parts\.a\.rat is unknown; did you mean rate\?"):
        from_mapping(Many, {"parts": {"a": {"rat": 1}}})


def test_merge_goes_into_sections_and_the_later_wins() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}}, {"d": {"e": 5}}) == {
        "a": {"b": 4, "c": 2},
        "d": {"e": 5},
    }
