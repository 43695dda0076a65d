from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from smalti.scheduler.commands import cochlea
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.spikes.shd import load_shd

pytest.importorskip("h5py", reason="the extra shd is not installed")
Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four recordings of two digits by two speakers each."""
    place = tmp_path / "recordings"
    place.mkdir()
    for digit in range(2):
        for speaker in ("ann", "bob"):
            for index in range(4):
                audio = np.full(400, 1000 * digit + index, dtype=np.int16)
                wavfile.write(place / f"{digit}_{speaker}_{index}.wav", 8000, audio)
    return tmp_path


def ear(audio: np.ndarray, channels: int) -> np.ndarray:
    """A spike a millisecond, on a unit that says how loud it is."""
    loud = int(audio[0] * 32768 / 1000)
    return np.array([np.arange(10) / 1000, np.full(10, loud % channels)])


def test_what_is_written_the_stream_shd_reads(folder: Path) -> None:
    done = list(cochlea.convert(str(folder), folder / "out.h5", 7, 0, ear))
    assert done == [(k, 16) for k in range(1, 17)]
    loaded = load_shd(StreamOptions(name="shd", path=str(folder / "out.h5")))
    assert loaded.class_names == ("0", "1")
    assert loaded.domain_names == ("ann", "bob")
    assert [loaded.x[k].any(axis=0).argmax() for k in range(16)] == loaded.y.tolist()
    assert sorted(path.name for path in folder.iterdir()) == ["out.h5", "recordings"]


def test_it_goes_on_where_it_was_stopped(folder: Path) -> None:
    heard = []

    def listening(audio: np.ndarray, channels: int) -> np.ndarray:
        heard.append(1)
        return ear(audio, channels)

    first = cochlea.convert(str(folder), folder / "out.h5", 7, 0, listening)
    for _ in range(5):
        next(first)
    first.close()
    assert not (folder / "out.h5").exists()
    list(cochlea.convert(str(folder), folder / "out.h5", 7, 0, listening))
    assert len(heard) == 16
    with pytest.raises(ValueError, match=r"out\.h5 is there already; give another name"):
        next(cochlea.convert(str(folder), folder / "out.h5", 7, 0, ear))


def test_it_does_not_go_on_with_what_another_data_set_held(folder: Path) -> None:
    """Half of it is done when the recordings are replaced by others of the same names, half of which are louder."""
    first = cochlea.convert(str(folder), folder / "out.h5", 7, 0, ear)
    for _ in range(8):
        next(first)
    first.close()
    for path in (folder / "recordings").glob("0_ann_*.wav"):
        wavfile.write(path, 8000, np.full(400, 3000, dtype=np.int16))
    list(cochlea.convert(str(folder), folder / "out.h5", 7, 0, ear))
    loaded = load_shd(StreamOptions(name="shd", path=str(folder / "out.h5")))
    assert [loaded.x[k].any(axis=0).argmax() for k in range(16)] == [3] * 4 + [0] * 4 + [1] * 8


def test_a_limit_takes_all_speakers_in_turn(folder: Path) -> None:
    list(cochlea.convert(str(folder), folder / "out.h5", 7, 2, ear))
    loaded = load_shd(StreamOptions(name="shd", path=str(folder / "out.h5")))
    assert loaded.domain is not None
    assert (loaded.y.tolist(), loaded.domain.tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1])


def test_the_command(cli: Smalti, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cochlea, "lauscher", lambda: ear)
    code, out, err = cli("data", "cochlea", str(folder), "out.h5", "--stream.shd.units", "5")
    assert (code, err) == (0, "")
    assert "16 of 16 recordings" in out
    assert "next: smalti data shd out.h5" in out
    assert cli("data", "cochlea", str(folder))[0] == 2
    assert "there is no such file or folder" in cli("data", "cochlea", "nowhere", "b.h5")[2]
    assert [path.name for path in Path().iterdir() if path.name.startswith("b")] == []


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lauscher.audiowaves", None)
    with pytest.raises(ValueError, match=r"missing: pip install 'smalti\[cochlea\]'"):
        cochlea.lauscher()
