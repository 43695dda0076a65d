from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.file_options import EventsOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.spikes import event_files
from smalti.scheduler.streams.readers.spikes.event_files import decode, decode_hdf5
from smalti.scheduler.streams.readers.spikes.events import load_events

EVENTS = [(0, 3, 1, 1), (500, 0, 2, 0), (70000, 5, 3, 1), (99999, 3, 1, 1)]  # t, x, y, p
KIND = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)]


def binary(events: list[tuple[int, int, int, int]]) -> bytes:
    """As N-MNIST."""
    return b"".join(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]) for t, x, y, p in events)


def aedat(events: list[tuple[int, int, int, int]], before: bytes = b"", spare: int = 0) -> bytes:
    """As DVS-Gesture: two packets of polarity events, one of another kind between them, an event that is not valid."""

    def packet(kind: int, size: int, rows: list[bytes]) -> bytes:
        room, held = len(rows) + spare, b"".join(rows)
        return struct.pack("<HHIIIIII", kind, 1, size, 4, 0, room, len(rows), len(rows)) + held.ljust(
            size * room, b"\1"
        )

    rows = [struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in events]
    other = packet(2, 12, [b"x" * 12])
    parts = [packet(1, 8, rows[:1]), other, packet(1, 8, [*rows[1:], struct.pack("<II", 0, 5)])]
    return b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n" + before + b"".join(parts)


def npy(events: Any, kind: Any = KIND) -> bytes:
    import io

    file = io.BytesIO()
    np.save(file, np.array(events, dtype=kind))
    return file.getvalue()


FILES = [("a.bin", binary(EVENTS)), ("a.AEDAT", aedat(EVENTS)), ("a.npy", npy(EVENTS))]


def columns(events: Any) -> list[tuple[int, ...]]:
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "content"), [("a.bin", binary(EVENTS)), ("a.AEDAT", aedat(EVENTS)), ("a.npy", npy(EVENTS))]
)
def test_events_come_back_as_they_were_written(name: str, content: bytes) -> None:
    assert columns(decode("a", name, content)) == EVENTS


def test_packets_of_aedat_may_have_room_to_spare() -> None:
    assert columns(decode("a", "a.aedat", aedat(EVENTS, spare=3))) == EVENTS
    with pytest.raises(ValueError, match="a has a packet of 1 events, and room for 0, at byte 70"):
        decode("a", "a.aedat", aedat(EVENTS, spare=-1))


def test_row_240_of_n_mnist_is_no_pixel_but_time_that_begins_again() -> None:
    turn = (0, 0, 240, 0)
    events = [EVENTS[0], turn, (9, 7, 239, 1), (8000, 7, 0, 0), turn, turn, (5, 255, 255, 1)]
    expected = [EVENTS[0], (8192 + 9, 7, 239, 1), (8192 + 8000, 7, 0, 0), (3 * 8192 + 5, 255, 255, 1)]
    assert columns(decode("a", "a.bin", binary(events))) == expected
    with pytest.raises(ValueError, match="a holds no events"):
        decode("a", "a.bin", binary([turn]))


def test_events_of_hdf5_in_its_usual_places(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra shd is not installed")
    plain = np.array(EVENTS, dtype=KIND)
    for place in ("", "events/", "CD/"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            for name in "txyp":
                file[f"{place}{name}"] = plain[name]
        assert columns(decode_hdf5(tmp_path / "a.h5")) == EVENTS
    for place in ("events", "CD/events", "CD"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file[place] = plain
        assert columns(decode_hdf5(tmp_path / "a.h5")) == EVENTS
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spikes"] = [1]
    with pytest.raises(ValueError, match=r"a\.h5: there are no datasets t, x, y, p"):
        decode_hdf5(tmp_path / "a.h5")


def test_what_hdf5_declares_is_checked_before_it_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra shd is not installed")
    path, many = tmp_path / "a.h5", (2**40,)
    with h5py.File(path, "w") as file:
        file.create_dataset("CD", many, np.dtype(KIND), chunks=(1024,))
    with pytest.raises(ValueError, match=r"a\.h5: t, x, y, p would take 32\.0 TiB, and"):
        decode_hdf5(path)
    with h5py.File(path, "w") as file:
        for name in "txyp":
            file.create_dataset(name, many, np.int8, chunks=(1024,))
    with pytest.raises(ValueError, match=r"a\.h5: p, t, x, y would take 32\.0 TiB, and"):
        decode_hdf5(path)


@pytest.mark.parametrize("t", [np.zeros((3, 2)), np.array([b"a", b"b"]), 5.0, None])
def test_columns_of_hdf5_that_are_none(tmp_path: Path, t: Any) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra shd is not installed")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if t is None:
            file.create_group("events/t")
        else:
            file["events/t"] = t
    with pytest.raises(ValueError, match=r"a\.h5: t is no list of numbers; give one number an event"):
        decode_hdf5(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"] = [1.0, 2.0]  # a dataset without fields
    with pytest.raises(ValueError, match=r"a\.h5: there are no datasets t, x, y, p"):
        decode_hdf5(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", b"", "a holds no events; leave it out"),
        ("a.bin", binary(EVENTS)[:-1], "a has 19 bytes, no whole number of 5-byte events"),
        ("a.aedat", b"", "a begins with '', and #!AER-DAT3.1 is read"),
        ("a.aedat", aedat(EVENTS).replace(b"3.1", b"2.0"), "a begins with '#!AER-DAT2.0', and #!AER-DAT3.1 is read"),
        ("a.aedat", aedat(EVENTS)[:-3], "a ends within a packet, at byte"),
        ("a.aedat", aedat(EVENTS, b"cut"), "a ends within a packet|polarity events of"),
        ("a.aedat", b"#!AER-DAT3.1", "a ends within its header"),
        ("a.npy", b"", "a cannot be read"),
        ("a.npy", npy(EVENTS)[:-5], r"a cannot be read \(EOF: reading array data"),
        ("a.npy", npy([[1.0, 2.0]], float), r"a cannot be read \(it has shape \(1, 2\) of float64\)"),
        ("a.npy", npy([(1, 2)], [("t", int), ("x", int)]), r"a: the events lack y \(they have t, x\)"),
        ("a.npy", npy([(-5, 1, 1, 1)]), "a: t of an event is -5; give numbers from 0 on"),
        ("a.npy", npy([(5, -1, 1, 1)]), "a: x of an event is -1"),
        ("a.npy", npy([(np.nan, 1, 1, 1)], [("t", float), *KIND[1:]]), "a: t of events holds what is no number"),
        ("a.npy", npy([(1, 70000, 1, 1)], [(name, int) for name in "txyp"]), "a: x of an event is 70000; no sensor"),
        ("a.h5", b"", "a: HDF5 files are not read from a zip; unpack it first"),
    ],
)
def test_errors_name_the_file_the_place_and_the_cure(name: str, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode("a", name, content)


def test_arrays_of_objects_are_never_unpickled() -> None:
    with pytest.raises(ValueError, match="Python objects, which only pickle reads"):
        decode("a", "a.npy", npy([({},)], [("t", object)]))


@pytest.mark.parametrize(
    ("name", "content"), [("a.bin", binary(EVENTS)), ("a.aedat", aedat(EVENTS)), ("a.npy", npy(EVENTS))]
)
def test_damaged_files_are_read_or_refused_and_nothing_else(name: str, content: bytes) -> None:
    chance, problems = np.random.default_rng(0), []
    for number in range(400):
        damaged = bytearray(content)
        if number % 3 == 0:
            del damaged[int(chance.integers(len(damaged))) :]
        for place in chance.integers(len(damaged), size=3) if damaged else ():
            damaged[place] = int(chance.integers(256))
        try:
            decode("a", name, bytes(damaged))
        except ValueError as error:
            problems.append(str(error))
    assert len(problems) > 50
    assert all(problem.startswith("a") and "\n" not in problem for problem in problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes in the layout of N-MNIST; 6 x 4 pixels."""
    chance = np.random.default_rng(0)
    for part, count in (("Train", 8), ("Test", 3)):
        for label in "07":
            place = tmp_path / "N" / part / label
            place.mkdir(parents=True)
            for number in range(count):
                events = [*EVENTS, *((int(t), int(label) % 6, 0, 1) for t in chance.integers(0, 99999, 9))]
                (place / f"{number:05d}.bin").write_bytes(binary(events))
    return tmp_path / "N"


def options(path: Path, **fields: Any) -> StreamOptions:
    return StreamOptions(name="events", path=str(path), **fields)


def test_events_fall_into_their_steps_pixels_and_polarities(folder: Path) -> None:
    (folder / "Train" / "0" / "00000.bin").write_bytes(binary(EVENTS))
    loaded = load_events(options(folder, steps=10))
    assert (loaded.image, loaded.planes, loaded.x.shape) == ((4, 6), 2, (22, 10, 48))
    first = 6  # Test comes before Train
    expected = np.zeros((10, 2, 4, 6))
    for t, x, y, p in EVENTS:
        expected[t * 10 // 100000, p, y, x] = 1
    np.testing.assert_array_equal(loaded.x[first].reshape(10, 2, 4, 6), expected)
    assert loaded.class_names == ("0", "7")
    assert loaded.part is not None
    assert loaded.part.tolist() == ["test"] * 6 + ["train"] * 16


def test_blocks_polarities_and_windows(folder: Path) -> None:
    (folder / "Train" / "0" / "00000.bin").write_bytes(binary(EVENTS))
    own = EventsOptions(block=2, polarities=False, window_ms=1.0, size=(6, 4))
    loaded = load_events(options(folder, steps=2, events=own))
    assert (loaded.image, loaded.planes) == ((2, 3), 1)
    expected = np.zeros((2, 2, 3))
    expected[0, 0, 1] = expected[1, 1, 0] = 1
    np.testing.assert_array_equal(loaded.x[6].reshape(2, 2, 3), expected)
    with pytest.raises(ValueError, match=r"an event lies at \d, \d, and stream\.events\.size = 4 4"):
        load_events(options(folder, events=EventsOptions(size=(4, 4))))


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("polarities", [True, False])
def test_a_sensor_that_shows_bit_by_bit_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, polarities: bool
) -> None:
    """Each recording shows more of it than those before; all come as if its size had been known."""
    for number in range(70):
        place = tmp_path / "ab"[number // 35]
        place.mkdir(exist_ok=True)
        (place / f"{number:03d}.bin").write_bytes(binary([(0, number // 9, number // 7, 1), (50, number // 10, 0, 0)]))
    known = EventsOptions(size=(8, 10), block=block, polarities=polarities)
    read: list[str] = []

    def decoded(file: str, name: str, content: bytes) -> Any:
        read.append(name)
        return decode(file, name, content)

    monkeypatch.setattr(event_files, "decode", decoded)
    loaded = load_events(options(tmp_path, events=EventsOptions(block=block, polarities=polarities)))
    assert len(read) == len(set(read)) == 70
    np.testing.assert_array_equal(loaded.x[:], load_events(options(tmp_path, events=known)).x[:])
    assert loaded.notes[1].startswith("a sensor of 8 x 10 pixels")


def test_the_chip_hears_blocks_of_pixels_of_each_polarity(folder: Path) -> None:
    stream = load_stream(options(folder), 16)
    assert (
        "pooled 2 x 4 x 6 -> 2 x 2 x 3 channels, blocks of 2 x 2 pixels, firing where one of them does" in stream.notes
    )
    assert stream.shape == (2, 2, 3)


def test_a_zip_of_the_folder_is_read(folder: Path) -> None:
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for file in folder.rglob("*.bin"):
            archive.write(file, file.relative_to(folder))
    zipped, plain = load_events(options(folder / "all.zip")), load_events(options(folder))
    np.testing.assert_array_equal(zipped.x[:], plain.x[:])


def test_gestures_are_cut_by_their_labels(tmp_path: Path) -> None:
    for user, part in (("01", "train"), ("02", "test"), ("03", "")):
        events = [(k * 1000, k % 5, k % 3, k % 2) for k in range(100)]
        (tmp_path / f"user{user}_led.aedat").write_bytes(aedat(events))
        rows = [f"{1 + k % 2},{20000 * k},{20000 * (k + 1)}" for k in range(5)]
        text = "\n".join(["class,startTime_usec,endTime_usec", *rows])
        (tmp_path / f"user{user}_led_labels.csv").write_text(text)
        if part:
            (tmp_path / f"trials_to_{part}.txt").write_text(f"user{user}_led.aedat\n")
    loaded = load_events(options(tmp_path, steps=20))
    assert loaded.class_names == ("01", "02")
    assert loaded.y.tolist() == [0, 1, 0, 1, 0] * 2
    assert loaded.part is not None
    assert loaded.part.tolist() == ["train"] * 5 + ["test"] * 5
    assert loaded.x[1].sum() == 20
    assert loaded.x[1][0].argmax() == (20 % 3) * 5 + 20 % 5
    (tmp_path / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,5")
    with pytest.raises(ValueError, match=r"user01_led_labels\.csv, line 2: '1,5' is no class, start and end"):
        load_events(options(tmp_path))
    (tmp_path / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,5000000,5000001")
    with pytest.raises(ValueError, match="has no events from 5000000 to 5000001"):
        load_events(options(tmp_path))
    (tmp_path / "user01_led_labels.csv").unlink()
    with pytest.raises(ValueError, match=r"user01_led\.aedat has no user01_led_labels\.csv beside it"):
        load_events(options(tmp_path))


def test_folders_that_do_not_fit(folder: Path) -> None:
    (folder / "7").mkdir()
    (folder / "7" / "a.bin").write_bytes(binary(EVENTS))
    with pytest.raises(ValueError, match=r"7/a\.bin is in no part, and others are; put it into Train or Test"):
        load_events(options(folder))
    (folder / "7" / "a.bin").rename(folder / "a.bin")
    with pytest.raises(ValueError, match=r"a\.bin lies in no folder of a class"):
        load_events(options(folder))
