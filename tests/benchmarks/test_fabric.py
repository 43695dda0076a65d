from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.fabric import Routing, main, measure


def test_links_and_wires_are_counted_by_hand() -> None:
    """3 x 3 tiles of 2 neurons: 9 local links and 24 between neighbours a neuron; four sides for each of these."""
    record = measure(Routing(side=3, neurons=2))
    assert record.tiles == 9
    assert record.links == 2 * (9 + 24)
    assert record.wires == 2 * 24 * 4
    assert min(record.seconds_build, record.seconds_route, record.seconds_remove) > 0


def test_results_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fabric.json"
    main(Routing(side=2, neurons=3, json=file))
    assert json.loads(file.read_text())["links"] == 3 * (4 + 8)
    assert "2 x 2 tiles of 3 neurons" in capsys.readouterr().out


def test_refuses_an_empty_chip() -> None:
    with pytest.raises(ValueError, match="--side 0 must be at least 1"):
        Routing(side=0)
