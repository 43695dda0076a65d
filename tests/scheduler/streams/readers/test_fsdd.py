from __future__ import annotations

import os
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.coding.encode import draw
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.fsdd import BANDS, HIGHEST, LOWEST, RATE, encode, load_fsdd
from smalti.scheduler.streams.types import Floats, Samples


def tone(frequency: float, seconds: float = 0.4) -> Floats:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def nearest_band(frequency: float) -> int:
    """The band with the nearest centre, from the mel formula alone."""
    low, high, here = (2595 * np.log10(1 + f / 700) for f in (LOWEST, HIGHEST, frequency))
    return int(np.rint((here - low) / (high - low) * (BANDS + 1))) - 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two digits, two speakers, recordings 3-9: a digit is a tone, a speaker a loudness and a length."""
    recordings = tmp_path / "data" / "recordings"
    recordings.mkdir(parents=True)
    (recordings / "README.md").write_text("no recording")
    for digit, frequency in ((0, 400.0), (1, 1500.0)):
        for speaker, loudness, seconds in (("ann", 30000, 0.3), ("bob", 3000, 0.6)):
            for index in range(3, 10):
                audio = tone(frequency + 3 * index, seconds) * loudness
                wavfile.write(recordings / f"{digit}_{speaker}_{index}.wav", RATE, audio.astype(np.int16))
    return tmp_path / "data"


def options(path: Path, **fields: object) -> StreamOptions:
    return StreamOptions(name="fsdd", path=str(path), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("frequency", [300.0, 700.0, 1200.0, 2000.0, 3000.0])
def test_a_tone_drives_the_sustained_channel_of_its_band(frequency: float) -> None:
    x = encode(tone(frequency), 50)
    assert x.shape == (50, 2 * BANDS)
    assert x.dtype == np.float32
    middle = x[10:40, :BANDS].mean(axis=0)
    assert middle[nearest_band(frequency)] == 1
    assert np.flatnonzero(middle).tolist() == list(range(np.flatnonzero(middle)[0], np.flatnonzero(middle)[-1] + 1))
    assert np.count_nonzero(middle) < 8


def test_onset_channels_fire_when_a_band_rises_and_only_then() -> None:
    before, after = tone(500.0, 0.2), tone(2500.0, 0.2)
    x = encode(np.concatenate([before, after]), 50)
    low, high = BANDS + nearest_band(500.0), BANDS + nearest_band(2500.0)
    assert x[0, low] == 1
    assert np.flatnonzero(x[:, high])[0] in range(22, 26)  # half way, less half a frame
    assert (x[24:27, high] > 0.9).any()
    for steady in (slice(6, 20), slice(32, 46)):  # the end is a click: the tone breaks off
        assert x[steady][:, [low, high]].max() < 0.01
        assert x[steady, BANDS:].mean() < 0.01


def test_silence_gives_nothing_and_loudness_and_length_do_not_matter() -> None:
    assert not encode(np.zeros(3000, dtype=np.float32), 50).any()
    audio = np.concatenate([tone(500.0, 0.2), tone(2500.0, 0.2)])
    np.testing.assert_allclose(encode(audio * np.float32(0.01), 50), encode(audio, 50), atol=1e-4)
    slow = np.concatenate([tone(500.0, 0.4), tone(2500.0, 0.4)])
    assert np.abs(encode(slow, 50)[:, :BANDS] - encode(audio, 50)[:, :BANDS]).mean() < 0.02


@pytest.mark.parametrize(("samples", "steps"), [(1, 50), (100, 50), (3000, 1), (3000, 2), (200, 400), (20000, 25)])
def test_any_length_gives_probabilities(samples: int, steps: int) -> None:
    x = encode(np.random.default_rng(0).normal(size=samples).astype(np.float32), steps)
    assert x.shape == (steps, 2 * BANDS)
    assert x.min() >= 0
    assert x.max() <= 1


def test_folder_and_zip_give_the_same_with_the_authors_split(folder: Path, tmp_path: Path) -> None:
    loaded = load_fsdd(options(folder, steps=20))
    assert loaded.x.shape == (28, 20, 64)
    assert loaded.y.tolist() == [0] * 14 + [1] * 14
    assert loaded.domain_names == ("ann", "bob")
    assert loaded.part is not None
    assert loaded.part.tolist() == (["test"] * 2 + ["train"] * 5) * 4
    archive = shutil.make_archive(str(tmp_path / "fsdd"), "zip", tmp_path, "data")
    zipped = load_fsdd(options(Path(archive), steps=20))
    np.testing.assert_array_equal(zipped.x, loaded.x)
    np.testing.assert_array_equal(zipped.y, loaded.y)
    bare = load_fsdd(options(folder / "recordings", steps=20))
    np.testing.assert_array_equal(bare.x, loaded.x)


def test_speakers_are_domains(folder: Path) -> None:
    stream = load_stream(options(folder, setting="domain", by="speaker"), 64)
    assert [e.name for e in stream.experiences] == ["ann", "bob"]
    assert [e.classes for e in stream.experiences] == [(0, 1), (0, 1)]
    assert [(len(e.train), len(e.validation), len(e.test)) for e in stream.experiences] == [
        (8, 2, 4),
        (8, 2, 4),
    ]
    assert (stream.channels, stream.steps, stream.classes) == (64, 50, 2)
    with pytest.raises(ValueError, match=r"set stream.by = 'speaker'"):
        load_fsdd(options(folder, setting="domain"))


@pytest.mark.parametrize(
    ("fields", "tests"),
    [
        ({"setting": "joint"}, [{0, 1}]),
        ({"setting": "class"}, [{0, 1}]),
        ({"setting": "task"}, [{0, 1}]),
        ({"setting": "domain", "by": "speaker"}, [{0, 1}]),
        ({"setting": "domain", "transform": "permuted", "tasks": 2}, [{0, 1}, {0, 1}]),
    ],
)
def test_a_speaker_held_out_is_the_whole_test_part_and_never_trained_on(
    folder: Path, fields: dict[str, Any], tests: list[set[int]]
) -> None:
    loaded = load_fsdd(options(folder, hold_out="bob"))
    assert loaded.part is None
    assert loaded.domain is not None
    bob = np.flatnonzero(loaded.domain == 1)
    stream = load_stream(options(folder, hold_out="bob", **fields), 64)
    assert [set(e.test.y.tolist()) for e in stream.experiences] == tests
    for e in stream.experiences:
        copy = 28 * e.task  # a transform's copies of the 28 recordings are numbered on
        assert len(e.test) == 14  # recordings 3-9 of two digits, 5-9 as well
        seen = {tuple(row) for row in np.concatenate([e.train.x, e.validation.x]).sum(axis=1)}
        heard = {tuple(row) for row in e.test.x.sum(axis=1)}
        assert not seen & heard
        if fields.get("transform") is None:
            assert sorted(e.test.index.tolist()) == bob.tolist()
            together = np.concatenate([e.train.index, e.validation.index])
            assert sorted(together.tolist()) == np.setdiff1d(np.arange(28), bob).tolist()
        assert (e.test.index >= copy).all()
    assert "bob held out: all 14 samples are the test part" in stream.notes[0]


def test_one_held_out_of_three_is_the_test_part_of_every_other_speaker(folder: Path) -> None:
    for file in (folder / "recordings").glob("*_ann_*.wav"):
        shutil.copy(file, file.with_name(file.name.replace("ann", "cat")))
    stream = load_stream(options(folder, setting="domain", by="speaker", hold_out="bob"), 64)
    assert [e.name for e in stream.experiences] == ["ann", "cat"]
    assert [(len(e.train), len(e.validation)) for e in stream.experiences] == [(11, 3), (11, 3)]
    np.testing.assert_array_equal(*(e.test.index for e in stream.experiences))
    assert len(stream.experiences[0].test) == 14


def test_an_unknown_speaker_gets_the_names_of_the_known(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"stream.hold_out = 'eve' is not in .*; take one of ann, bob"):
        load_stream(options(folder, hold_out="eve"), 64)


def test_unfit_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stream\.path is empty; .*free-spoken-digit-dataset"):
        load_fsdd(StreamOptions(name="fsdd"))
    with pytest.raises(ValueError, match=r"away\.zip'.*no such file"):
        load_fsdd(options(tmp_path / "away.zip"))
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ValueError, match=r"text\.zip: this is neither a folder nor a zip"):
        load_fsdd(options(tmp_path / "text.zip"))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("recordings/hello.wav", b"")
    with pytest.raises(ValueError, match=r"other\.zip: no recordings"):
        load_fsdd(options(tmp_path / "other.zip"))
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a/recordings/0_ann_1.wav", b"")
        archive.writestr("b/recordings/0_ann_1.wav", b"")
    with pytest.raises(ValueError, match=r"twice\.zip: .* are the same recording"):
        load_fsdd(options(tmp_path / "twice.zip"))


@pytest.mark.parametrize(
    ("rate", "audio"),
    [
        (16000, np.ones(100, dtype=np.int16)),
        (8000, np.ones((100, 2), dtype=np.int16)),
        (8000, np.ones(100, dtype=np.float32)),
        (8000, np.ones(0, dtype=np.int16)),
    ],
)
def test_recordings_of_another_format_are_named(folder: Path, rate: int, audio: Floats) -> None:
    wavfile.write(folder / "recordings" / "1_bob_4.wav", rate, audio)
    with pytest.raises(ValueError, match=r"1_bob_4\.wav has shape .*16-bit mono at 8000 Hz"):
        load_fsdd(options(folder))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav at all"])
def test_damaged_recordings_are_named(folder: Path, content: bytes) -> None:
    (folder / "recordings" / "0_ann_3.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"0_ann_3\.wav cannot be read .*replace it"):
        load_fsdd(options(folder))


def header(
    channels: int = 1, rate: int = RATE, bits: int = 16, data: bytes = bytes(2000), announced: int = -1
) -> bytes:
    """A wav of any header."""
    size = len(data) if announced < 0 else announced
    block = channels * bits // 8 % 2**16
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block % 2**32, block, bits)
    return b"RIFF" + struct.pack("<I", (36 + size) % 2**32) + b"WAVE" + fmt + b"data" + struct.pack("<I", size) + data


@pytest.mark.parametrize(
    "content",
    [
        header(channels=0),
        header(rate=0),
        header(bits=0),
        header(bits=7),
        header(channels=65535),
        header(announced=2**32 - 1, data=b""),
        header()[:30],
        header()[:40],
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 50_000,
        b"II*\0" + bytes(range(256)),
    ],
)
def test_odd_headers_are_named(folder: Path, content: bytes) -> None:
    (folder / "recordings" / "0_ann_3.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"0_ann_3\.wav (cannot be read|has shape|holds)"):
        load_fsdd(options(folder))


def test_recordings_shorter_than_a_frame_are_refused_by_name(folder: Path) -> None:
    (folder / "recordings" / "1_bob_4.wav").write_bytes(header(data=bytes(6), announced=8000))
    with pytest.raises(ValueError, match=r"1_bob_4\.wav holds 3 samples, less than a frame of 256 .*remove it"):
        load_fsdd(options(folder))
    (folder / "recordings" / "1_bob_4.wav").unlink()  # the cure
    assert len(load_fsdd(options(folder)).y) == 27


def test_recordings_that_are_cut_off_are_noted_by_name(folder: Path) -> None:
    for index in range(3, 8):
        file = folder / "recordings" / f"0_ann_{index}.wav"
        file.write_bytes(file.read_bytes()[:2000])
    (note,) = load_fsdd(options(folder)).notes[1:]
    assert note.startswith("warning: 0_ann_3.wav: Reached EOF prematurely")
    assert "0_ann_5.wav" in note
    assert note.endswith("and 2 more")


def zipped(folder: Path, **changes: bytes) -> Path:
    """A zip of the folder with further or other recordings."""
    files = {file.name: file.read_bytes() for file in (folder / "recordings").iterdir()}
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | {f"{key}.wav": content for key, content in changes.items()}).items():
            archive.writestr(name, content)
    return folder / "all.zip"


def test_zips_that_would_grow_without_bounds_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"all\.zip: 9_eve_1\.wav has 2\.0 MiB, more than a minute"):
        load_fsdd(options(zipped(folder, **{"9_eve_1": bytes(2**21)})))
    many = {f"9_eve_{k}": bytes(2**20) for k in range(130)}
    with pytest.raises(ValueError, match=r"all\.zip would take .* 128\.0 MiB are allowed"):
        load_fsdd(options(zipped(folder, **many)))


def test_an_entry_that_holds_more_than_it_declares_is_not_read_to_its_end(folder: Path) -> None:
    path = zipped(folder, **{"9_eve_1": bytes(2**26)})
    content = bytearray(path.read_bytes())
    name = content.rindex(b"9_eve_1.wav")
    struct.pack_into("<I", content, name - 46 + 24, 1000)  # its size, in the list at the end
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"9_eve_1\.wav cannot be read"):
        load_fsdd(options(path))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_other_compressions_are_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("0_ann_1.wav", bytes(100))
    with pytest.raises(ValueError, match=r"all\.zip: 0_ann_1\.wav is compressed by method 14"):
        load_fsdd(options(folder / "all.zip"))


def test_the_real_recordings_can_be_told_apart_linearly() -> None:
    """Logistic regression on spike counts in five windows: .954-.972 on validation over three splits."""
    path = Path(os.environ.get("SMALTI_FSDD", ""))
    if not path.is_file() and not (path / "recordings").is_dir():
        pytest.skip("set SMALTI_FSDD to the zip of the Free Spoken Digit Dataset to run this test")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stream = load_stream(options(path, setting="joint"), 64)
    data = stream.experiences[0]
    assert (len(data.train), len(data.validation), len(data.test)) == (2160, 540, 300)
    assert 0.1 < data.train.x.mean() < 0.2

    def counts(samples: Samples, entropy: tuple[int, ...]) -> Floats:
        spikes = draw(samples, stream.steps, entropy).reshape(len(samples), 5, 10, 64)
        return np.asarray(np.sqrt(spikes.sum(axis=2).reshape(len(samples), -1)), dtype=np.float32)

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=2000))
    model.fit(counts(data.train, (0, 0)), data.train.y)
    assert model.score(counts(data.validation, (0, 1)), data.validation.y) > 0.94
