from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.file_options import SpikeTrainOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.spikes.shd import load_shd, rate_free
from smalti.scheduler.streams.spikes.packed import Packer
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Loaded, Samples

UNITS = 70


def spoken(classes: int, speakers: list[int], chance: np.random.Generator) -> tuple[list[Any], ...]:
    """Two recordings of every class by every speaker: the class fires more in a seventh of the units."""
    times, units, labels, who = [], [], [], []
    for speaker in speakers:
        for label in list(range(classes)) * 2:
            unit = np.append(chance.integers(0, UNITS, 140), chance.integers(0, 10, 60) + 10 * (label % 7))
            times.append(chance.random(len(unit)) * 1.39)
            units.append(unit)
            labels.append(label)
            who.append(speaker)
    return times, units, labels, who


def write(path: Path, classes: int, speakers: list[int], keys: list[str] | None = None) -> Path:
    h5py = pytest.importorskip("h5py", reason="the extra shd is not installed")
    times, units, labels, who = spoken(classes, speakers, np.random.default_rng(len(speakers)))
    with h5py.File(path, "w") as file:
        for name, kind, rows in (("times", np.float16, times), ("units", np.uint16, units)):
            dataset = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(kind))
            for number, row in enumerate(rows):
                dataset[number] = row.astype(kind)
        file["labels"] = np.array(labels, dtype=np.uint16)
        file["extra/speaker"] = np.array(who, dtype=np.uint16)
        if keys:
            file["extra/keys"] = keys
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As published: speakers 4 and 5 are in the test part alone."""
    keys = [f"{k}" for k in range(10)] + [f"{k} auf Deutsch" for k in range(10)]
    write(tmp_path / "shd_train.h5", 20, [0, 1, 2, 3, 6], keys)
    write(tmp_path / "shd_test.h5", 20, [0, 1, 2, 3, 4, 5, 6], keys)
    return tmp_path


def options(path: Path, **fields: Any) -> StreamOptions:
    return StreamOptions(name="shd", path=str(path), **fields)


def speakers(loaded: Loaded, part: str) -> set[str]:
    assert loaded.domain is not None
    assert loaded.part is not None
    return {loaded.domain_names[k] for k in loaded.domain[loaded.part == part]}


def test_spikes_fall_into_their_steps_and_units(folder: Path) -> None:
    loaded = load_shd(options(folder, steps=50))
    assert loaded.x.shape == (40 * 12, 50, UNITS)
    times, units, labels, _ = spoken(20, [0, 1, 2, 3, 6], np.random.default_rng(5))
    expected = np.zeros((50, UNITS), dtype=np.float32)
    expected[(times[7].astype(np.float16).astype(float) / 1.4 * 50).astype(int), units[7]] = 1
    np.testing.assert_array_equal(loaded.x[7], expected)
    assert loaded.y[:200].tolist() == labels
    assert loaded.class_names[:11] == (*map(str, range(10)), "0 auf Deutsch")
    assert "70 units, 1.4 s in 50 time steps of 28 ms" in loaded.notes


def test_parts_are_the_authors_and_validation_is_by_speaker(folder: Path) -> None:
    loaded = load_shd(options(folder))
    assert speakers(loaded, "test") == set("0123456")
    assert len(speakers(loaded, "validation")) == 1
    assert speakers(loaded, "train") | speakers(loaded, "validation") == set("01236")
    assert not speakers(loaded, "train") & speakers(loaded, "validation")
    assert (loaded.part == "test").sum() == 280
    others = [speakers(load_shd(options(folder, split_seed=seed)), "validation") for seed in range(6)]
    assert len({tuple(chosen) for chosen in others}) > 1


def test_the_chip_hears_pooled_spikes_kept_a_bit_each(folder: Path) -> None:
    stream = load_stream(options(folder), 64)
    assert (stream.channels, stream.steps, stream.classes) == (35, 100, 20)
    assert "pooled 70 -> 35 channels, factor 2, firing where one of them does" in stream.notes
    train = stream.experiences[0].train
    assert isinstance(train.x, Rendered)
    assert train.x.spikes
    raw = load_shd(options(folder)).x[train.index[:3]]
    np.testing.assert_array_equal(train.x[:3], raw.reshape(3, 100, 35, 2).max(axis=3))


def test_the_same_streams_come_of_spikes_kept_as_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = load_stream(options(folder, limit=9), 64)
    monkeypatch.setitem(
        __import__("smalti.scheduler.streams", fromlist=["STREAMS"]).STREAMS,
        "shd",
        lambda given: (lambda loaded: replace(loaded, x=loaded.x[:]))(load_shd(given)),
    )
    plain = load_stream(options(folder, limit=9), 64)
    assert packed.notes == plain.notes
    for one, other in zip(packed.experiences, plain.experiences, strict=True):
        np.testing.assert_array_equal(np.asarray(one.train.x), other.train.x)
        np.testing.assert_array_equal(one.test.index, other.test.index)


def test_languages_and_speakers_are_domains(folder: Path) -> None:
    stream = load_stream(options(folder, setting="domain", by="language"), 64)
    assert [(e.name, e.classes) for e in stream.experiences] == [
        (name, tuple(range(10))) for name in ("English", "German")
    ]
    stream = load_stream(options(folder, setting="domain", by="speaker"), 64)
    assert [e.name for e in stream.experiences] == list("01236")
    assert any("test part alone (4, 5)" in note for note in stream.notes)
    stream = load_stream(options(folder, setting="domain", by="speaker", hold_out="4"), 64)
    assert [e.name for e in stream.experiences] == list("012356")
    assert {len(e.test) for e in stream.experiences} == {40}


def test_a_single_file_of_the_layout_is_split(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.h5", 3, [0, 1])
    stream = load_stream(options(path, setting="joint"), 64)
    assert stream.classes == 3
    assert "the parts of a single file are drawn" in stream.notes


def test_files_of_ssc_beside_those_of_shd_are_told_apart(folder: Path) -> None:
    for part, who in (("train", [0, 1]), ("valid", [2]), ("test", [3])):
        write(folder / f"ssc_{part}.h5", 5, who)
    loaded = load_shd(StreamOptions(name="ssc", path=str(folder)))
    assert len(loaded.class_names) == 5
    assert speakers(loaded, "validation") == {"2"}


def test_rate_free_samples_have_equal_counts_in_every_channel(folder: Path) -> None:
    shd = SpikeTrainOptions(rate_free=True, channels=14, count=4)
    loaded = load_shd(options(folder, shd=shd))
    counts = loaded.x[:].sum(axis=1)
    assert counts.shape[1] > 5
    assert set(counts.reshape(-1).tolist()) == {4.0}
    assert f"rate-free: {counts.shape[1]} of 14 channels are kept, each with 4 spikes in every sample" in loaded.notes
    again = load_shd(options(folder, shd=shd))
    np.testing.assert_array_equal(loaded.x[:], again.x[:])


def test_rate_free_spikes_are_the_samples_own() -> None:
    x = (np.random.default_rng(0).random((40, 30, 6)) < 0.5).astype(np.float32)
    x[:, :, 5] = 0  # a channel with too few
    packer = Packer("mine", 40, 30, 6, "")
    packer.fill(slice(0, 40), x)
    loaded = Loaded(origin="mine", x=packer.spikes(), y=np.arange(40) % 2, class_names=("a", "b"), steps=30)
    drawn, _ = rate_free(loaded, StreamOptions(shd=SpikeTrainOptions(rate_free=True, count=5)))
    assert drawn.shape == (40, 30, 5)
    own = x.sum(axis=1)[:, :5] >= 5
    assert own.all()
    assert (drawn[:] <= x[:, :, :5]).all()


def test_late_spikes_are_counted_and_short_recordings_are_told(folder: Path) -> None:
    notes = load_shd(options(folder, shd=SpikeTrainOptions(seconds=0.7))).notes
    assert any("spikes come after 0.7 s and are dropped; the last at 1.39 s" in note for note in notes)
    notes = load_shd(options(folder, shd=SpikeTrainOptions(seconds=3.0))).notes
    assert "warning: the last spike comes at 1.39 s; set stream.shd.seconds to that" in notes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"setting": "domain"}, "the domains of spoken words are speakers or languages; set stream.by"),
        ({"shd": SpikeTrainOptions(units=50)}, r"spikes/units of sample \d+ holds \d+, and stream.shd.units = 50"),
        ({"shd": SpikeTrainOptions(rate_free=True, count=101)}, "count = 101 spikes do not fit into 100 time steps"),
        ({"shd": SpikeTrainOptions(rate_free=True, count=90)}, "0 of 64 channels have 90 spikes in nine of ten"),
    ],
)
def test_options_that_do_not_go_with_the_files(folder: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_shd(options(folder, **fields))


def test_paths_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stream\.path is empty; give a folder"):
        load_shd(StreamOptions(name="shd"))
    with pytest.raises(ValueError, match=r"no file of it ends in _train\.h5; give a folder with shd_train\.h5"):
        load_shd(options(tmp_path))
    write(tmp_path / "a_train.h5", 3, [0])
    write(tmp_path / "b_train.h5", 3, [0])
    with pytest.raises(ValueError, match=r"a_train\.h5 and b_train\.h5 are both a part train; remove one"):
        load_shd(options(tmp_path))
    with pytest.raises(ValueError, match=r"c\.h5: there is no such file"):
        load_shd(options(tmp_path / "c.h5"))
    with pytest.raises(ValueError, match="whose 20 classes are ten digits in English, then in German"):
        load_shd(options(tmp_path / "a_train.h5", setting="domain", by="language"))


def test_samples_select_without_being_spelled_out(folder: Path) -> None:
    loaded = load_shd(options(folder))
    some = Samples(loaded.x, loaded.y, np.arange(len(loaded.y))).select(np.array([5, 2]))
    assert isinstance(some.x, Rendered)
    np.testing.assert_array_equal(some.x[:], loaded.x[np.array([5, 2])])
