from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

h5py = pytest.importorskip("h5py", reason="the extra shd is not installed")

from smalti.scheduler.streams.readers.spikes import hdf5, trains  # noqa: E402

TIMES = [[0.0, 0.25, 1.0], [0.5], [], [0.75, 0.125]]
UNITS = [[3, 0, 699], [1], [], [2, 2]]


def write(path: Path, change: Callable[[Any], object] | None = None, **given: Any) -> Path:
    """A file in the published layout: float16 times, uint16 units and labels."""
    content = {"times": TIMES, "units": UNITS, "labels": [0, 1, 0, 1], "speaker": [4, 4, 5, 5], **given}
    with h5py.File(path, "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            rows = content[name]
            dataset = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(kind))
            for number, row in enumerate(rows):
                dataset[number] = np.asarray(row, dtype=kind)
        file["labels"] = np.asarray(content["labels"], dtype=np.uint16)
        if content["speaker"] is not None:
            file["extra/speaker"] = np.asarray(content["speaker"], dtype=np.uint16)
        if "keys" in content:
            file["extra/keys"] = content["keys"]
        if change is not None:
            change(file)
    return path


def test_all_that_was_written_is_read(tmp_path: Path) -> None:
    with trains.opened(write(tmp_path / "a.h5", keys=["zero", "one"])) as read:
        samples = list(read.samples())
        assert [times.tolist() for times, _ in samples] == TIMES
        assert [units.tolist() for _, units in samples] == UNITS
        assert (len(read), read.largest_unit(), read.keys) == (4, 699, ("zero", "one"))
        assert read.labels.tolist() == [0, 1, 0, 1]
        assert read.speakers is not None
        assert read.speakers.tolist() == ["4", "4", "5", "5"]


def test_times_are_cast_before_anything_is_done_with_them(tmp_path: Path) -> None:
    with trains.opened(write(tmp_path / "a.h5")) as read:
        times, units = next(read.samples())
    assert (times.dtype, units.dtype) == (np.float64, np.int64)


def test_names_and_doubles_are_read_too(tmp_path: Path) -> None:
    def other(file: Any) -> None:
        del file["labels"], file["spikes/times"], file["extra/speaker"]
        file["labels"] = ["yes", "no", "yes", "no"]
        file["extra/speaker"] = ["ann", "bob", "ann", "bob"]
        dataset = file.create_dataset("spikes/times", (4,), dtype=h5py.vlen_dtype(np.float64))
        for number, row in enumerate(TIMES):
            dataset[number] = row

    with trains.opened(write(tmp_path / "a.h5", other)) as read:
        assert read.labels.tolist() == ["yes", "no", "yes", "no"]
        assert read.speakers is not None
        assert read.speakers.tolist() == ["ann", "bob", "ann", "bob"]
        assert next(read.samples())[0].tolist() == TIMES[0]


def replaced(name: str, values: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return change


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"change": replaced("labels", None)},
            r"a\.h5: there is no dataset labels \(the file holds extra, spikes\); give",
        ),
        ({"change": replaced("spikes/units", None)}, "there is no dataset spikes/units"),
        ({"change": replaced("spikes", np.arange(4))}, "there is no dataset spikes/times"),
        ({"change": replaced("labels", np.zeros((4, 2)))}, r"labels has shape \(4, 2\); give one entry a sample"),
        ({"change": replaced("labels", np.arange(4) / 2)}, "labels has type float64 and holds 0.5; give one integer"),
        ({"change": replaced("spikes/times", np.arange(4.0))}, "spikes/times has type float64; give a list of floats"),
        ({"change": replaced("spikes/units", np.arange(4))}, "spikes/units has type int64; give a list of integers"),
        ({"labels": [0, 1, 0]}, "spikes/times has 4 entries and labels 3; give one of each a sample"),
        ({"speaker": [1]}, "extra/speaker has 1 entries and labels 4"),
        ({"times": [[0.0], [0.5], [], [0.75, 0.125]]}, "sample 0 has 1 times and 3 units; give one unit a spike"),
        ({"times": [*TIMES[:3], [0.5, -0.25]]}, "spikes/times of sample 3 holds -0.25; times are seconds from 0 on"),
        ({"times": [TIMES[0], [np.nan], *TIMES[2:]]}, "spikes/times of sample 1 holds nan"),
        ({"times": [TIMES[0], [np.inf], *TIMES[2:]]}, "spikes/times of sample 1 holds inf"),
    ],
)
def test_errors_name_the_file_the_place_and_the_cure(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.h5", **content)
    with pytest.raises(ValueError, match=message), trains.opened(path) as read:
        list(read.samples())


def test_units_out_of_range_are_refused(tmp_path: Path) -> None:
    def signed(file: Any) -> None:
        del file["spikes/units"]
        dataset = file.create_dataset("spikes/units", (4,), dtype=h5py.vlen_dtype(np.int64))
        for number, row in enumerate([[0, 1, 2], [-7], [], [1, 1]]):
            dataset[number] = row

    with (
        trains.opened(write(tmp_path / "a.h5", signed)) as read,
        pytest.raises(ValueError, match="spikes/units of sample 1 holds -7; units are counted from 0"),
    ):
        read.largest_unit()


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (b"", "this is no HDF5 file; give an HDF5 file with spikes/times"),
        (b"time,unit\n", "this is no HDF5 file"),
        (b"\x1f\x8b\x08", r"the file is compressed; unpack it first \(gunzip a\.h5\)"),
        (b"PK\x03\x04", r"the file is compressed; unpack it first \(unzip a\.h5\)"),
        (b"\x89HDF\r\n\x1a\n", r"a\.h5 cannot be read \(.*\); download or write it again"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, begin: bytes, message: str) -> None:
    (tmp_path / "a.h5").write_bytes(begin)
    with pytest.raises(ValueError, match=message), trains.opened(tmp_path / "a.h5"):
        pass


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ValueError, match=r"missing: pip install 'smalti\[shd\]'"), hdf5.opened(tmp_path / "a.h5", ""):
        pass


def what_is_wrong(path: Path) -> str:
    try:
        with trains.opened(path) as read:
            read.largest_unit()
            list(read.samples())
    except ValueError as error:
        return str(error)
    return ""


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.h5").read_bytes()
    chance = np.random.default_rng(0)
    refused = 0
    for number in range(300):
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[int(chance.integers(len(damaged))) :]
        else:
            for place in chance.integers(len(damaged), size=int(chance.integers(1, 40))):
                damaged[place] = int(chance.integers(256))
        (tmp_path / "a.h5").write_bytes(damaged)
        problem = what_is_wrong(tmp_path / "a.h5")
        refused += bool(problem)
        assert not problem or (problem.startswith(f"{tmp_path / 'a.h5'}") and "\n" not in problem)
    assert refused > 100
