from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.comparing import growing
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.trials import Report

Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture
def trials(trials_here: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trials are run in this process, those of seed 9 fail; their names in order, as they are asked for."""
    asked: list[str] = []

    def run(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        asked.extend(trials)
        failed = {name: "ValueError: no luck" for name in trials if "seed9" in name}
        for name, error in failed.items():
            report(name, error)
        rest = {name: config for name, config in trials.items() if name not in failed}
        return failed | trials_here(rest, folder, report)

    monkeypatch.setattr(growing, "run_trials", run)
    return asked


@pytest.fixture
def text(small_comparison: str) -> str:
    """The file, with one control."""
    return small_comparison.replace("seeds = 2", 'seeds = 2\ncontrols = ["static"]')


def test_a_file_becomes_runs_tables_and_a_picture(cli: Smalti, text: str, trials: list[str]) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, out, err = cli("compare", "mine.toml", "--out", "results")
    assert (code, err) == (0, "")
    assert len(trials) == 6
    summary = pd.read_parquet("results/summary.parquet")
    assert list(summary.columns)[:6] == ["experiment", "setting", "rule", "placement", "timing", "metric"]
    accuracy = summary[summary["metric"] == "accuracy"].set_index(["rule", "timing"])["mean"]
    for rule, timing in (("random", "schedule"), ("gradmax_whitened", "schedule"), ("random", "start")):
        line = next(line for line in out.splitlines() if line.startswith(f"│ {rule}, ") and f", {timing} " in line)
        assert f" {100 * accuracy[rule, timing]:.1f} " in line
    assert "folder: results" in out
    first, second = Path("results/table.md").read_text(encoding="utf-8").split("\n\n")
    assert f"| random, auction, schedule | {100 * accuracy['random', 'schedule']:.1f} |" in first
    assert first.count("\n") + 1 == second.strip().count("\n") + 1 == 2 + len(accuracy)
    assert Path("results/comparison.svg").exists() == (importlib.util.find_spec("matplotlib") is not None)
    assert Path("results/comparison.toml").read_text() == Path("mine.toml").read_text()
    before = {p: p.stat().st_mtime_ns for p in Path("results/trials").rglob("*") if p.is_file() and p.name != ".lock"}
    assert cli("compare", "mine.toml", "--out", "results")[0] == 0
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in before.items())


def test_more_seeds_add_runs_and_failed_ones_are_left_out(cli: Smalti, text: str, trials: list[str]) -> None:
    Path("mine.toml").write_text(text.replace("seeds = 2", "first_seed = 8\nseeds = 2"), encoding="utf-8")
    code, out, _ = cli("compare", "mine.toml", "--out", "results")
    assert code == 0
    assert "3 of 6 runs failed; they are left out." in out
    assert "near_random_auction_schedule_seed9: ValueError: no luck" in out
    assert set(pd.read_parquet("results/outcomes.parquet")["seed"]) == {8}


def test_without_a_single_finished_run_there_is_an_error(cli: Smalti, text: str, trials: list[str]) -> None:
    Path("mine.toml").write_text(text.replace("seeds = 2", "first_seed = 9\nseeds = 1"), encoding="utf-8")
    code, _, err = cli("compare", "mine.toml", "--out", "results")
    assert code == 2
    assert "none of the 3 runs finished; the first says: ValueError: no luck" in " ".join(err.split())
