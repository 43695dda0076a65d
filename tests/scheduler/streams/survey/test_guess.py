from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.streams.survey.guess import stream_of


@pytest.mark.parametrize(
    ("names", "stream"),
    [
        (["a.csv"], "signals"),
        (["208.hea"], "signals"),
        (["mine.h5"], "shd"),
        (["d/shd_train.h5", "d/shd_test.h5"], "shd"),
        (["d/ssc_train.h5"], "ssc"),
        (["d/x.npy", "d/y.npy"], "arrays"),
        (["d/Train/0/1.bin"], "events"),
        (["d/user01.aedat"], "events"),
        (["d/a_TRAIN.ts", "d/a_TEST.ts"], "signals"),
        (["d/recordings/0_theo_1.wav"], "fsdd"),
        (["d/train-images-idx3-ubyte.gz"], "mnist"),
    ],
)
def test_names_tell_the_stream(tmp_path: Path, names: list[str], stream: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert stream_of(tmp_path / names[0].split("/")[0]) == stream
    if names[0].startswith("d/") and stream in ("fsdd", "events"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        assert stream_of(tmp_path / "a.zip") == stream


def test_arrays_and_images_of_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=[1], y=[1])
    np.savez(tmp_path / "b.npz", x_train=[1])
    assert (stream_of(tmp_path / "a.npz"), stream_of(tmp_path / "b.npz")) == ("arrays", "mnist")


def test_what_nothing_reads_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_text("x")
    (tmp_path / "a.npz").write_text("x")
    with pytest.raises(ValueError, match=r"a\.doc: no stream is known to read this; name one"):
        stream_of(tmp_path / "a.doc")
    with pytest.raises(ValueError, match=r"a\.npz cannot be read"):
        stream_of(tmp_path / "a.npz")
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "hello.wav").write_bytes(b"RIFF")
    for sound in (tmp_path / "wavs", tmp_path / "wavs" / "hello.wav"):
        with pytest.raises(ValueError, match=r"sound is read from a folder or zip with a folder of"):
            stream_of(sound)
    (tmp_path / "b" / "c").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"b is a folder without any file; give one that holds data"):
        stream_of(tmp_path / "b")
