"""What pairs have become since they were programmed: drift, and the one factor that makes up for it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smalti.model.devices.cells import Cells
from smalti.model.devices.technologies.technology import Technology


def drifted(technology: Technology, cells: Cells, age: Tensor, aged: Tensor, draw: Callable[[int], Tensor]) -> Tensor:
    """Conductances [2, D] of pairs at their age.

    Args:
        technology: of the devices.
        cells: the pairs; those that drift for the first time get their draws.
        age: seconds since they were programmed [D].
        aged: places of those with an age above 0 [A].
        draw: of a number of pairs D: standard normal numbers [2, D].
    """
    fresh = aged[cells.draw[0, aged].isnan()]
    if len(fresh):
        cells.draw[:, fresh] = draw(len(fresh))
    conductances = cells.programmed.clone()
    conductances[:, aged] = technology.drifted(
        cells.target[:, aged], cells.programmed[:, aged], age[aged], cells.draw[:, aged]
    )
    return conductances


def compensation(now: Tensor, programmed: Tensor) -> Tensor:
    """The factor that gives weights [A] the mean absolute value that they were programmed with; 1 where all are 0."""
    before, after = programmed.abs().mean(), now.abs().mean()
    return torch.where(after > 0, before / after, torch.ones_like(after))
