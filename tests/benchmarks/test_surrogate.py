from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import surrogate
from benchmarks.activity import Trial
from benchmarks.surrogate import Options, Surrogate, interval, main, measure, streams, summary, trial_name, trials
from smalti.model.neuron import NetworkOptions
from smalti.scheduler.config import Config, RunOptions
from smalti.scheduler.runner import start

MakeConfig = Callable[..., Config]
WIDE, NARROW = "triangle:1:.3", "triangle:.25:1"


@pytest.fixture(scope="module")
def folder(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the baseline and one of a narrow surrogate, run to the end."""
    out = tmp_path_factory.mktemp("surrogate")
    for text, seed in ((WIDE, 0), (WIDE, 1), (NARROW, 0)):
        chosen, config = Surrogate.parse(text), tiny()
        config = replace(config, network=chosen.within(config.network), run=RunOptions(seed=seed))
        start(config, out / trial_name("digits-split", chosen, seed), lambda simulation: None)
    return out


@pytest.fixture
def small(tiny: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the streams be the tiny one."""
    monkeypatch.setattr(surrogate, "streams", lambda options: {"digits-split": (tiny(), "class")})


def test_a_surrogate_is_read_and_set() -> None:
    chosen = Surrogate.parse("fast_sigmoid:.5:.3")
    assert chosen.name == "fast_sigmoid-w0.5-h0.3"
    options = chosen.within(NetworkOptions(tau_ms=7.0))
    assert (options.surrogate, options.surrogate_width, options.surrogate_height) == ("fast_sigmoid", 0.5, 0.3)
    assert options.tau_ms == 7.0
    assert Surrogate.parse(WIDE).name == "triangle-w1-h0.3"


@pytest.mark.parametrize("text", ["box:1:.3", "triangle:1", "triangle:1:.3:10", "fast_sigmoid:1", "triangle:a:b"])
def test_refuses_what_is_no_surrogate(text: str) -> None:
    with pytest.raises(ValueError, match="write triangle:width:height"):
        Options(surrogates=(text,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"seeds": 0}, "--seeds 0"), ({"streams": ("mnist",)}, "mnist unknown"), ({"plot": Path("a.txt")}, "a.txt")],
)
def test_refuses_options(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(**changes)  # type: ignore[arg-type]


def test_streams_are_those_with_data_and_may_be_shortened() -> None:
    assert list(streams(Options())) == ["digits-joint", "digits-split"]
    assert set(streams(Options(fsdd="a.zip", streams=("fsdd-split",)))) == {"fsdd-split"}
    (config, setting) = streams(Options(rounds=3, streams=("digits-joint",)))["digits-joint"]
    assert (config.training.rounds, setting) == (3, "joint")
    with pytest.raises(ValueError, match="give --fsdd"):
        streams(Options(streams=("fsdd-joint",)))


def test_every_trial_has_its_surrogate_and_its_seed() -> None:
    options = Options(seeds=2, streams=("digits-joint",), surrogates=(NARROW, WIDE))
    found = trials(options, streams(options))
    assert list(found) == [
        f"digits-joint-{name}-seed{seed}" for seed in range(2) for name in ("triangle-w1-h0.3", "triangle-w0.25-h1")
    ]
    config = found["digits-joint-triangle-w0.25-h1-seed1"]
    assert (config.run.seed, config.network.surrogate_width, config.network.surrogate_height) == (1, 0.25, 1.0)


def test_the_interval_is_students() -> None:
    """1, 2, 3: mean 2, standard error 1 / sqrt 3, t(.975, 2) = 4.3027."""
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2.0 - 4.3027 / 3**0.5, 2.0 + 4.3027 / 3**0.5), abs=1e-4)
    assert interval([0.5]) == (0.5, -float("inf"), float("inf"))


def test_differences_are_taken_seed_by_seed() -> None:
    """Seeds that only one of the two has are no pair."""
    reference = {seed: Trial(accuracy, 0.4, 0.1, 9) for seed, accuracy in ((0, 0.5), (1, 0.7), (2, 0.9))}
    other = {seed: Trial(accuracy, 0.2, 0.1, 9) for seed, accuracy in ((1, 0.6), (2, 0.8), (3, 0.1))}
    result = summary("digits-joint", Surrogate.parse(NARROW), other, reference)
    assert (result.pairs, result.seeds) == (2, [1, 2, 3])
    assert result.difference == pytest.approx((-0.1, -0.1, -0.1))
    assert summary("digits-joint", Surrogate.parse(WIDE), reference, reference).difference is None


@pytest.mark.usefixtures("small")
def test_a_narrow_support_is_less_active(folder: Path) -> None:
    options = Options(seeds=2, out=folder, surrogates=(NARROW,))
    wide, narrow = measure(options, surrogate.streams(options))
    assert (wide.surrogate, wide.seeds, wide.difference) == ("triangle-w1-h0.3", [0, 1], None)
    assert (narrow.seeds, narrow.pairs) == ([0], 1)
    assert narrow.active[0] < wide.active[0]


@pytest.mark.usefixtures("small")
def test_results_are_printed_written_and_drawn(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = tmp_path / "results.json", tmp_path / "results.svg"
    main(Options(seeds=2, out=folder, surrogates=(NARROW,), run=False, json=file, plot=picture))
    assert [r["surrogate"] for r in json.loads(file.read_text())] == ["triangle-w1-h0.3", "triangle-w0.25-h1"]
    assert "triangle-w0.25-h1" in capsys.readouterr().out
    assert "active fraction" in picture.read_text()
