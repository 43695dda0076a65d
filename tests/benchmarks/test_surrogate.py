from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

from benchmarks.surrogate import activity, measure, view
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run


def test_activity_is_that_of_the_membranes_the_network_shows(finished_run: Path) -> None:
    """Hidden neurons read as if they were outputs; the default's support has half-width .5 around the threshold 1."""
    simulation = restored(load_run(finished_run))
    inside, fired = [], []
    for experience in simulation.stream.experiences:
        expert = simulation.gating.find(experience.classes)
        assert expert is not None
        x, _ = simulation.batches_of(experience).training(0)
        hidden = torch.tensor(expert.neurons)
        with torch.no_grad():
            shown = simulation.network.run(x, hidden, simulation.gating.running(expert))
        width, threshold = simulation.config.network.surrogate_width, simulation.config.network.threshold
        inside.append(float(((shown.membrane - threshold).abs() < width).double().mean()))
        fired.append(float(shown.counts[hidden].double().mean()) / x.shape[1])
    assert activity(simulation) == pytest.approx((sum(inside) / 2, sum(fired) / 2))
    assert 0 < min(inside) <= max(inside) < 1
    assert min(fired) > 0


def test_finished_trials_are_looked_at_and_left_as_they_are(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "one").symlink_to(finished_run)
    rows = {"trial": ["one", "two"], "status": ["done", "failed"], "stream": "s", "variant": "v"}
    pd.DataFrame({**rows, "accuracy": [0.75, None], "neurons": [9.0, None]}).to_parquet(tmp_path / "trials.parquet")
    before = {file: file.read_bytes() for file in finished_run.rglob("*") if file.is_file()}
    table = measure(tmp_path)
    assert len(table) == 1
    assert (table["active"][0], table["rate"][0]) == pytest.approx(activity(restored(load_run(finished_run))))
    assert {file: file.read_bytes() for file in finished_run.rglob("*") if file.is_file()} == before
    console = Console(width=150)
    with console.capture() as capture:
        console.print(view(table))
    assert "75.0" in capture.get()
    assert f"{table['active'][0]:.3f}" in capture.get()


def test_where_nothing_has_finished_it_says_how_to_go_on(tmp_path: Path) -> None:
    pd.DataFrame({"trial": ["one"], "status": ["failed"]}).to_parquet(tmp_path / "trials.parquet")
    with pytest.raises(ValueError, match="smalti compare surrogate --out"):
        measure(tmp_path)
