from __future__ import annotations

import importlib.util
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from smalti.scheduler.commands.experiments.experiment_live import Clock, view
from smalti.scheduler.experiments.design import rows_of
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.reading import load_experiment
from smalti.scheduler.experiments.table import State
from smalti.scheduler.experiments.workers import backends
from smalti.scheduler.experiments.workers.backends import Spread, Task, Workers

Smalti = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[4]
TEXT = """
seeds = 2
[axes]
"growth.rule" = ["random", "gradmax_whitened"]
"""


@pytest.fixture
def text(small_base: Callable[..., str]) -> str:
    return TEXT + small_base(1, engine="dense")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> list[Workers]:
    """Workers are this process; who was asked for."""
    asked: list[Workers] = []

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        return [function(*given, **named) for function, given, named in tasks]

    @contextmanager
    def opened(workers: Workers) -> Iterator[Spread]:
        asked.append(workers)
        yield spread

    monkeypatch.setattr(backends, "opened", opened)
    return asked


def test_a_file_becomes_runs_and_a_table_and_a_larger_file_adds_to_it(
    cli: Smalti, text: str, here: list[Workers]
) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, out, err = cli("sweep", "mine.toml", "--workers", "3")
    assert (code, err) == (0, "")
    assert here == [Workers(count=3)]
    table = pd.read_parquet("runs/mine/trials.parquet")
    assert set(table["status"]) == {"done"}
    assert list(zip(table["growth.rule"], table["run.seed"], strict=True)) == [
        (rule, seed) for rule in ("random", "gradmax_whitened") for seed in (0, 1)
    ]
    for trial, rule in zip(table["trial"], table["growth.rule"], strict=True):
        assert f'rule = "{rule}"' in Path("runs/mine/trials", trial, "config.toml").read_text()
    assert {"accuracy", "accuracy_class_test", "forgetting_task_validation", "wires", "seconds"} <= set(table.columns)
    means = table.groupby("growth.rule", sort=False)["accuracy"].mean()
    for rule, mean in means.items():
        assert f"{rule} " in out
        assert f" {100 * mean:.1f} " in out
    assert "4 of 4, all ended" in out
    assert "runs/mine/trials.parquet" in out
    outcomes = pd.read_parquet("runs/mine/outcomes.parquet")
    assert list(outcomes.columns) == ["variant", "stream", "setting", "seed", "metric", "value"]
    chosen = outcomes[(outcomes["setting"] == "class") & (outcomes["metric"] == "accuracy")]
    assert chosen["value"].tolist() == table["accuracy"].tolist()
    assert chosen["variant"].tolist() == table["growth.rule"].tolist()
    assert set(pd.read_parquet("runs/mine/summary.parquet")["n"]) == {2}
    assert Path("runs/mine/table.md").read_text(encoding="utf-8").count("| gradmax_whitened |") == 2  # task and class
    assert Path("runs/mine/pareto.svg").exists() == (importlib.util.find_spec("matplotlib") is not None)
    here.clear()
    first = table
    code, out, _ = cli("sweep", "mine.toml")
    assert (code, here) == (0, [])
    assert "gradmax_whitened" in out
    Path("mine.toml").write_text(text.replace("seeds = 2", "seeds = 3"), encoding="utf-8")
    assert cli("sweep", "mine.toml")[0] == 0
    second = pd.read_parquet("runs/mine/trials.parquet")
    assert len(second) == 6
    kept = second[second["run.seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first, check_exact=True)


@pytest.mark.filterwarnings("default:this chip has room")
def test_what_fails_is_recorded_and_the_rest_goes_on(cli: Smalti, text: str) -> None:
    full = text.replace("seeds = 2", "seeds = 1").replace("[axes]", '[axes]\n"auction.slot_price" = [0.0, 9.0]')
    Path("mine.toml").write_text(full, encoding="utf-8")
    code, out, _ = cli("sweep", "mine.toml")
    table = pd.read_parquet("runs/mine/trials.parquet")
    failed = table[table["status"] == "failed"]
    assert code == 0
    assert 0 < len(failed) < len(table)
    assert set(failed["auction.slot_price"]) == {9.0}
    assert failed["error"].str.startswith("NoWayError: task 0 cannot be served: no chain of").all()
    assert failed["accuracy"].isna().all()
    assert f"{len(failed)} of {len(table)} trials failed" in out
    assert "--retry tries them again" in out
    before = {name: Path("runs/mine/errors", name).stat().st_mtime_ns for name in failed["trial"]}
    cli("sweep", "mine.toml")
    assert {name: Path("runs/mine/errors", name).stat().st_mtime_ns for name in before} == before
    cli("sweep", "mine.toml", "--retry")
    assert all(Path("runs/mine/errors", name).stat().st_mtime_ns > at for name, at in before.items())


def test_quick_runs_have_a_folder_of_their_own(cli: Smalti, text: str) -> None:
    Path("mine.toml").write_text(
        text.replace("seeds = 2", "seeds = 1").replace("rounds = 1", "rounds = 9"), encoding="utf-8"
    )
    assert cli("sweep", "mine.toml", "--quick")[0] == 0
    assert len(pd.read_parquet("runs/mine-quick/trials.parquet")) == 2
    assert not Path("runs/mine").exists()


def test_a_dry_run_lists_and_leaves_nothing(cli: Smalti, text: str) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, out, _ = cli("sweep", "mine.toml", "--dry-run")
    assert code == 0
    assert "4 trials" in out
    assert all(name in out for name in rows_of(load_experiment(Path("mine.toml")))[1])
    assert not Path("runs").exists()
    for asked, trials in (
        ((), "4 trials"),
        (("--seeds", "3"), "6 trials"),
    ):  # what is asked for counts in quick runs too
        assert trials in cli("sweep", "mine.toml", "--quick", "--dry-run", *asked)[1]


def test_the_example_is_written_and_never_overwrites(cli: Smalti) -> None:
    code, out, _ = cli("sweep", "mine.toml", "--init")
    assert code == 0
    assert "smalti sweep mine.toml --quick" in out
    assert cli("sweep", "mine.toml", "--dry-run")[0] == 0
    code, _, err = cli("sweep", "mine.toml", "--init")
    assert code == 2
    assert "exists" in err


def test_a_search_fills_the_same_table_and_goes_on(cli: Smalti, text: str) -> None:
    pytest.importorskip("optuna", reason="searches need the extra `optuna`")
    axes = text.replace(
        "[base.fabric]", '"training.learning_rate" = { low = 1e-3, high = 0.1, log = true }\n[base.fabric]'
    )
    Path("mine.toml").write_text(axes.replace("seeds = 2", "seeds = 1"), encoding="utf-8")
    wanted = ("--search", "optuna", "--objective", "neurons", "--direction", "minimize")
    for trials in (2, 3):
        code, out, err = cli("sweep", "mine.toml", *wanted, "--trials", str(trials))
        assert (code, err) == (0, "")
        assert pd.read_parquet("runs/mine/trials.parquet")["number"].tolist() == list(range(trials))
    assert "3 combinations, by neurons" in out
    code, _, err = cli("sweep", "mine.toml", "--search", "optuna", "--trials", "4")
    assert code == 2
    assert "holds a search to minimize neurons, not to maximize accuracy" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.toml",), "there is no file nowhere.toml; give one, or the name of an experiment that comes along: "),
        (("mine.toml", "--objective", "acuracy"), "--objective acuracy is no measure of a run; did you mean accuracy?"),
        (("mine.toml", "--objective", "warnings"), "--objective warnings is no measure of a run"),
        (("mine.toml", "--objective", "neurons_class"), "--objective neurons_class is no measure of a run"),
        (("mine.toml", "--objective", "accuracy_class"), "did you mean accuracy_class_test?"),
        (("mine.toml", "--variants", "grown"), "'grown' is not in this experiment"),
        (("mine.toml", "--trials", "3"), "--trials goes with --search optuna"),
        (("mine.toml", "--search", "optuna"), "needs --trials"),
        (("mine.toml", "--address", "host:1"), "give --backend ray or --backend dask"),
        (("mine.toml", "--workers", "-1"), "--workers -1 must not be negative"),
        (("mine.toml", "--out", "."), "is taken by something that is no experiment"),
    ],
)
def test_what_cannot_be_asked_for(cli: Smalti, text: str, arguments: tuple[str, ...], message: str) -> None:
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, _, err = cli("sweep", *arguments)
    assert code == 2
    assert message in err
    assert not Path("runs", "mine", "trials").exists()


def test_where_no_trial_finishes_the_first_error_is_told(cli: Smalti, text: str) -> None:
    Path("mine.toml").write_text(text + "[base.auction]\nslot_price = 9.0\n", encoding="utf-8")
    code, _, err = cli("sweep", "mine.toml")
    assert code == 2
    assert "none of the 4 trials finished; the first says: NoWayError: task 0 cannot be served" in err
    assert set(pd.read_parquet("runs/mine/trials.parquet")["status"]) == {"failed"}


def test_the_live_table_shows_what_runs_what_ended_and_the_time_left(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    trials = rows_of(load_experiment(tmp_path / "mine.toml"))[1]
    folder = ExperimentFolder(tmp_path / "out").make("")
    state = State(folder, lambda: trials, len(trials))
    first, second, third, _ = trials
    now = [100.0]
    monkeypatch.setattr("smalti.scheduler.commands.experiments.experiment_live.time.monotonic", lambda: now[0])
    clock = Clock()

    def shown() -> str:
        console = Console(width=150)
        state.look()
        with console.capture() as capture:
            console.print(view(state, clock))
        return capture.get()

    assert "0 of 4" in shown()
    rounds = folder.trials / second / "tables" / "rounds"
    rounds.mkdir(parents=True)
    pd.DataFrame({"round": [0]}).to_parquet(rounds / "part-00000.parquet")
    (folder.trials / first).mkdir()
    folder.keep_measures(first, {"flat": {"accuracy": 0.875, "neurons": 31.0}})
    folder.keep_error(third, "ValueError: no")
    now[0] = 160.0
    lines = shown().splitlines()
    assert "2 of 4, 1 failed" in lines[0]
    assert "0:01:00 passed" in lines[0]
    assert "0:01:00 left" in lines[0]  # two took a minute, two are left
    row = {line.split()[1]: line for line in lines[1:] if len(line.split()) > 1}
    assert "round 1" in row[second]
    assert " 87.5 " in row[first]
    assert "failed" in row[third]


def test_who_stops_it_is_told_how_to_go_on(cli: Smalti, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smalti.scheduler.experiments.workers.attempt.run_trial", stop)
    Path("mine.toml").write_text(text, encoding="utf-8")
    code, _, err = cli("sweep", "mine.toml")
    assert code == 130
    assert "stopped; runs/mine has what is there; the same command goes on" in err
    assert set(pd.read_parquet("runs/mine/trials.parquet")["status"]) == {"waiting"}


@pytest.mark.slow
def test_a_command_that_is_killed_goes_on_and_two_of_them_share_the_trials(text: str, tmp_path: Path) -> None:
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    file.write_text(text.replace("rounds = 1", "rounds = 12\n").replace("seeds = 2", "seeds = 3"), encoding="utf-8")
    command = [sys.executable, "-m", "smalti.scheduler.cli", "sweep", str(file), "--out", str(out), "--workers", "1"]

    def begin() -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, **pipes)

    with begin() as process:
        deadline = time.monotonic() + 200
        while not (table := out / "trials.parquet").exists() or "begun" not in set(
            pd.read_parquet(io.BytesIO(table.read_bytes()))["status"]
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL  # its worker may go on with the trial that it holds
    with begin() as one, begin() as other:
        told = [process.communicate(timeout=300)[0] for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0)
    table = pd.read_parquet(out / "trials.parquet")
    assert set(table["status"]) == {"done"}
    assert sorted(path.name for path in (out / "trials").iterdir()) == sorted(table["trial"])
    assert all("6 of 6, all ended" in lines for lines in told)
