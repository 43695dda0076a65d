"""What is dead is shown on the chip's picture, where it is and from when it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smalti.analysis.plots.drawing.faults import DEAD_TILE, RED, fault_keys, faults_of
from smalti.analysis.plots.drawing.picture import Boxes, Dots
from smalti.analysis.plots.wiring.chip import chip_picture
from smalti.analysis.runs import load_run
from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import FaultsOptions, fault_map
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import nothing, start
from smalti.scheduler.simulation import Simulation


def _stop(simulation: Simulation) -> None:
    raise KeyboardInterrupt


SHARES = {"row_share": 0.1, "slot_share": 0.2, "tile_share": 0.3, "wire_share": 0.1, "map_seed": 4}


def test_marks_are_as_many_as_the_faults(tiny: Callable[..., Config], tmp_path: Path) -> None:
    start(tiny(faults={**SHARES, "at_round": 3}), tmp_path / "run", nothing)
    run = load_run(tmp_path / "run")
    faults = faults_of(run)
    assert faults is not None
    assert faults.tiles
    (panel,) = chip_picture(run).panels
    fills = [fill for mark in panel.marks if isinstance(mark, Boxes) for fill in mark.fills]
    assert fills.count(DEAD_TILE) == len(faults.tiles)
    red = [mark for mark in panel.marks if isinstance(mark, Dots) and mark.colours == RED]
    slots = faults.slots.reshape(len(faults.rows), -1)
    own_rows = faults.rows[:, : slots.shape[1]] & ~slots
    sound = np.setdiff1d(np.arange(len(slots)), faults.tiles)
    sides = {port // 2 for port in faults.wires}
    assert [np.size(mark.x) for mark in red] == [slots[sound].sum(), own_rows[sound].sum(), len(sides)]
    assert {"dead slot", "dead wires"} <= {key.label for key in panel.keys}


def test_keys_are_those_of_marks_that_there_are(tiny: Callable[..., Config]) -> None:
    fabric = Fabric(tiny().fabric)

    def keys(**shares: float) -> list[str]:
        found = fault_map(FaultsOptions(**shares), fabric)  # type: ignore[arg-type]
        assert found is not None
        return [key.label for key in fault_keys(found)]

    assert keys(tile_share=0.5) == []  # its tiles are coloured
    assert keys(slot_share=0.2) == ["dead slot"]
    assert keys(row_share=0.2) == ["dead slot", "its row is"]
    assert keys(wire_share=0.2) == ["dead wires"]


@pytest.mark.parametrize("faults", [{}, {**SHARES, "at_round": 5}])
def test_nothing_is_shown_before_it_has_come(
    tiny: Callable[..., Config], tmp_path: Path, faults: dict[str, float]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        start(tiny(faults=faults), tmp_path / "run", _stop)
    run = load_run(tmp_path / "run")
    assert faults_of(run) is None
    (panel,) = chip_picture(run).panels
    assert not [mark for mark in panel.marks if isinstance(mark, Dots) and mark.colours == RED]
