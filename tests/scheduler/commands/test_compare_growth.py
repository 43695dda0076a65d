from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from scheduler.comparing import growing
from scheduler.config import Config
from scheduler.trials import Report, run_trial

Smalti = Callable[..., tuple[int, str, str]]
TEXT = """
[compare]
rules = ["random", "gradmax_whitened"]
controls = ["static"]
seeds = 2
[base.fabric]
rows = 2
cols = 2
neurons_per_tile = 8
wires = 8
[base.stream]
name = "arrays"
path = "{path}"
setting = "joint"
steps = 12
[base.training]
rounds = 3
steps = 2
[base.growth]
probe = 32
every = 1
retire_after = 0
reserve = 0
"""


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trials run in this process; their names in order, as they are asked for."""
    asked: list[str] = []

    def run(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        failed = {}
        for name, config in trials.items():
            asked.append(name)
            if "seed9" in name:
                failed[name] = "ValueError: no luck"
            else:
                run_trial(config, folder / name)
            report(name, failed.get(name, "done"))
        return failed

    monkeypatch.setattr(growing, "run_trials", run)
    return asked


def test_a_file_becomes_runs_tables_and_a_picture(smalti: Smalti, blobs: Path, trials: list[str]) -> None:
    Path("mine.toml").write_text(TEXT.format(path=blobs), encoding="utf-8")
    code, out, err = smalti("compare", "mine.toml", "--out", "results")
    assert (code, err) == (0, "")
    assert len(trials) == 6
    summary = pd.read_parquet("results/summary.parquet")
    assert list(summary.columns)[:6] == ["experiment", "setting", "rule", "placement", "timing", "metric"]
    accuracy = summary[summary["metric"] == "accuracy"].set_index(["rule", "timing"])["mean"]
    for rule, timing in (("random", "schedule"), ("gradmax_whitened", "schedule"), ("random", "start")):
        line = next(line for line in out.splitlines() if line.startswith(f"│ {rule}, ") and f", {timing} " in line)
        assert f" {100 * accuracy[rule, timing]:.1f} " in line
    assert "folder: results" in out
    assert Path("results/comparison.svg").exists() == (importlib.util.find_spec("matplotlib") is not None)
    assert Path("results/comparison.toml").read_text() == Path("mine.toml").read_text()
    before = {p: p.stat().st_mtime_ns for p in Path("results/trials").rglob("*") if p.is_file() and p.name != ".lock"}
    assert smalti("compare", "mine.toml", "--out", "results")[0] == 0
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in before.items())


def test_more_seeds_add_runs_and_failed_ones_are_left_out(smalti: Smalti, blobs: Path, trials: list[str]) -> None:
    text = TEXT.format(path=blobs)
    Path("mine.toml").write_text(text.replace("seeds = 2", "first_seed = 8\nseeds = 2"), encoding="utf-8")
    code, out, _ = smalti("compare", "mine.toml", "--out", "results")
    assert code == 0
    assert "3 of 6 runs failed; they are left out." in out
    assert "default_random_auction_schedule_seed9: ValueError: no luck" in out
    assert set(pd.read_parquet("results/outcomes.parquet")["seed"]) == {8}


def test_without_a_single_finished_run_there_is_an_error(smalti: Smalti, blobs: Path, trials: list[str]) -> None:
    text = TEXT.format(path=blobs)
    Path("mine.toml").write_text(text.replace("seeds = 2", "first_seed = 9\nseeds = 1"), encoding="utf-8")
    code, _, err = smalti("compare", "mine.toml", "--out", "results")
    assert code == 2
    assert "none of the 3 runs finished; the first says: ValueError: no luck" in " ".join(err.split())
