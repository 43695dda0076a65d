"""Folders of recordings, a word each, in the layout of Speech Commands and of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.fsdd import encode
from smalti.scheduler.streams.readers.words import load_words, sound
from smalti.scheduler.streams.survey.guess import stream_of

RATE = 16_000
WORDS = {"down": 500.0, "left": 800.0, "stop": 1100.0, "up": 2300.0}


def tone(frequency: float, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    return np.asarray(0.4 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate))


def write(file: Path, audio: np.ndarray, rate: int = RATE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(file, rate, (audio * 32767).astype(np.int16))


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Four words by four speakers, each twice, lists of files, and noise that is no word."""
    folder = tmp_path / "commands"
    for word, frequency in WORDS.items():
        for who in range(4):
            for take in range(2):
                write(folder / word / f"a{who}_nohash_{take}.wav", tone(frequency * (1 + 0.02 * who)))
    write(folder / "_background_noise_" / "pink.wav", tone(70.0))
    for name, who in (("testing_list.txt", 0), ("validation_list.txt", 1)):
        lines = [f"{word}/a{who}_nohash_{take}.wav" for word in WORDS for take in range(2)]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def options(path: Path, **fields: object) -> StreamOptions:
    return StreamOptions(name="words", path=str(path), **fields)  # type: ignore[arg-type]


def test_words_speakers_and_published_parts(commands: Path) -> None:
    loaded = load_words(options(commands))
    assert loaded.class_names == ("down", "left", "stop", "up")
    assert loaded.x.shape == (32, 50, 64)
    assert loaded.y.tolist() == [word for word in range(4) for _ in range(8)]
    assert loaded.domain_names == ("a0", "a1", "a2", "a3")
    assert loaded.part is not None
    assert loaded.part.tolist() == (["test"] * 2 + ["validation"] * 2 + ["train"] * 4) * 4
    assert loaded.domain is not None
    assert loaded.domain.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] * 4


def test_a_zip_is_the_same_and_is_found_out(commands: Path) -> None:
    zipped = Path(shutil.make_archive(str(commands), "zip", commands.parent, commands.name))
    assert stream_of(zipped) == stream_of(commands) == "words"
    np.testing.assert_array_equal(load_words(options(zipped)).x, load_words(options(commands)).x)


def test_any_rate_format_and_number_of_channels_sounds_alike(tmp_path: Path) -> None:
    expected = encode(tone(1000.0, 0.5, 8000).astype(np.float32), 50)
    for name, rate, kind in (
        ("a", 16_000, "int16"),
        ("b", 44_100, "int32"),
        ("c", 8_000, "uint8"),
        ("d", 22_050, "f4"),
    ):
        audio = tone(1000.0, 0.5, rate)
        scaled = {"int16": audio * 32767, "int32": audio * 2147483647, "uint8": 128 + 127 * audio, "f4": audio}[kind]
        stereo = np.stack([scaled, scaled], axis=1) if name in "bd" else scaled
        wavfile.write(tmp_path / "x.wav", rate, stereo.astype(kind))
        heard, _ = sound("x", (tmp_path / "x.wav").read_bytes())
        assert len(heard) == 4000
        assert np.abs(encode(heard, 50)[5:45, :32] - expected[5:45, :32]).max() < 0.2


def test_words_without_lists_and_speakers_are_split_by_the_seed(commands: Path) -> None:
    for name in ("testing_list.txt", "validation_list.txt"):
        (commands / name).unlink()
    for file in sorted(commands.glob("*/a*.wav")):
        file.rename(file.with_name(file.name.replace("_nohash_", "-")))
    loaded = load_words(options(commands))
    assert loaded.part is None
    assert loaded.domain is None
    stream = load_stream(options(commands, setting="class"), 64)
    assert [e.name for e in stream.experiences] == ["down|left", "stop|up"]
    with pytest.raises(ValueError, match=r"stream\.hold_out = 'a0' names a speaker or another domain, and .* has none"):
        load_stream(options(commands, hold_out="a0"), 64)


def test_a_limit_reads_no_more_of_a_word_and_of_every_part(commands: Path) -> None:
    loaded = load_words(options(commands, limit=4))
    assert loaded.part is not None
    kept = [sorted(loaded.part[loaded.y == word]) for word in range(4)]
    assert kept == [["test", "train", "train", "validation"]] * 4
    np.testing.assert_array_equal(loaded.x, load_words(options(commands, limit=4)).x)


def test_speakers_are_domains_and_one_may_be_held_out(commands: Path) -> None:
    stream = load_stream(options(commands, setting="domain", by="speaker", hold_out="a3"), 64)
    assert [e.name for e in stream.experiences] == ["a0", "a1", "a2"]
    with pytest.raises(ValueError, match=r"the domains of words are speakers, set stream\.by = 'speaker'"):
        load_words(options(commands, setting="domain"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "up" / "b.wav").write_bytes(b"RIFF"), r"b\.wav cannot be read .*; replace it by"),
        (lambda f: (f / "up" / "b.wav").write_bytes(bytes(2**24 + 1)), r"has 16\.0 MiB; a word is shorter, cut"),
        (lambda f: write(f / "up" / "b.wav", tone(500.0, 0.02)), r"up/b\.wav lasts 20 ms, less than a frame of 32"),
        (lambda f: write(f / "up" / "b.wav", tone(500.0), 1000), r"at 1000 Hz; give one of 4,000 to 200,000 Hz"),
        (lambda f: wavfile.write(f / "up" / "b.wav", RATE, np.full(9000, np.nan, np.float32)), "that are no numbers"),
        (lambda f: [shutil.rmtree(f / word) for word in list(WORDS)[1:]], "has 1 folder of .wav files; two words"),
        (lambda f: shutil.rmtree(f), "there is no such file or folder; give a folder or zip with a folder of"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_the_cure(commands: Path, spoil: object, message: str) -> None:
    spoil(commands)  # type: ignore[operator]
    with pytest.raises(ValueError, match=message):
        load_words(options(commands))


def test_files_damaged_anywhere_give_one_sentence(commands: Path) -> None:
    file, chance = commands / "up" / "a0_nohash_0.wav", np.random.default_rng(0)
    whole = file.read_bytes()
    for _ in range(200):
        data = bytearray(whole[: chance.integers(1, len(whole))] if chance.random() < 0.3 else whole)
        for place in chance.integers(0, min(len(data), 60), 3):
            data[place] = chance.integers(256)
        told, audio = "", np.zeros(1)
        try:
            audio, _ = sound("up.wav", bytes(data))
        except ValueError as error:
            told = str(error)
        assert told.startswith("up.wav ") or not told
        assert np.isfinite(audio).all()


def test_recordings_of_other_formats_are_said_to_be_left_out(commands: Path) -> None:
    (commands / "up" / "b.mp3").write_bytes(b"ID3")
    assert any("1 recordings that are no .wav are not read" in note for note in load_words(options(commands)).notes)
    for file in commands.glob("*/*.wav"):
        file.rename(file.with_suffix(".mp3"))
    with pytest.raises(ValueError, match=r"has 0 folders of \.wav files, beside 34 recordings that are no \.wav and"):
        load_words(options(commands))


def test_digits_in_folders_of_words_are_words(tmp_path: Path) -> None:
    for word, digit in (("one", 1), ("two", 2)):
        write(tmp_path / word / f"{digit}_theo_1.wav", tone(500.0))
    assert stream_of(tmp_path) == "words"
