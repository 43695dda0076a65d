"""Growth signals made by hand, for the tests of ``model.growth``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smalti.model.growth.signal import TileSignal, Traces, tile_signal
from smalti.model.growth.surroundings import Inputs
from smalti.model.probe import DenseProbe, Kernel


@pytest.fixture(scope="session")
def by_hand() -> Callable[..., TileSignal]:
    """Factory of signals of tile 3 from spikes on its wires [T, P, B] and adjoints of its targets [T, Q, B].

    Wires are channels; the targets have no devices yet, unless ``heard`` [Q, P] says which wires they hear.
    """

    def make(
        drive: Tensor,
        adjoint: Tensor,
        leak: float = 0.9,
        new: Tensor | None = None,
        distance: Tensor | None = None,
        heard: Tensor | None = None,
    ) -> TileSignal:
        (steps, wires, batch), targets = drive.shape, adjoint.shape[1]
        presynaptic = drive.new_zeros(steps + 1, targets + wires + 1, batch)
        presynaptic[:-1, targets:-1] = drive
        loss = torch.linspace(0.2, 1.5, batch, dtype=drive.dtype)
        probe = DenseProbe(presynaptic, adjoint, drive.new_zeros(targets, batch), loss)
        sources, onto = torch.arange(wires) + targets, torch.arange(targets)
        mask = torch.zeros(targets, wires, dtype=torch.bool) if heard is None else heard
        return tile_signal(
            Traces(probe, Kernel(leak)),
            3,
            sources,
            torch.zeros(wires, dtype=torch.bool) if new is None else new,
            onto,
            torch.ones(wires, dtype=drive.dtype) if distance is None else distance,
            (Inputs(onto, sources, mask),),
        )

    return make
