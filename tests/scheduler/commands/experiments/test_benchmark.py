"""Experiments with variants and a control, as ``smalti benchmark`` and ``smalti compare`` run them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.runs import load_run
from smalti.scheduler.commands.experiments.experiment import ExperimentCommand
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments import running
from smalti.scheduler.experiments.reading import FILES
from smalti.scheduler.experiments.trials import rounds_for
from smalti.scheduler.experiments.workers import attempt, backends
from smalti.scheduler.experiments.workers.backends import Spread, Task, Workers
from smalti.scheduler.runner import Watcher

Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are this process."""

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        return [function(*given, **named) for function, given, named in tasks]

    @contextmanager
    def opened(workers: Workers) -> Iterator[Spread]:
        yield spread

    monkeypatch.setattr(backends, "opened", opened)


@pytest.fixture
def methods(small_base: Callable[..., str]) -> str:
    """Methods of continual learning whose runs take a second each."""
    return f"""
seeds = 2
control = "grown"
{small_base(2)}[streams.blobs]
[variants.grown]
about = "the proposal"
[variants.gate-alone]
runs_of = "grown"
answer = "gate"
[variants.joint]
reads = "joint"
stream.setting = "joint"
gating.experts = "shared"
"""


@pytest.fixture
def growth(small_base: Callable[..., str]) -> str:
    """Growth rules with their controls."""
    return f"""
seeds = 2
control = ["random", "gradmax_whitened"]
static = "static"
columns = ["accuracy_after", "neurons", "steps_to_control", "compute_to_static"]
{small_base(4, "joint")}every = 1
until = 0.5
retire_after = 0
when = "schedule"
[base.training]
validate = true
[variants]
random = {{ growth.rule = "random" }}
gradmax_whitened = {{ growth.rule = "gradmax_whitened" }}
static = {{ follows = "gradmax_whitened", growth.rule = "random" }}
equal = {{ follows = "gradmax_whitened", growth.rule = "random", same_compute = true }}
reborn = {{ follows = "gradmax_whitened", growth.rule = "random", births = "recorded" }}
""".replace("[base.training]\nvalidate = true\n", "").replace("batch = 16", "batch = 16\nvalidate = true")


def fail(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let trials whose names begin so fail."""

    def run(config: Config, path: Path, *watch: Watcher) -> None:
        if path.name.startswith(name):
            raise ValueError("no luck")
        running.run_trial(config, path, *watch)

    monkeypatch.setattr(attempt, "run_trial", run)


def folder(trials: pd.DataFrame, variant: str, seed: int) -> Path:
    chosen = trials[(trials["variant"] == variant) & (trials["run.seed"] == seed)]
    return Path("results/trials", chosen["trial"].item())


def births(run: Path) -> pd.DataFrame:
    neurons = pd.read_parquet(run / "tables" / "neurons")
    return neurons[neurons["rule"] != "seed"][["birth_round", "tile"]].reset_index(drop=True)


def test_methods_become_runs_tables_and_pictures(cli: Smalti, methods: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.toml").write_text(methods, encoding="utf-8")
    fail(monkeypatch, "blobs_joint_seed1")
    code, out, err = cli("benchmark", "mine.toml", "--out", "results")
    assert (code, err) == (0, "")
    trials = pd.read_parquet("results/trials.parquet")
    assert trials["variant"].tolist() == ["grown", "grown", "joint", "joint"]
    summary = pd.read_parquet("results/summary.parquet")
    assert list(summary.columns) == ["variant", "stream", "setting", "metric", "mean", "low", "high", "n"]
    accuracy = summary[summary["metric"] == "accuracy"].set_index(["setting", "variant"])
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
    assert (spent[spent["variant"] == "grown"]["value"] > 0).all()
    assert (spent[spent["variant"] == "gate-alone"]["value"] == 0).all()
    table = Path("results/table.md").read_text(encoding="utf-8")
    assert f"{100 * accuracy['mean']['class', 'grown']:.1f} [" in table
    assert table.count("\n") == 2 + len(accuracy)
    assert "1 of 4 trials failed" in out
    assert "grown: the proposal" in out
    assert Path("results/accuracies.svg").exists() == (importlib.util.find_spec("matplotlib") is not None)
    assert set(pd.read_parquet("results/differences.parquet")["control"]) == {"grown"}
    matrices = pd.read_parquet("results/matrices.parquet")
    last = matrices[(matrices["variant"] == "grown") & (matrices["setting"] == "class") & (matrices["after"] == 1)]
    assert last["value"].mean() == pytest.approx(accuracy["mean"]["class", "grown"])


def test_growth_is_compared_with_its_controls(cli: Smalti, growth: str) -> None:
    Path("mine.toml").write_text(growth, encoding="utf-8")
    code, out, err = cli("compare", "mine.toml", "--out", "results")
    assert (code, err) == (0, "")
    trials = pd.read_parquet("results/trials.parquet")
    assert len(trials) == 2 * 5
    for seed in (0, 1):
        leader = folder(trials, "gradmax_whitened", seed)
        born = births(leader)
        assert len(born) > 0
        recorded = births(folder(trials, "reborn", seed))
        assert sorted(recorded.itertuples(index=False)) == sorted(born.itertuples(index=False))
        static = births(folder(trials, "static", seed))
        assert set(static["birth_round"]) == {0}
        assert sorted(static["tile"]) == sorted(born["tile"])
        operations = load_run(leader).table("rounds")["operations"]
        rounds = len(load_run(folder(trials, "equal", seed)).table("rounds"))
        assert rounds == rounds_for(leader) <= 4
        assert abs(rounds * operations.iloc[-1] - operations.sum()) <= operations.iloc[-1] / 2
    summary, differences = (pd.read_parquet(f"results/{name}.parquet") for name in ("summary", "differences"))
    means = summary.set_index(["variant", "metric"])["mean"]
    for variant in ("random", "gradmax_whitened", "static", "equal", "reborn"):
        line = next(line for line in out.splitlines() if line.startswith(f"│ {variant} "))
        assert f" {100 * means[variant, 'accuracy']:.1f} [" in line
        assert f" {100 * means[variant, 'accuracy_after']:.1f} " in line
    assert set(differences["control"]) == {"random", "gradmax_whitened"}
    assert (differences["variant"] != differences["control"]).all()
    assert means["static", "compute_to_static"] <= 1
    assert len(summary[summary["metric"] == "steps_to_control"]) == 5
    curves = pd.read_parquet("results/curves.parquet")
    assert len(curves) == sum(len(load_run(Path("results/trials", name)).table("rounds")) for name in trials["trial"])
    before = {p: p.stat().st_mtime_ns for p in Path("results/trials").rglob("*") if p.is_file() and p.name != ".lock"}
    assert cli("compare", "mine.toml", "--out", "results")[1].splitlines() == out.splitlines()[10:]
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in before.items())


def test_a_named_variant_brings_its_control(cli: Smalti, growth: str) -> None:
    Path("mine.toml").write_text(growth.replace("seeds = 2", "seeds = 1"), encoding="utf-8")
    code, out, _ = cli("compare", "mine.toml", "--variants", "reborn", "--dry-run")
    assert code == 0
    assert "4 trials" in out  # both controls and the static net that all are compared with
    code, _, err = cli("benchmark", "mine.toml", "--streams", "mnist")
    assert code == 2
    assert "'mnist' is not in this experiment" in err


def test_what_follows_a_failed_run_fails_with_it(cli: Smalti, growth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.toml").write_text(growth, encoding="utf-8")
    fail(monkeypatch, "gradmax-whitened_seed1")
    code, out, _ = cli("compare", "mine.toml", "--out", "results")
    assert code == 0
    assert "4 of 10 trials failed" in out
    trials = pd.read_parquet("results/trials.parquet").set_index(["variant", "run.seed"])
    assert trials.loc[("static", 1), "error"].startswith("ValueError: the run that it follows failed (gradmax-whitened")
    outcomes = pd.read_parquet("results/outcomes.parquet")
    assert set(outcomes[outcomes["variant"] == "static"]["seed"]) == {0}
    monkeypatch.setattr(attempt, "run_trial", running.run_trial)
    assert cli("compare", "mine.toml", "--out", "results", "--retry")[0] == 0
    assert set(pd.read_parquet("results/trials.parquet")["status"]) == {"done"}


def test_where_a_task_returns_or_comes_late_the_rest_is_still_measured(cli: Smalti, methods: str) -> None:
    orders = "[streams.reversed]\nstream.order = [1, 0]\n[streams.again]\nstream.order = [0, 1, 0]\n[variants.grown]"
    text = methods.replace("seeds = 2", "seeds = 1").replace("[variants.grown]", orders)
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, _, _ = cli("benchmark", "mine.toml", "--variants", "grown", "--out", "results")
    assert code == 0
    outcomes = pd.read_parquet("results/outcomes.parquet")
    found = outcomes[outcomes["metric"] == "forgetting"].groupby("stream").size()
    assert set(found.index) == {"blobs", "reversed"}


def test_gates_and_neurons_that_remember_are_compared_where_a_gate_has_an_answer(cli: Smalti) -> None:
    asked = ("--streams", "parity", "mackey-glass", "--variants", "plain", "gate-5", "--seeds", "1")
    code, _, err = cli("benchmark", "memory", "--quick", *asked, "--out", "results")
    assert (code, err) == (0, "")
    accuracy = pd.read_parquet("results/summary.parquet").query("metric == 'accuracy'")
    answered = {(stream, variant) for stream, variant in zip(accuracy["stream"], accuracy["variant"], strict=True)}
    control = {("parity", "experts"), ("mackey-glass", "experts")}
    assert answered == control | {("parity", "plain"), ("mackey-glass", "plain"), ("parity", "gate-5")}
    neurons = pd.read_parquet("results/outcomes.parquet").query("metric == 'neurons' and stream == 'parity'")
    assert dict(zip(neurons["variant"], neurons["value"], strict=True)) == {"experts": 32, "plain": 32, "gate-5": 1}
    cells = {}
    for variant in ("experts", "plain"):
        trials = pd.read_parquet("results/trials.parquet").query("stream == 'parity'")
        born = load_run(folder(trials, variant, 0)).table("neurons").query("kind == 'hidden'")
        cells[variant] = born["tau_ms"].nunique()
    assert cells == {"experts": 32, "plain": 1}


def test_help_names_every_experiment_that_comes_along() -> None:
    text = " ".join(str(ExperimentCommand.__doc__).split())
    named = re.search(r"one that comes along: ([^.]*)\.", text)
    assert named is not None
    assert sorted(named[1].split(", ")) == sorted(file.stem for file in FILES.glob("*.toml") if file.stem != "example")
