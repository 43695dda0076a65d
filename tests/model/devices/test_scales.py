from __future__ import annotations

import torch

from smalti.model.devices import DevicesOptions
from smalti.model.devices.scales import HALVINGS, Scales

PLACE = torch.tensor([0, 5, 6, 11])  # of two tiles of six pairs
CROSSBARS = torch.zeros(2, 3, 2, dtype=torch.float64)


def test_a_chip_has_one_scale_whatever_it_holds() -> None:
    scales = Scales(DevicesOptions(kind="pcm", largest_weight=4.0), CROSSBARS)
    assert not scales.hold(PLACE, torch.tensor([0.1, -0.2, 3.0, 0.0], dtype=torch.float64))
    assert float(scales.of(PLACE)) == 4.0


def test_a_tile_has_the_least_halving_that_holds_its_weights_and_keeps_it() -> None:
    """A negative device with half of the range needs twice the scale."""
    scales = Scales(DevicesOptions(kind="pcm", largest_weight=4.0, scale="tile", negative_share=0.5), CROSSBARS)
    assert scales.of(PLACE).tolist() == [4.0 / 2**HALVINGS] * 4
    assert scales.hold(PLACE, torch.tensor([0.1, -0.3, 0.9, 0.0], dtype=torch.float64))
    assert scales.of(PLACE).tolist() == [1.0, 1.0, 1.0, 1.0]
    assert scales.hold(PLACE[2:], torch.tensor([1.1, 0.0], dtype=torch.float64))
    assert scales.of(PLACE).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert not scales.hold(PLACE, torch.zeros(4, dtype=torch.float64))
    assert scales.of(PLACE).tolist() == [1.0, 1.0, 2.0, 2.0]
