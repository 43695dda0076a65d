from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.tiny import residual, residual_moment, tiny
from smalti.model.growth.rules.whitened import gradmax_whitened
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.surroundings import Inputs
from smalti.model.neuron import NetworkOptions

EXACT = NetworkOptions(precision="float64")
LEAK = 0.9
Hand = Callable[..., TileSignal]


def spikes(wires: int, steps: int = 15, batch: int = 10) -> Tensor:
    return (torch.rand(steps, wires, batch, generator=torch.Generator().manual_seed(0)) < 0.4).double()


def adjoints(targets: int, steps: int = 15, batch: int = 10) -> Tensor:
    return torch.randn(steps, targets, batch, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def regressed(signal: TileSignal, inputs: Inputs) -> Tensor:
    """The residual [T - 1, q, B] by least squares, one target after another; step t is the adjoint of t + 1."""
    heard = signal.traces.probe.drive(inputs.sources)[1:]
    left = []
    for place, mask in zip(inputs.places.tolist(), inputs.mask, strict=True):
        wanted = signal.delta[:-1, place].reshape(-1, 1)
        design = heard[:, mask].permute(0, 2, 1).reshape(len(wanted), -1)
        best = torch.linalg.lstsq(design, wanted, driver="gelsd").solution
        left.append((wanted - design @ best).view(len(heard), -1))
    return torch.stack(left, 1)


def test_residual_is_that_of_least_squares_over_a_targets_own_devices(site: Callable[..., Any]) -> None:
    """On a real chip, where a target hears only some rows of its tile."""
    explained = []
    for seed in range(3):
        place = site(EXACT, seed)
        signal = place.signal(place.free_slots()[1])
        for inputs in signal.inputs:
            found = residual(signal, inputs)
            assert not found[-1].any()
            torch.testing.assert_close(found[:-1], regressed(signal, inputs), rtol=0, atol=1e-7)
            heard = signal.traces.probe.drive(inputs.sources)[1:]
            overlap = torch.einsum("tqb,teb->qe", found[:-1], heard)
            scale = signal.delta.abs().sum()
            assert (overlap.abs() * inputs.mask).max() < 1e-8 * scale
            assert not inputs.mask.all()
            explained.append(1 - float((found.norm() / signal.delta[:, inputs.places].norm().clamp(min=1e-30)) ** 2))
    assert len(explained) >= 6
    assert max(explained) > 0.05
    assert all(-1e-12 <= share <= 1 for share in explained)


def test_moment_of_the_residual_is_the_sum_written_out(by_hand: Hand) -> None:
    heard = torch.tensor([[True, True, False, False], [False, False, True, False], [False] * 4])
    signal = by_hand(spikes(4), adjoints(3), LEAK, heard=heard)
    left, expected = regressed(signal, signal.inputs[0]), torch.zeros(3, 4, dtype=torch.float64)
    for b in range(10):
        zbar = torch.zeros(4, dtype=torch.float64)
        for t in range(14):
            zbar = LEAK * zbar + signal.drive[t, :, b]
            expected += torch.outer(left[t, :, b], zbar) / 10
    found = residual_moment(signal)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    torch.testing.assert_close(found[2], signal.moment[2])  # who hears nothing keeps all
    assert (found[:2] - signal.moment[:2]).abs().max() > 1e-3


def test_one_spike_by_hand(by_hand: Hand) -> None:
    """Wire 0 alone is heard and fires once, at t = 2: the adjoint of t = 2 is taken away, that of t = 3 is not."""
    drive, adjoint = torch.zeros(6, 2, 1, dtype=torch.float64), torch.zeros(6, 1, 1, dtype=torch.float64)
    drive[2, 0], drive[0, 1], adjoint[2], adjoint[3] = 1, 1, 5, 7
    signal = by_hand(drive, adjoint, LEAK, heard=torch.tensor([[True, False]]))
    left = residual(signal, signal.inputs[0]).flatten()
    torch.testing.assert_close(left, torch.tensor([0, 0, 7, 0, 0, 0], dtype=torch.float64), rtol=0, atol=1e-8)
    expected = torch.tensor([[7, 7 * LEAK**2]], dtype=torch.float64)
    torch.testing.assert_close(residual_moment(signal), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nobody_is_born_where_existing_devices_can_do_it_all(
    by_hand: Hand, site: Callable[..., Any], dtype: torch.dtype
) -> None:
    """Adjoints that are sums of the spikes heard; whitened growth alone would send newborns."""
    how = site(NetworkOptions(precision="float64" if dtype == torch.float64 else "float32")).network.newborn_dynamics()
    drive = spikes(4, batch=60).to(dtype)
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(2)).to(dtype)
    wanted = torch.einsum("qp,tpb->tqb", weight, drive)
    signal = by_hand(drive, wanted, heard=torch.ones(3, 4, dtype=torch.bool))
    chance = np.random.default_rng(0)
    assert not residual_moment(signal).any()
    assert len(tiny(signal, 3, GrowthOptions(), how, chance).fan_in) == 0
    assert len(gradmax_whitened(signal, 3, GrowthOptions(), how, chance).fan_in) == 3
    (inputs,) = signal.inputs
    deaf = replace(signal, inputs=(replace(inputs, mask=torch.eye(3, 4, dtype=torch.bool)),))
    assert len(tiny(deaf, 3, GrowthOptions(), how, chance).fan_in) == 3


def test_without_devices_it_is_whitened_growth(by_hand: Hand, site: Callable[..., Any]) -> None:
    how = site(EXACT).network.newborn_dynamics()
    signal = by_hand(spikes(5, batch=20), adjoints(3, batch=20))
    chance = np.random.default_rng(0)
    made = [rule(signal, 3, GrowthOptions(), how, chance) for rule in (tiny, gradmax_whitened)]
    torch.testing.assert_close(made[0].fan_in, made[1].fan_in)
    assert len(made[0].fan_in) == 3


def test_targets_that_no_tile_was_asked_about_keep_their_adjoints(by_hand: Hand) -> None:
    signal = replace(by_hand(spikes(4), adjoints(2)), inputs=())
    assert torch.equal(residual_moment(signal), signal.moment)
    nobody = Inputs(torch.tensor([0, 1]), torch.empty(0, dtype=torch.int64), torch.empty(2, 0, dtype=torch.bool))
    torch.testing.assert_close(residual_moment(replace(signal, inputs=(nobody,))), signal.moment)
