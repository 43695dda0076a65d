from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.coding import crossings
from smalti.scheduler.streams.file_options import SignalsOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.signals import edf
from smalti.scheduler.streams.readers.signals.physionet import SYMBOLS
from smalti.scheduler.streams.readers.signals.signals import load_ecg, load_signals

CHANCE = np.random.default_rng(0)
SERIES = CHANCE.normal(0, 1, (30, 12, 2)).round(3)


def options(path: Path, name: str = "signals", **fields: Any) -> StreamOptions:
    steps = fields.pop("steps", 0)
    return StreamOptions(name=name, path=str(path), steps=steps, signals=SignalsOptions(**fields))


def spikes_of(x: np.ndarray, training: np.ndarray, steps: int) -> np.ndarray:
    threshold = crossings.thresholds(x[training].astype(np.float32), (1.0, 99.0), 10.0)
    return crossings.encode(x.astype(np.float32), threshold, steps)


def record(folder: Path, name: str = "208", beats: str = "NVNNFN~") -> Path:
    """Two signals of a minute, a beat a second, those that are not normal with a hump."""
    digital = CHANCE.integers(-5, 6, (60 * 100, 2))
    words = []
    for at in range(1, 60):
        symbol = beats[at % len(beats)]
        digital[at * 100 - 10 : at * 100 + 10] += 300 if symbol in "N~" else 80
        words.append(SYMBOLS.index(symbol) << 10 | 100)
    (folder / f"{name}.hea").write_text(f"{name} 2 100 6000\n{name}.dat 16 200 16 0\n{name}.dat 16 200 16 0 0 0 0 V1\n")
    (folder / f"{name}.dat").write_bytes(digital.astype("<i2").tobytes())
    (folder / f"{name}.atr").write_bytes(np.array([*words, 0], dtype="<u2").tobytes())
    return folder / f"{name}.hea"


def test_beats_of_an_ecg_are_normal_or_other(tmp_path: Path) -> None:
    loaded = load_ecg(options(record(tmp_path), "ecg"))
    assert loaded.class_names == ("N", "other")
    assert loaded.x.shape == (51, 70, 4)
    assert np.bincount(loaded.y).tolist() == [34, 17]
    assert "windows of 700 ms in 70 time steps, 2 channels as up and down spikes" in loaded.notes
    assert load_signals(options(tmp_path / "208.hea")).class_names == ("F", "N", "V")
    stream = load_stream(options(tmp_path / "208.hea", "ecg"), 64)
    assert (stream.channels, stream.classes) == (4, 2)


def test_records_of_a_folder_are_domains(tmp_path: Path) -> None:
    for name in ("100", "208"):
        record(tmp_path, name)
    loaded = load_ecg(options(tmp_path, "ecg"))
    assert loaded.domain_names == ("100", "208")
    held = StreamOptions(name="ecg", path=str(tmp_path), hold_out="100")
    assert {len(e.test) for e in load_stream(held, 64).experiences} == {51}
    (tmp_path / "208.atr").unlink()
    with pytest.raises(ValueError, match=r"208\.atr: there is no such file, and the labels lie in it"):
        load_ecg(options(tmp_path, "ecg"))


def test_signals_of_records_are_compared_by_name(tmp_path: Path) -> None:
    """Those in another order are put in that of the first; other ones are refused, unless what all have is chosen."""
    for name in ("100", "208"):
        record(tmp_path, name)
    first, header = tmp_path / "100.hea", tmp_path / "208.hea"
    first.write_text(first.read_text().replace("16 200 16 0\n", "16 200 16 0 0 0 0 MLII\n", 1))
    one = load_ecg(options(tmp_path / "100.hea", "ecg"))
    (tmp_path / "208.dat").write_bytes(np.fromfile(tmp_path / "100.dat", "<i2").reshape(-1, 2)[:, ::-1].tobytes())
    lines = [f"208.dat 16 200 16 0 0 0 0 {name}\n" for name in ("V1", "MLII")]
    header.write_text("208 2 100 6000\n" + "".join(lines))
    both = load_ecg(options(tmp_path, "ecg"))
    np.testing.assert_array_equal(both.x[:51], both.x[51:])
    assert both.x.shape[2] == one.x.shape[2] == 4
    header.write_text(header.read_text().replace("V1", "V5"))
    with pytest.raises(ValueError, match=r"208\.hea: there is no signal 'V1' \(there are V5, MLII\); set stream"):
        load_ecg(options(tmp_path, "ecg"))
    assert load_ecg(options(tmp_path, "ecg", channels=("MLII",))).x.shape == (102, 70, 2)
    header.write_text("208 3 100 4000\n" + "".join([*lines, lines[0].replace("V1", "V5")]))
    with pytest.raises(ValueError, match=r"208\.hea: there is more than the first record has \(MLII, V1\)"):
        load_ecg(options(tmp_path, "ecg"))
    header.write_text(header.read_text().replace("3 100", "3 50"))
    with pytest.raises(ValueError, match=r"208\.hea: signals at 50 Hz, and at 100 Hz in 100\.hea; give it alone"):
        load_ecg(options(tmp_path, "ecg"))


def test_signals_of_one_name_are_all_read(tmp_path: Path) -> None:
    path = record(tmp_path)
    path.write_text(path.read_text().replace(" 0 0 0 0 V1", " 0"))
    assert "signal 0 " in load_ecg(options(path, "ecg")).notes[-1]
    path.write_text(path.read_text().replace("16 200 16 0\n", "16 200 16 0 0 0 0 ECG\n"))
    x = np.asarray(load_ecg(options(path, "ecg")).x)
    assert not np.array_equal(x[:, :, :2], x[:, :, 2:])


def test_thresholds_are_of_the_training_part_alone(tmp_path: Path) -> None:
    write_ts(tmp_path / "a_TRAIN.ts", SERIES[:20])
    write_ts(tmp_path / "a_TEST.ts", 100 * SERIES[20:])
    one = load_signals(options(tmp_path)).notes[-1]
    write_ts(tmp_path / "a_TEST.ts", SERIES[20:])
    assert load_signals(options(tmp_path)).notes[-1] == one


def write_ts(path: Path, series: np.ndarray, change: Callable[[str], str] = str) -> Path:
    lines = [
        ":".join([*(",".join(map(str, channel)) for channel in one.T), "ab"[number % 2]])
        for number, one in enumerate(series)
    ]
    text = "#comment\n@problemName x\n@univariate false\n@classLabel true a b\n@data\n" + "\n".join(lines)
    path.write_text(change(text))
    return path


def test_series_of_sktime_become_spikes(tmp_path: Path) -> None:
    write_ts(tmp_path / "a_TRAIN.ts", SERIES[:20])
    write_ts(tmp_path / "a_TEST.ts", SERIES[20:])
    loaded = load_signals(options(tmp_path, steps=12))
    assert loaded.part is not None
    assert loaded.part.tolist() == ["train"] * 20 + ["test"] * 10
    assert loaded.class_names == ("a", "b")
    from smalti.scheduler.streams import splits

    training = splits.training(loaded, options(tmp_path))
    np.testing.assert_array_equal(loaded.x[:], spikes_of(SERIES, training, 12))


def test_missing_values_and_short_series_are_held(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("@data\n" + "?,1,?,3:a\n2,4:b\n" * 5)
    loaded = load_signals(options(tmp_path / "a.ts", levels=2.0))
    assert "5 series that are shorter are held at their last value" in loaded.notes
    assert loaded.x.shape == (10, 4, 2)
    np.testing.assert_array_equal(loaded.x[0][:, 0], [0, 0, 0, 1])
    np.testing.assert_array_equal(loaded.x[1][:, 0], [0, 1, 0, 0])


def frame() -> pd.DataFrame:
    y = np.arange(60) // 15 % 2
    return pd.DataFrame({"a": CHANCE.random(60) + y, "b": 50 * CHANCE.random(60), "label": np.array(["x", "z"])[y]})


def test_rows_of_a_table_are_features_scaled_by_training(tmp_path: Path) -> None:
    table = frame()
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
        loaded = load_signals(options(path))
        assert loaded.x.shape == (60, 1, 2)
        assert (loaded.steps, loaded.class_names) == (25, ("x", "z"))
        x = np.asarray(loaded.x)
        assert (x.min(), x.max()) == (0, 1)
        assert np.corrcoef(x[:, 0, 1], table["b"])[0, 1] > 0.99


def test_windows_slide_over_rows_and_take_their_most_frequent_label(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    loaded = load_signals(options(tmp_path / "a.csv", window=10, stride=5))
    assert loaded.x.shape == (11, 10, 4)
    assert loaded.y.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]


def test_rows_of_one_id_are_a_series(tmp_path: Path) -> None:
    table = frame().assign(who=np.arange(60) // 5)
    table.to_csv(tmp_path / "a.csv", index=False)
    loaded = load_signals(options(tmp_path / "a.csv", id="who", channels=("a",)))
    assert loaded.x.shape == (12, 5, 2)
    assert loaded.y.tolist() == [0, 0, 0, 1, 1, 1] * 2
    table.assign(who=1).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match="the rows of '1' have several labels; give one a series"):
        load_signals(options(tmp_path / "a.csv", id="who"))


def write_edf(path: Path, change: Callable[[bytes], bytes] = bytes) -> Path:
    """30 records of a second: a signal of 50 samples, and a note every second."""
    labels = [b"EEG", b"EDF Annotations"]
    cells = {16: labels, 80: [b"", b""], 8: [b"uV", b""]}
    head = b"0".ljust(8) + b"".ljust(176 + 52) + b"30".ljust(8) + b"1".ljust(8) + b"2".ljust(4)
    head = head[:184] + b"768".ljust(8) + head[192:256]
    fields = [
        *(cell.ljust(size) for size in (16, 80, 8) for cell in cells[size]),
        *(cell.ljust(8) for cell in (b"-100", b"-1", b"100", b"1", b"-1000", b"-32768", b"1000", b"32767")),
        *(b"".ljust(80), b"".ljust(80), b"50".ljust(8), b"30".ljust(8), b"".ljust(32), b"".ljust(32)),
    ]
    body = b""
    for second in range(30):
        note = f"+{second}\x14\x14\0+{second}.5\x14{'spike' if second % 3 == 0 else 'rest'}\x14\0".encode()
        body += CHANCE.integers(-1000, 1000, 50).astype("<i2").tobytes() + note.ljust(60, b"\0")
    path.write_bytes(change(head + b"".join(fields) + body))
    return path


def test_annotations_of_edf_have_windows_around_them(tmp_path: Path) -> None:
    loaded = load_signals(options(write_edf(tmp_path / "a.edf"), before_ms=200.0, after_ms=400.0))
    assert loaded.class_names == ("rest", "spike")
    assert loaded.x.shape == (30, 30, 2)
    assert np.bincount(loaded.y).tolist() == [20, 10]


@pytest.mark.parametrize("start", ["+0", "+0.25"])
def test_lists_of_edf_hold_several_notes_and_empty_ones(tmp_path: Path, start: str) -> None:
    """The onset of a record is no note, and all that is noted counts from that of the first."""
    path = write_edf(tmp_path / "a.edf")
    raw, lists = path.read_bytes(), [start + "\x14\x14blink\x14\0", "+2.5\x150.5\x14\x14spike\x14wave\x14\0"]
    first, size = 768, 160  # bytes of the header and of a record, whose last 60 are text
    for number in range(30):
        begin, text = first + number * size + 100, lists[number] if number < 2 else f"+{number}\x14\x14\0"
        raw = raw[:begin] + text.encode().ljust(60, b"\0") + raw[begin + 60 :]
    path.write_bytes(raw)
    *_, notes = edf.read(path, ())
    assert notes == [(0.0, "blink"), (2.5 - float(start), "spike"), (2.5 - float(start), "wave")]


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "", r"a\.ts: there is no line @data"),
        (lambda text: text[: text.index("@data") + 5], r"a\.ts: there is no sample below @data"),
        (replaced(":a\n", "\n"), r"a\.ts: series have 1 and 2 channels"),
        (lambda text: text + "\n1,2", r"a\.ts, line 36: there is no label behind a last colon"),
        (replaced("@classLabel true", "@classLabel false"), "series with labels and without times are read"),
        (replaced("@univariate false", "@timestamps true"), "series with labels and without times are read"),
        (lambda text: text + "\ninf,1:2,3:a", r"a\.ts, line 36: channel 0 holds inf in row 1"),
        (lambda text: text + "\n1:2,3:a", r"a\.ts, line 36: channels have 1 and other numbers of values"),
        (lambda text: text + "\n1,2:a", r"a\.ts: series have 1 and 2 channels"),
        (lambda text: text + "\n1,x:2,3:a", r"a\.ts, line 36 cannot be read \(could not convert"),
    ],
)
def test_series_that_are_unfit(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_signals(options(write_ts(tmp_path / "a.ts", SERIES, change)))


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        (lambda t: t.drop(columns="label"), {}, "there is no column 'label' .*set stream.signals.label"),
        (lambda t: t.iloc[:0], {}, "there are no rows; give samples"),
        (lambda t: t.assign(c="text"), {}, "column 'c' has 'text' in row 1; give numbers, or name the columns"),
        (lambda t: t.assign(a=t.a.where(t.index != 7)), {}, "a holds nan in row 8; fill it in"),
        (lambda t: t.assign(a=t.a + 1e39), {}, "in row 1, and numbers may be from -3.4e.38 to 3.4e.38; fill it in"),
        (lambda t: t.assign(label=t.label.where(t.index != 7)), {}, "row 8 has no label; leave it out"),
        (lambda t: t, {"window": 100}, "60 rows are fewer than a window of 100"),
        (lambda t: t, {"normal": ("q",)}, r"no sample has label 'q' of stream.signals.normal \(x, z\)"),
        (lambda t: t[["label"]], {}, "there is no column beside label"),
    ],
)
def test_tables_that_are_unfit(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], fields: dict[str, Any], message: str
) -> None:
    change(frame()).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=message):
        load_signals(options(tmp_path / "a.csv", **fields))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"", "this is no EDF file"),
        (lambda raw: raw[:100], r"its header cannot be read"),
        (lambda raw: raw[:192] + b"EDF+D" + raw[197:], r"a\.edf: its records have gaps between them \(EDF\+D\)"),
        (lambda raw: raw[:-1], "holds 29 records and announces 30"),
        (lambda raw: raw.replace(b"1000    ", b"-1000   ", 1), r"signal EEG cannot be read \(its range is"),
    ],
)
def test_recordings_that_are_unfit(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_signals(options(write_edf(tmp_path / "a.edf", change)))


def test_files_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stream\.path is empty; give a record"):
        load_signals(StreamOptions(name="signals"))
    (tmp_path / "a.mat").write_text("x")
    with pytest.raises(ValueError, match=r"a\.mat: files that end so are not read"):
        load_signals(options(tmp_path / "a.mat"))
    with pytest.raises(ValueError, match=r"holds no header of a record \(\.hea\); take stream signals"):
        load_ecg(options(tmp_path / "a.mat", "ecg"))
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read"):
        load_signals(options(tmp_path / "a.parquet"))


@pytest.mark.parametrize("name", ["a.ts", "a.csv", "a.parquet", "a.edf"])
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path, name: str) -> None:
    path, chance, problems = tmp_path / name, np.random.default_rng(0), []
    if name == "a.ts":
        write_ts(path, SERIES)
    elif name == "a.edf":
        write_edf(path)
    else:
        frame().to_csv(path, index=False) if name == "a.csv" else frame().to_parquet(path)
    whole = path.read_bytes()
    for number in range(150):
        damaged = bytearray(whole)
        for place in chance.integers(len(damaged), size=int(chance.integers(1, 20))):
            damaged[place] = int(chance.integers(256))
        path.write_bytes(damaged[: int(chance.integers(len(damaged)))] if number % 3 == 0 else damaged)
        try:
            load_signals(options(path))
        except ValueError as error:
            problems.append(str(error))
    assert len(problems) > 40
    assert all("\n" not in problem for problem in problems)


def test_a_table_with_semicolons_is_told(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False, sep=";")
    with pytest.raises(ValueError, match=r"a\.csv is separated by ';'; write it with commas"):
        load_signals(options(tmp_path / "a.csv"))
