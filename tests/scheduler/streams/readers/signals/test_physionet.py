from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.streams.readers.signals.physionet import SYMBOLS, annotated, header, signals

HEADER = "r 2 360 4\nr.dat 212 200(100)/mV 11 1024 995 -22131 0 MLII\nr.dat 212 100(0)/mV 11 0 0 0 0 V1\n"


def packed(digital: np.ndarray) -> bytes:
    """Format 212: pairs of samples of 12 bits, all signals of a moment after each other."""
    flat = (digital.reshape(-1) & 0xFFF).tolist()
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return b"".join(bytes([a & 255, a >> 8 | (b >> 8) << 4, b & 255]) for a, b in pairs)


def noted(rows: Sequence[tuple[int, str, str]]) -> bytes:
    """Annotations: places, symbols and texts beside them."""
    out, before = b"", 0
    for place, symbol, text in rows:
        gap, before = place - before, place
        if gap > 1023:
            out += (59 << 10).to_bytes(2, "little") + (gap >> 16).to_bytes(2, "little")
            out, gap = out + (gap & 65535).to_bytes(2, "little"), 0
        out += (SYMBOLS.index(symbol) << 10 | gap).to_bytes(2, "little")
        if text:
            out += (63 << 10 | len(text)).to_bytes(2, "little") + text.encode() + b"\0" * (len(text) % 2)
    return out + b"\0\0"


def write(folder: Path, text: str = HEADER) -> Path:
    digital = np.array([[100, 0], [300, -50], [-2048, 2047], [101, -1]])
    (folder / "r.hea").write_text(text)
    (folder / "r.dat").write_bytes(packed(digital))
    return folder / "r.hea"


def test_signals_of_12_bits_come_in_their_units(tmp_path: Path) -> None:
    head = header(write(tmp_path))
    assert (head.rate, head.samples, [signal.name for signal in head.signals]) == (360.0, 4, ["MLII", "V1"])
    expected = [[0, 0], [1, -0.5], [-10.74, 20.47], [0.005, -0.01]]
    np.testing.assert_allclose(signals(head), expected, rtol=1e-6)


@pytest.mark.parametrize(("samples", "announced"), [(1, 1), (3, 3), (3, 0), (4, 3)])
def test_an_odd_number_of_samples_of_12_bits(tmp_path: Path, samples: int, announced: int) -> None:
    """The last one has two bytes; or three, if what wrote it fills up."""
    digital = np.array([7, -9, -2048, 0])
    (tmp_path / "r.hea").write_text(f"r 1 250 {announced}\nr.dat 212 1/mV 12 0\n")
    (tmp_path / "r.dat").write_bytes(packed(digital)[: -(-3 * samples // 2)])
    read = signals(header(tmp_path / "r.hea"))[:, 0]
    assert read.tolist() == digital[: announced or samples].tolist()


def test_signals_of_16_bits(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r 1 250\n# a comment\nr.dat 16 10/mV 16 5\n")
    (tmp_path / "r.dat").write_bytes(np.array([5, 15, -32768], dtype="<i2").tobytes())
    np.testing.assert_allclose(signals(header(tmp_path / "r.hea"))[:, 0], [0, 1, -3277.3], rtol=1e-6)


def test_annotations_come_with_long_gaps_and_texts(tmp_path: Path) -> None:
    rows = [(18, "+", "(N"), (77, "N", ""), (5000, "V", ""), (200000, "N", "odd"), (200001, "~", "")]
    (tmp_path / "r.atr").write_bytes(noted(rows))
    places, symbols = annotated(tmp_path / "r.atr")
    assert places.tolist() == [row[0] for row in rows]
    assert symbols == [row[1] for row in rows]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"r\.hea: the header is empty; download"),
        ("r two 360 4\n", r"r\.hea: its first line cannot be read"),
        ("r 2 -1 4\n", r"cannot be read \(2 signals, -1 samples a second, 4 samples\)"),
        ("r 9999 360 4\n", "9999 signals, 360 samples a second"),
        ("r/3 2 360 4\n", "records of several segments are not read"),
        (HEADER.rsplit("\n", 2)[0], "2 signals are announced and 1 described"),
        (HEADER.replace("212", "310"), "format 310 is not read, 16 and 212 are: convert it with wfdb.wrsamp"),
        (HEADER.replace("r.dat", "../r.dat"), "its file lies elsewhere than its header"),
        (HEADER.replace("r.dat", "s.dat"), r"its signals lie in s\.dat, which is not beside it"),
        (HEADER.replace("360 4", "360 400"), r"r\.dat holds 4 samples of 2 signals, and 400 are announced"),
    ],
)
def test_errors_name_the_file_the_place_and_the_cure(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        signals(header(write(tmp_path, text)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends before its annotations do"),
        (noted([(5, "N", "")])[:-2], "ends before its annotations do"),
        ((59 << 10).to_bytes(2, "little"), "ends before its annotations do"),
        ((50 << 10).to_bytes(2, "little"), r"holds code 50 at byte 0, which is none"),
        (b"\0\xec\xff\xff\0\0\0\4", "holds an annotation before the beginning, at byte 6"),
    ],
)
def test_annotations_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "r.atr").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        annotated(tmp_path / "r.atr")
    with pytest.raises(ValueError, match=r"s\.atr: there is no such file, and the labels lie in it"):
        annotated(tmp_path / "s.atr")


def test_damaged_records_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    path, chance, problems = write(tmp_path), np.random.default_rng(0), []
    whole = {path: path.read_bytes(), tmp_path / "r.dat": (tmp_path / "r.dat").read_bytes()}
    whole[tmp_path / "r.atr"] = noted([(5, "N", ""), (70000, "V", "text")])
    for number in range(300):
        for file, content in whole.items():
            damaged = bytearray(content)
            for place in chance.integers(len(damaged), size=2):
                damaged[place] = int(chance.integers(256))
            file.write_bytes(damaged[: int(chance.integers(len(damaged)))] if number % 3 == 0 else damaged)
        for read in (lambda: signals(header(path)), lambda: annotated(tmp_path / "r.atr")):
            try:
                read()
            except ValueError as error:
                problems.append(str(error))
    assert len(problems) > 100
    assert all(problem.startswith(str(tmp_path)) and "\n" not in problem for problem in problems)
