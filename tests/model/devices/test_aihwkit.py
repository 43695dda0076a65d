"""The curves of ReRAM and PCM beside those of IBM's aihwkit, where it is installed."""

from __future__ import annotations

import pytest
import torch

from smalti.model.devices import TECHNOLOGIES, DevicesOptions

pytest.importorskip("aihwkit")

DRAWS, DAY = 200_000, 86400.0


@pytest.mark.parametrize(
    ("kind", "name", "highest", "lowest"),
    [
        ("reram_wan", "ReRamWan2022NoiseModel", 40.0, 0.0),
        ("pcm", "PCMLikeNoiseModel", 25.0, 0.0),
        ("reram_cmo", "ReRamCMONoiseModel", 90.0, 8.0),
    ],
)
def test_programming_and_a_day_of_drift_are_theirs(kind: str, name: str, highest: float, lowest: float) -> None:
    from aihwkit.inference.noise import pcm, reram  # type: ignore[import-not-found]

    of_range = {"g_max": highest} | ({"g_min": lowest, "acceptance_range": 2} if lowest else {})
    theirs = getattr(reram if kind.startswith("reram") else pcm, name)(**of_range)
    ours = TECHNOLOGIES[kind](DevicesOptions(kind=kind, reading=0))
    for share in (0.2, 0.5, 0.8):
        target = torch.full((2, DRAWS), lowest + share * (highest - lowest))
        age, largest = torch.full((DRAWS,), DAY, dtype=torch.float64), torch.full((DRAWS,), highest - lowest)
        programmed = ours.programmed(target, largest, torch.randn(2, DRAWS))
        reference = theirs.apply_programming_noise_to_conductance(target.clone())
        assert float(programmed.std()) == pytest.approx(float(reference.std()), rel=0.02)
        theirs.read_noise_scale = 0.0
        later = theirs.apply_drift_noise_to_conductance(reference, theirs.generate_drift_coefficients(target), DAY)
        drifted = ours.drifted(target, programmed, age, torch.randn(2, DRAWS))
        assert float(drifted.mean()) == pytest.approx(float(later.mean()), rel=0.005)
        assert float(drifted.std()) == pytest.approx(float(later.std()), rel=0.02)
