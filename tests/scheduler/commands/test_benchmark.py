from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.comparing import continual
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.trials import Report

Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture
def text(small_base: Callable[..., str]) -> str:
    """A benchmark whose runs take a second each."""
    return f"""
[benchmark]
seeds = 2
{small_base(2)}[streams.blobs]
[methods.grown]
about = "the proposal"
[methods.gate-alone]
runs_of = "grown"
answer = "gate"
[methods.joint]
reads = "joint"
stream.setting = "joint"
gating.experts = "shared"
"""


@pytest.fixture
def trials(trials_here: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trials are run in this process; the joint one with seed 1 fails."""
    asked: list[str] = []

    def run(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        asked.extend(trials)
        failed = {name: "ValueError: no luck" for name in trials if name == "blobs_joint_seed1"}
        for name, error in failed.items():
            report(name, error)
        return failed | trials_here({n: c for n, c in trials.items() if n not in failed}, folder, report)

    monkeypatch.setattr(continual, "run_trials", run)
    return asked


def test_a_file_becomes_runs_tables_and_a_picture(cli: Smalti, text: str, trials: list[str]) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, out, err = cli("benchmark", "continual", "--file", "mine.toml", "--out", "results")
    assert (code, err) == (0, "")
    assert sorted(trials) == [f"blobs_{method}_seed{seed}" for method in ("grown", "joint") for seed in (0, 1)]
    summary = pd.read_parquet("results/summary.parquet")
    assert list(summary.columns) == ["stream", "setting", "method", "metric", "mean", "low", "high", "n"]
    accuracy = summary[summary["metric"] == "accuracy"].set_index(["setting", "method"])
    assert set(accuracy.index) == {
        ("class", "grown"),
        ("task", "grown"),
        ("class", "gate-alone"),
        ("class", "joint"),
        ("task", "joint"),
    }
    assert accuracy["n"].to_dict()["class", "joint"] == 1  # the other failed
    assert accuracy["mean"]["class", "joint"] == accuracy["mean"]["task", "joint"]
    outcomes = pd.read_parquet("results/outcomes.parquet")
    spent = outcomes[outcomes["metric"] == "operations_per_sample"]
    assert (spent[spent["method"] == "grown"]["value"] > 0).all()
    assert (spent[spent["method"] == "gate-alone"]["value"] == 0).all()
    table = Path("results/table.md").read_text(encoding="utf-8")
    assert f"{100 * accuracy['mean']['class', 'grown']:.1f} [" in table
    assert table.count("\n") == 2 + len(accuracy)
    assert "1 of 4 runs failed" in out
    assert "grown: the proposal" in out
    assert Path("results/benchmark.svg").exists() == (importlib.util.find_spec("matplotlib") is not None)
    differences = pd.read_parquet("results/differences.parquet")
    assert set(differences["control_method"]) == {"grown"}


def test_a_stream_or_method_that_is_not_there_is_named(cli: Smalti, text: str) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, _, err = cli("benchmark", "continual", "--file", "mine.toml", "--streams", "mnist")
    assert code == 2
    assert "['mnist'] are not in the benchmark; take some of blobs" in err.replace("\\", "")
