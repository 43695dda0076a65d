from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from smalti.scheduler.comparing import continual
from smalti.scheduler.comparing.continual import DEFAULT, Benchmark, Trial, load_benchmark, run_benchmark
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.trials import Report

TEXT = """
[benchmark]
seeds = 2
first_seed = 4
control = "grown"
[base.training]
rounds = 7
[streams.easy]
stream.limit = 40
[streams.spoken]
stream.name = "fsdd"
[methods.grown]
about = "the proposal"
[methods.gate-alone]
runs_of = "grown"
answer = "gate"
[methods.unlike]
like = "joint"
training.rounds = 8
[methods.static]
follows = "grown"
growth.rule = "random"
[methods.joint]
reads = "joint"
streams = ["easy"]
stream.setting = "joint"
training.rounds = 9
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def benchmark_of(file: Path) -> Benchmark:
    return load_benchmark(file, {"fsdd": "speech.zip"})


def test_rows_trials_and_configurations(benchmark_of: Benchmark) -> None:
    rows, trials = list(benchmark_of.rows()), benchmark_of.trials()
    assert len(rows) == 2 * (5 + 4)
    assert len(trials) == 2 * (4 + 3)
    assert {row.seed for row in rows} == {4, 5}
    assert Trial("easy", "gate-alone", 4) in rows
    assert benchmark_of.run_of(Trial("easy", "gate-alone", 4)) == Trial("easy", "grown", 4)
    joint = benchmark_of.config(Trial("easy", "joint", 5), Path("out"))
    assert (joint.stream.setting, joint.training.rounds, joint.stream.limit, joint.run.seed) == ("joint", 9, 40, 5)
    spoken = benchmark_of.config(Trial("spoken", "grown", 4), Path("out"))
    assert (spoken.stream.name, spoken.stream.path, spoken.training.rounds) == ("fsdd", "speech.zip", 7)
    unlike = benchmark_of.config(Trial("spoken", "unlike", 4), Path("out"))  # like another, but for what it says itself
    assert (unlike.stream.setting, unlike.training.rounds) == ("joint", 8)
    static = benchmark_of.config(Trial("spoken", "static", 4), Path("out"))
    assert static.growth.birth_record == str(Path("out/spoken_grown_seed4").resolve())
    assert (static.growth.birth_record_at, static.growth.rule) == ("start", "random")


def test_a_field_takes_another_value_for_every_seed(file: Path) -> None:
    file.write_text(TEXT.replace("stream.limit = 40", "by_seed.stream.limit = [30, 50, 70]\nstream.steps = 9"))
    found = load_benchmark(file, {"fsdd": "speech.zip"})
    told = [found.config(Trial("easy", "grown", seed), Path()).stream for seed in (4, 5, 6)]
    assert [(options.limit, options.steps) for options in told] == [(50, 9), (70, 9), (30, 9)]


def test_streams_without_their_data_are_left_out(file: Path) -> None:
    assert list(load_benchmark(file, {"fsdd": ""}).streams) == ["easy"]
    assert list(load_benchmark(file, {}).streams) == ["easy", "spoken"]


def test_a_part_of_it(benchmark_of: Benchmark) -> None:
    part = benchmark_of.only(("spoken",), (), 3)
    assert {(row.stream, row.method) for row in part.rows()} == {
        ("spoken", name) for name in ("grown", "gate-alone", "unlike", "static")
    }
    assert len(part.trials()) == 3 * 3
    assert [r.method for r in benchmark_of.only((), ("grown",), 1).rows()] == ["grown", "grown"]
    with pytest.raises(ValueError, match=r"\['nobody'\] are not in the benchmark; take some of grown, gate-alone"):
        benchmark_of.only((), ("nobody",), 0)
    with pytest.raises(ValueError, match="control = 'grown' is none of joint"):
        benchmark_of.only((), ("joint",), 0)


def test_quick_is_one_seed_of_quick_runs(benchmark_of: Benchmark) -> None:
    quick = benchmark_of.shortened()
    assert {trial.seed for trial in quick.trials()} == {4}
    assert quick.config(Trial("easy", "grown", 4), Path()).run.quick


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('control = "grown"', "control = 'nobody' is none of grown"),
        ('runs_of = "grown"', "gate-alone.runs_of = 'static' must name a method with runs of its own"),
        ('follows = "grown"', "static.follows = 'nobody' must name"),
        ('like = "joint"', "unlike.like = 'nobody' is none of grown"),
        ('streams = ["easy"]', r"joint.streams: \['hard'\] are none of easy"),
        ("training.rounds = 9", "method 'joint' on stream 'easy': .*training.rounds = 0"),
        ("[base.training]", r"\['bass'\] are unknown; a benchmark has"),
    ],
)
def test_what_does_not_fit_is_refused_naming_the_file(file: Path, change: str, message: str) -> None:
    wrong = {
        'control = "grown"': 'control = "nobody"',
        'runs_of = "grown"': 'runs_of = "static"',
        'follows = "grown"': 'follows = "nobody"',
        'like = "joint"': 'like = "nobody"',
        'streams = ["easy"]': 'streams = ["hard"]',
        "training.rounds = 9": "training.rounds = 0",
        "[base.training]": "[bass.training]",
    }
    file.write_text(TEXT.replace(change, wrong[change]), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"mine.toml: .*{message}"):
        load_benchmark(file, {})


def test_followers_come_after_those_they_follow_and_fail_with_them(
    benchmark_of: Benchmark, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def run(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
        asked.append(list(trials))
        return {name: "no luck" for name in trials if name == "easy_grown_seed5"}

    told: list[tuple[str, str]] = []
    monkeypatch.setattr(continual, "run_trials", run)
    errors = run_benchmark(benchmark_of, tmp_path, lambda name, how: told.append((name, how)))
    assert not any("static" in name for name in asked[0])
    assert asked[1] == ["easy_static_seed4", "spoken_static_seed4", "spoken_static_seed5"]
    assert told == [("easy_static_seed5", "the run it follows failed (grown)")]
    assert {trial.folder for trial, error in errors.items() if error} == {"easy_grown_seed5", "easy_static_seed5"}
    assert set(errors) == set(benchmark_of.trials())


def test_the_benchmark_that_comes_along_is_sound() -> None:
    found = load_benchmark(DEFAULT, {"fsdd": "speech.zip"})
    assert found.options.seeds >= 5
    assert all(method.about for method in found.methods.values())
    without = load_benchmark(DEFAULT, {"fsdd": ""})
    assert set(without.streams) == {"digits", "mnist"}
    assert set(without.methods) == set(found.methods)
