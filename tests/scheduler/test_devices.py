"""Runs on memristive devices: they resume bit for bit, frozen experts keep their conductances, writes are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from smalti.model.continual import ContinualOptions
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.model.rewiring.options import RewiringOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import from_mapping
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]


def nothing(simulation: Simulation) -> None:
    """Watch nothing."""


@pytest.mark.parametrize(
    "devices",
    [
        {"kind": "reram_wan", "stuck_on": 0.02, "stuck_off": 0.02, "round_seconds": 3600.0},
        {"kind": "pcm", "learning": "noise", "scale": "tile", "compensation": True, "acceptance": 0.05},
    ],
)
@pytest.mark.parametrize("rounds", [2, 4])
def test_a_stopped_run_ends_like_one_that_was_not(
    tiny: MakeConfig, check_resume: Callable[[Config, int], None], devices: dict[str, Any], rounds: int
) -> None:
    check_resume(tiny(devices=devices), rounds)


def test_a_frozen_expert_is_not_written_while_others_learn(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(devices={"kind": "mosaic"}, growth={"births": 1, "retire_after": 0}))
    devices = simulation.network.memristors
    frozen, read = torch.zeros(0), torch.zeros(0)
    for number, _ in enumerate(simulation):
        if number == 2:  # the last round of the first experience
            read, written = devices.read().detach().clone(), devices.wear.counts.clone()
        if number > 3:
            frozen = simulation.network.state.frozen
            assert frozen.any()
            assert torch.equal(devices.wear.counts[frozen], written[frozen])
            assert torch.equal(devices.read().detach()[frozen], read[frozen])


def test_writes_on_the_chip_are_those_of_ideal_devices_and_those_of_a_copy_are_few(
    play: Play, tiny: MakeConfig
) -> None:
    """With a small learning rate and no growth all runs have the same devices, so that they can be compared."""
    quiet = {"training": {"learning_rate": 1e-4}, "growth": {"when": "never", "retire_after": 0}}

    def writes(**devices: object) -> list[int]:
        rows = [rows.rounds[0] for rows in play(tiny(devices=devices, **quiet))[1]]
        assert rows[-1]["most_written"] == max(int(str(row["most_written"])) for row in rows) > 0
        return [int(str(row["writes"])) for row in rows]

    ideal, chip, copy = writes(), writes(kind="mosaic"), writes(kind="mosaic", learning="noise")
    steps = tiny().training.steps
    assert chip == ideal
    assert copy[1] * steps == chip[1]  # nothing is laid in that round


SWAPPING = RewiringOptions(steps=("rewire", "swap"), guard=4, rewired=0.5, proposals=200)
WIDE = {"fabric": {"rows": 3, "cols": 3}, "stream": {"steps": 13}}
BESIDE: dict[str, dict[str, Any]] = {
    "room for new inputs": {"growth": {"newborns": NewbornOptions(variance_transfer=True), "until": 1.0}},
    "swapped": {**WIDE, "growth": {"rewiring": SWAPPING, "until": 1.0, "births": 3, "where": "nearest"}},
    "from scratch": {"training": {"continual": ContinualOptions(method="gdumb")}, "gating": {"experts": "shared"}},
    "laid again": {"faults": {"row_share": 0.2, "wire_share": 0.1, "map_seed": 1, "at_round": 3, "heal": "relay"}},
    "repaired": {
        "faults": {"row_share": 0.2, "wire_share": 0.1, "map_seed": 1, "at_round": 3, "heal": "auction", "practice": 5}
    },
}


@pytest.mark.parametrize("changes", BESIDE.values(), ids=BESIDE)
def test_ideal_devices_count_what_is_written_beside_learning(
    play: Play, tiny: MakeConfig, changes: dict[str, dict[str, Any]]
) -> None:
    """As devices do that know what they were programmed to, and have no errors here."""
    known = {"kind": "mosaic", "programming": 0.0, "largest_weight": 1000.0}
    exact = {"network": {"precision": "float64"}, **changes}
    writes = []
    for devices in ({}, known):
        simulation, rounds = play(tiny(devices=devices, **exact))
        counts = simulation.network.memristors.wear.counts
        writes.append(([int(str(rows.rounds[0]["writes"])) for rows in rounds], counts))
    assert writes[0][0] == writes[1][0]
    assert torch.equal(writes[0][1], writes[1][1])


def test_the_most_written_device_has_learned_all_the_time(play: Play, tiny: MakeConfig) -> None:
    """Laid in the first round and written in every step of its experience, then frozen."""
    _, rounds = play(tiny(growth={"when": "never", "retire_after": 0}))
    steps = tiny().training.steps
    assert [rows.rounds[0]["most_written"] for rows in rounds[:3]] == [1 + steps * n for n in (1, 2, 3)]


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"devices.kind = 'reram' is unknown; take one of ideal, mosaic, reram_wan"):
        from_mapping(Config, {"devices": {"kind": "reram"}})


def test_a_file_with_holes_leaves_nothing_behind(tiny: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "sigma.csv").write_text("conductance,sigma\n1,.2\n2,\n")
    config = tiny(devices={"kind": "measured", "measured": str(tmp_path / "sigma.csv")})
    with pytest.raises(ValueError, match=r"has '' for sigma in line 3"):
        start(config, tmp_path / "run", nothing)
    assert not (tmp_path / "run").exists()
