from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.network import Network
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.control.chip import ControlChip

Open = Callable[..., tuple[ControlChip, Expert, torch.Tensor]]


def said(chip: ControlChip, number: int, x: torch.Tensor) -> torch.Tensor:
    expert = chip.agent.experts[number]
    with torch.no_grad():
        return chip.network.run(x, torch.tensor(expert.outputs), chip.taking_part(expert)).membrane


def test_what_has_grown_changes_nothing_until_it_learns(opened: Open, shaken: Callable[[Network], None]) -> None:
    chip, expert, x = opened(width=2)
    shaken(chip.network)
    before, learning = said(chip, 0, x), int(chip.own(expert).sum())
    assert len(expert.neurons) == 4
    assert chip.grow(expert, x, 2) == 4
    assert torch.equal(said(chip, 0, x), before)
    assert len(expert.neurons) == 8
    assert int(chip.own(expert).sum()) > learning


def test_experts_own_devices_of_their_own_and_do_not_disturb_each_other(opened: Open) -> None:
    chip, first, x = opened(width=2)
    before = said(chip, 0, x)
    second = chip.open(3, x, 2)
    assert (second.classes, len(second.outputs)) == ((3, 4, 5), 3)
    assert not (chip.own(first) & chip.own(second)).any()
    with torch.no_grad():
        chip.network.state.weight[chip.own(second)] += 1
    assert torch.equal(said(chip, 0, x), before)


def test_limits_of_the_chip_hold(opened: Open, fabric: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the senses have 40 channels and the chip hears 8; raise fabric.wires"):
        ControlChip(configure({"fabric": {**fabric, "rows": 1}}), 40)
    chip, expert, x = opened(width=6)
    assert chip.grow(expert, x, 6) < 12  # slots of a tile: 8, with 2 outputs in one
    opens = [chip.open(2, x, 1)]
    with pytest.raises(NoRoomError):
        opens += [chip.open(2, x, 1) for _ in range(9)]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"device": "cuda"}, r"network\.device = 'cuda' cannot be had in control: .* take cpu"),
        ({"readout": "spike_count"}, r"network\.readout = 'spike_count' counts spikes .* take membrane_mean or memb"),
    ],
)
def test_what_cannot_act_is_refused(fabric: dict[str, Any], network: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ControlChip(configure({"fabric": fabric, "network": network}), 8)
