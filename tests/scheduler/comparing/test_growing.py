from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.runs import load_run
from smalti.scheduler.commands.compare_growth import tables_of
from smalti.scheduler.comparing import growing
from smalti.scheduler.comparing.growing import rounds_for, run_comparison
from smalti.scheduler.comparing.plan import Condition, Plan, load_plan
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.trials import Report

RunTrials = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def plan(small_comparison: str, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    file = tmp_path_factory.mktemp("plan") / "small.toml"
    file.write_text(small_comparison, encoding="utf-8")
    return load_plan(file)


@pytest.fixture(scope="module")
def played(
    plan: Plan, trials_here: RunTrials, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[Condition, str], list[str]]:
    """A whole comparison: its folder, its errors, and what was told of it."""
    told: list[str] = []
    out = tmp_path_factory.mktemp("trials")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "run_trials", trials_here)
        errors = run_comparison(plan, out, lambda name, how: told.append(f"{name} {how}"))
    return out, errors, told


def births(run: Path) -> pd.DataFrame:
    neurons = pd.read_parquet(run / "tables" / "neurons")
    return neurons[neurons["rule"] != "seed"][["birth_round", "tile"]].reset_index(drop=True)


def test_every_run_is_run_and_told(plan: Plan, played: tuple[Path, dict[Condition, str], list[str]]) -> None:
    out, errors, told = played
    assert len(errors) == len(told) == plan.total == 2 * (3 + 3)
    assert set(errors.values()) == {""}
    assert all((out / one.folder / "config.toml").exists() for one in errors)


def test_controls_have_the_births_of_their_reference(
    plan: Plan, played: tuple[Path, dict[Condition, str], list[str]]
) -> None:
    out, errors, _ = played
    compared = 0
    for one in errors:
        if one.placement != "replay":
            continue
        mine, reference = births(out / one.folder), births(out / plan.reference(one).folder)
        assert len(reference) > 0
        if one.timing == "replay":
            assert sorted(mine.itertuples(index=False)) == sorted(reference.itertuples(index=False))
        else:
            assert set(mine["birth_round"]) == {0}
            assert sorted(mine["tile"]) == sorted(reference["tile"])
        compared += 1
    assert compared == 3 * 2


def test_equal_compute_is_counted_in_operations(
    plan: Plan, played: tuple[Path, dict[Condition, str], list[str]]
) -> None:
    out, errors, _ = played
    for one in errors:
        if "compute" in one.timing:
            reference = out / plan.reference(one).folder
            operations = pd.read_parquet(reference / "tables" / "rounds")["operations"]
            rounds = len(pd.read_parquet(out / one.folder / "tables" / "rounds"))
            assert rounds == rounds_for(reference) <= 4
            assert abs(rounds * operations.iloc[-1] - operations.sum()) <= operations.iloc[-1] / 2


def test_tables_hold_every_condition_and_pairs_of_seeds(
    plan: Plan, played: tuple[Path, dict[Condition, str], list[str]]
) -> None:
    out, errors, _ = played
    runs = {one: load_run(out / one.folder) for one in errors}
    tables = tables_of(plan, runs, "validation")
    summary, differences = tables["summary"], tables["differences"]
    assert len(summary[summary["metric"] == "accuracy"]) == 6
    assert set(summary["n"]) == {2}
    assert set(differences["control_rule"]) == {"random"}
    assert set(differences["control_timing"]) == {"schedule"}
    assert len(differences[differences["metric"] == "accuracy_after"]) == 5
    assert set(tables["against_reference"]["control_rule"]) == {"gradmax_whitened"}
    compute = summary[summary["metric"] == "compute_to_static"].set_index(["setting", "timing"])["mean"]
    assert (compute.loc[("near", "start")] <= 1).all()
    own = summary[(summary["metric"] == "steps_to_control") & (summary["rule"] == "random")]
    assert len(own) == 4
    assert len(tables["curves"]) == sum(len(run.table("rounds")) for run in runs.values())


def test_what_follows_a_failed_run_is_named(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        return dict.fromkeys(trials, "ValueError: no luck")

    monkeypatch.setattr(growing, "run_trials", failing)
    errors = run_comparison(plan, tmp_path, lambda name, how: None)
    assert len(errors) == plan.total
    followers = [error for one, error in errors.items() if one.placement == "replay"]
    assert all(error.startswith("the run it follows failed (") for error in followers)
