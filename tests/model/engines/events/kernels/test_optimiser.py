"""The step in one pass against that of torch; ``test_optimiser.py`` holds both against other optimisers."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smalti.model.optimiser import Moments, OptimiserOptions, step

pytest.importorskip("numba", reason="the step in one pass needs numba")
SHAPE, STEPS = (2, 5, 3), 12


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    method=st.sampled_from(["adam", "sgd"]),
    single=st.booleans(),
    weight_decay=st.sampled_from([0.0, 0.1, 3.0]),
    guard=st.integers(0, STEPS + 1),
    scaled=st.booleans(),
    clip=st.sampled_from([0.0, 1.0]),
)
def test_torch_and_numba_agree(
    seed: int,
    method: Literal["adam", "sgd"],
    single: bool,
    weight_decay: float,
    guard: int,
    scaled: bool,
    clip: float,
) -> None:
    """Devices are born at different steps; some never learn, some have a learning rate of zero."""
    options = OptimiserOptions(method=method, weight_decay=weight_decay, guard=guard, clip=clip)
    dtype = torch.float32 if single else torch.float64
    generator = torch.Generator().manual_seed(seed)

    def draw() -> Tensor:
        return torch.randn(SHAPE, generator=generator, dtype=torch.float64).to(dtype)

    start, gradients = draw(), [draw() for _ in range(STEPS)]
    learns, births = draw() > -0.7, [draw() > 1.5 for _ in range(STEPS)]
    factors = [draw().clamp(min=0) if scaled else None for _ in range(STEPS)]
    found = []
    for fused in (False, True):
        weight = start.clone().requires_grad_()
        moments = Moments.fresh(weight)
        for gradient, born, factor in zip(gradients, births, factors, strict=True):
            moments.reset(born)
            step(weight, gradient, learns, moments, 0.05, options, factor, fused=fused)
        state = weight.detach(), moments.first, moments.second, moments.count
        found.append([tensor[learns] for tensor in state])
        assert torch.equal(weight.detach()[~learns], start[~learns])
    tolerance = 1e-5 if single else 1e-12
    for torchs, numbas in zip(*found, strict=True):
        torch.testing.assert_close(numbas, torchs, rtol=tolerance, atol=tolerance)
