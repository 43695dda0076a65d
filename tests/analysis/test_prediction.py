"""What a run answers to new samples, where it answers at every step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import smalti
from smalti.scheduler.streams.memory import Data


def test_outputs_at_every_step_of_new_samples(timed: Callable[..., Data], tmp_path: Path) -> None:
    """The first output says which half fires more, 1 or -1; the second 0.5."""
    run = smalti.run(
        "arrays",
        data=timed(tasks=2),
        out=tmp_path / "run",
        progress=False,
        **{
            "stream.setting": "task",
            "fabric": {"rows": 1, "cols": 1, "neurons_per_tile": 20, "wires": 8},
            "network.output_tau_ms": 5.0,
            "training": {"rounds": 3, "steps": 60, "batch": 16, "warm_up": 2},
            "growth": {"seed_width": 8, "when": "never", "siblings": True, "probe": 32},
        },
    )
    x = np.full((2, 14, 6), 0.2)
    x[0, :, :3], x[1, :, 3:] = 0.8, 0.8
    said = run.predict(x, task=0)
    assert said.shape == (2, 14, 2)
    late = said[:, 9:].mean(1)
    assert late[0, 0] < -0.4 < 0.4 < late[1, 0]
    assert abs(late[:, 1] - 0.5).max() < 0.3
    details = run.predict(x, task=0, details=True)
    assert list(details.columns) == ["outputs", "spikes"]
    assert (details["spikes"] > 0).all()
