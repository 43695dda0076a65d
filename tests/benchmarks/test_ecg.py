from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ecg import drawn, made, measured, millivolts, view
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.streams import StreamOptions, load_stream


def test_a_made_record_is_read_beat_by_beat(tmp_path: Path) -> None:
    path = made(tmp_path, "made", "NVNFN" * 8, 0.02, 1)
    shown = millivolts(path, 126, 126)
    assert shown.shape == (40, 252, 2)
    normal, early = shown[0::5].mean(0), shown[1::5].mean(0)
    assert np.abs(normal[:, 0]).argmax() == pytest.approx(126, abs=3)  # the R wave, at the annotation
    assert normal[126, 0] == pytest.approx(1.1, abs=0.3)
    assert normal[126 + 86, 0] > early[126 + 86, 0] + 0.05  # the T wave
    stream = load_stream(StreamOptions(name="ecg", path=str(path)), 16)
    assert (stream.class_names, stream.anomaly) == (("N", "other"), 1)


def test_symbols_come_in_their_shares() -> None:
    symbols = drawn(10_000, 0.4, 0)
    assert [symbols.count(symbol) / 10_000 for symbol in "NVF"] == pytest.approx([0.6, 0.3, 0.1], abs=0.02)


def test_all_are_measured_on_the_same_beats(tmp_path: Path) -> None:
    path = made(tmp_path, "made", drawn(120, 0.4, 0), 0.02, 0)
    rows = measured(path, "balanced", 0)
    assert [row[0] for row in rows][2:] == ["network", "its expert alone", "its gate alone"]
    assert rows[0][2] > 0.8  # a regression on what was made knows it well
    assert all(0 <= value <= 1 for row in rows for value in row[1:])
    assert view([rows, rows], "twice").row_count == 5


def test_the_preset_gives_way() -> None:
    config = configure({"stream": {"name": "ecg", "path": "x.hea"}, "fabric": {"rows": 2}})
    assert (config.stream.test, config.fabric.rows, config.fabric.inputs) == (0.5, 2, "every")
    assert [*config.network.kinds] == ["beat"]
