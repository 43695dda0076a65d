"""Variants on streams: who runs where, who follows whom; and the experiments that come along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.quantities import METRICS
from smalti.scheduler.configuration.config_io import differences
from smalti.scheduler.experiments.design import rows_of
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.reading import FILES, load_experiment
from smalti.scheduler.experiments.trials import Trial

VARIED = """
seeds = 2
first_seed = 4
control = "grown"
[base.training]
rounds = 7
[streams.easy]
stream.limit = 40
[streams.spoken]
stream.name = "fsdd"
[variants.grown]
about = "the proposal"
[variants.gate-alone]
runs_of = "grown"
answer = "gate"
[variants.unlike]
like = "joint"
training.rounds = 8
[variants.static]
follows = "grown"
same_compute = true
growth.rule = "random"
[variants.joint]
reads = "joint"
streams = ["easy"]
stream.setting = "joint"
training.rounds = 9
"""


@pytest.fixture
def varied(tmp_path: Path) -> Callable[..., Experiment]:
    """``varied(text, **data_paths)``: an experiment with variants."""

    def load(text: str = VARIED, **data_paths: str) -> Experiment:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_experiment(tmp_path / "mine.toml", data_paths or {"fsdd": "speech.zip"})

    return load


def by_place(experiment: Experiment) -> dict[tuple[str, str, int], Trial]:
    rows, trials = rows_of(experiment)
    return {(row.cell.stream, row.cell.variant, row.seed): trials[row.trial] for row in rows}


def test_every_variant_runs_on_its_streams_with_every_seed(varied: Callable[..., Experiment]) -> None:
    rows, trials = rows_of(varied())
    assert len(rows) == 2 * (5 + 4)
    assert len(trials) == 2 * (4 + 3)  # gate-alone has no runs of its own
    assert {row.seed for row in rows} == {4, 5}
    found = by_place(varied())
    assert found["easy", "gate-alone", 4] == found["easy", "grown", 4]
    joint = found["easy", "joint", 5].config
    assert (joint.stream.setting, joint.training.rounds, joint.stream.limit, joint.run.seed) == ("joint", 9, 40, 5)
    spoken = found["spoken", "grown", 4].config
    assert (spoken.stream.name, spoken.stream.path, spoken.training.rounds) == ("fsdd", "speech.zip", 7)
    unlike = found["spoken", "unlike", 4].config  # like another, but for what it says itself
    assert (unlike.stream.setting, unlike.training.rounds) == ("joint", 8)
    assert found["easy", "grown", 4].name.startswith("easy_grown_seed4_")


def test_a_follower_repeats_the_births_of_its_leader_with_as_much_compute(
    varied: Callable[..., Experiment], tmp_path: Path
) -> None:
    found = by_place(varied())
    static = found["spoken", "static", 4]
    assert static.leader == found["spoken", "grown", 4].name
    rounds = tmp_path / static.leader / "tables" / "rounds"
    rounds.mkdir(parents=True)
    pd.DataFrame({"operations": [1.0, 2.0, 4.0, 4.0]}).to_parquet(rounds / "part-00000.parquet")
    config = static.prepared(tmp_path)
    assert config.growth.birth_record == str((tmp_path / static.leader).resolve())
    assert (config.growth.birth_record_at, config.growth.rule) == ("start", "random")
    assert config.training.rounds == round(11 / 4)
    other = by_place(varied(VARIED.replace("rounds = 7", "rounds = 6")))["spoken", "static", 4]
    assert other.name != static.name  # its leader is another run


def test_a_field_takes_another_value_for_every_seed(varied: Callable[..., Experiment]) -> None:
    text = VARIED.replace("stream.limit = 40", "by_seed.stream.limit = [30, 50, 70]\nstream.steps = 9")
    found = by_place(varied(text.replace("seeds = 2", "seeds = 3")))
    told = [found["easy", "grown", seed].config.stream for seed in (4, 5, 6)]
    assert [(options.limit, options.steps) for options in told] == [(50, 9), (70, 9), (30, 9)]
    every = varied(VARIED + "[by_seed.fabric]\nrows = [3, 4]\n")
    assert [by_place(every)["easy", "grown", seed].config.fabric.rows for seed in (4, 5)] == [3, 4]


def test_streams_without_their_data_are_left_out(varied: Callable[..., Experiment]) -> None:
    assert list(varied(fsdd="").streams) == ["easy"]
    assert list(varied(other="").streams) == ["easy", "spoken"]
    with pytest.raises(ValueError, match="the data of its streams"):
        varied(VARIED.replace("[streams.easy]", "[streams.easy]\nstream.name = 'fsdd'"), fsdd="")


def test_a_part_brings_its_controls_and_leaders_along(varied: Callable[..., Experiment]) -> None:
    whole = varied()
    part = whole.only_some(("spoken",), (), 3)
    assert {place.variant for place in part.places()} == {"grown", "gate-alone", "unlike", "static"}
    assert len(rows_of(part)[1]) == 3 * 3
    assert list(whole.only_some((), ("static",), 1).variants) == ["grown", "static"]
    assert list(whole.only_some((), ("joint",), 1).variants) == ["grown", "joint"]  # the control
    with pytest.raises(ValueError, match=r"'nobody' is not in this experiment; .*grown, gate-alone"):
        whole.only_some((), ("nobody",), None)
    for none in (0, -1):
        with pytest.raises(ValueError, match=f"--seeds {none} must be at least 1"):
            whole.only_some((), (), none)


def test_likeness_is_handed_down(varied: Callable[..., Experiment]) -> None:
    """A variant like one that is like another has the sections of both, and none may be like itself in the end."""
    child = VARIED + '[variants.child]\nlike = "unlike"\ntraining.steps = 3\n'
    config = by_place(varied(child))["easy", "child", 4].config
    assert (config.stream.setting, config.training.rounds, config.training.steps) == ("joint", 8, 3)
    part = varied(child).only_some(("easy",), ("child",), 1)  # without those that it is like
    assert by_place(part)["easy", "child", 4].config == config
    with pytest.raises(ValueError, match="leads back to"):
        varied(child.replace('reads = "joint"', 'like = "child"'))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('control = "grown"', 'control = "nobody"', "'nobody' is to be compared with and is no variant"),
        ('runs_of = "grown"', 'runs_of = "static"', "runs_of = 'static' must name a variant with runs of its own"),
        ('follows = "grown"', 'follows = "nobody"', "follows = 'nobody' must name a variant with runs of its own"),
        ('like = "joint"', 'like = "nobody"', "variants.unlike.like = 'nobody'"),
        ('streams = ["easy"]', 'streams = ["hard"]', r"\['hard'\] are none of easy, spoken"),
        ("training.rounds = 9", "training.rounds = 0", "variant 'joint', stream 'easy' cannot be run: training.rounds"),
        ("[base.training]", "[bass.training]", "bass is unknown; did you mean base"),
        ("same_compute = true\n", "same_compute = 1\n", "variants.static.same_compute = 1 must be true or false"),
        ('follows = "grown"\n', "", "same_compute goes with follows"),
    ],
)
def test_mistakes_in_variants_are_named(
    varied: Callable[..., Experiment], right: str, wrong: str, message: str
) -> None:
    assert right in VARIED
    with pytest.raises(ValueError, match=rf"mine.toml: .*{message}"):
        varied(VARIED.replace(right, wrong))


@pytest.mark.parametrize("file", sorted(FILES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_experiments_that_come_along_are_sound(file: Path) -> None:
    found = load_experiment(file, {"fsdd": "speech.zip"})
    rows, trials = rows_of(found)
    assert found.options.seeds > 1
    assert set(found.options.columns) <= set(METRICS)
    assert {row.trial for row in rows} == set(trials)
    assert {trial.leader for trial in trials.values()} - {""} <= set(trials)


@pytest.mark.parametrize("of", ["fsdd", ""])
def test_a_stream_that_plays_spoken_digits_is_found_where_they_are(varied: Callable[..., Experiment], of: str) -> None:
    played = f'stream.sequence.of = "{of}"\n' if of else ""
    text = VARIED.replace('stream.name = "fsdd"', f'stream.name = "order"\n{played}')
    assert by_place(varied(text))["spoken", "grown", 4].config.stream.path == "speech.zip"
    assert list(varied(text, fsdd="").streams) == ["easy"]


def test_orders_of_other_streams_need_no_recordings(varied: Callable[..., Experiment]) -> None:
    text = VARIED.replace('stream.name = "fsdd"', 'stream.name = "order"\nstream.sequence.of = "digits"')
    assert varied(text, fsdd="").streams["spoken"] == {"stream": {"name": "order", "sequence": {"of": "digits"}}}


def test_tasks_of_two_factors_read_the_data_of_their_stream(varied: Callable[..., Experiment]) -> None:
    setting = 'stream.setting = "task"\nstream.name = "two-factor"\nstream.two_factor.of = "fsdd"'
    text = VARIED.replace('stream.name = "fsdd"', setting)
    assert by_place(varied(text))["spoken", "grown", 4].config.stream.path == "speech.zip"
    assert list(varied(text, fsdd="").streams) == ["easy"]
    assert "spoken" in varied(text.replace('two_factor.of = "fsdd"', 'two_factor.of = "digits"'), fsdd="").streams


def test_gates_that_answer_alone_hear_every_training_sample() -> None:
    """Their runs of one round have as many minibatches as the samples of the largest task fill."""
    found = by_place(load_experiment(FILES / "memory.toml"))
    gates = {place: trial.config for place, trial in found.items() if place[1].startswith(("gate-", "lda-"))}
    assert {place[0] for place in gates} == {"parity", "parities", "context-match", "distractors", "order", "pairs"}
    for (_, variant, _), config in gates.items():
        assert config.gating.windows == int(variant.partition("-")[2])
        stream, training = config.stream, config.training
        samples = {"parity": stream.parity.samples, "order": 2 * 360}.get(stream.name, stream.match.samples)
        learned = (1 - stream.validation - stream.test) * samples
        assert training.rounds * training.steps * training.batch >= learned


def test_the_switches_of_newborns_change_what_they_say_and_nothing_else() -> None:
    found = by_place(load_experiment(FILES / "newborns.toml"))
    usual = found["joint", "usual", 0].config
    joint = {variant: found["joint", variant, 0].config for stream, variant, _ in found}
    changed = {variant: set(differences(config, usual)) for variant, config in joint.items()}
    assert changed["usual"] == set()
    assert changed["rate-young"] == {"growth.newborns.rate", "growth.newborns.youth"}
    assert changed["variance-transfer"] == {"growth.newborns.variance_transfer"}
    assert changed["decay-guard"] == {"training.optimiser.weight_decay", "training.optimiser.guard"}
