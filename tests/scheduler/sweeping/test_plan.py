from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smalti.scheduler.config import Config
from smalti.scheduler.sweeping.design import check_trials, trials_of
from smalti.scheduler.sweeping.plan import Sweep, name_of

Plan = Callable[[str], Sweep]
AXES = '[axes]\n"growth.rule" = ["random", "tiny"]\ngrowth.births = [1, 2]\n'


def combinations(sweep: Sweep) -> list[tuple[object, ...]]:
    return [tuple(trial.values.values()) for trial in trials_of(sweep).values()]


def test_a_grid_holds_every_combination_with_every_seed(plan: Plan) -> None:
    sweep = plan(AXES + "[sweep]\nseeds = 2\nfirst_seed = 5\n[base.growth]\namount = 'geometric'\n")
    trials = trials_of(sweep)
    assert combinations(sweep) == [
        (rule, births, seed) for rule in ("random", "tiny") for births in (1, 2) for seed in (5, 6)
    ]
    assert sweep.fields == ("growth.rule", "growth.births", "run.seed")
    for trial in trials.values():
        assert trial.config.growth.amount == "geometric"
        assert (trial.config.growth.rule, trial.config.growth.births, trial.config.run.seed) == tuple(
            trial.values.values()
        )


def test_axes_may_be_written_in_any_way_of_toml(plan: Plan) -> None:
    ways = ('[axes]\n"growth.births" = [1, 2]', "[axes]\ngrowth.births = [1, 2]", "[axes.growth]\nbirths = [1, 2]")
    assert len({tuple(trials_of(plan(way))) for way in ways}) == 1
    ranges = ('[axes]\n"growth.births" = { low = 1, high = 2 }', "[axes.growth.births]\nlow = 1\nhigh = 2")
    assert {tuple(trials_of(plan(way))) for way in ranges} == {tuple(trials_of(plan(ways[0])))}


def test_excluded_combinations_match_every_field_of_an_entry(plan: Plan) -> None:
    entry = '[[sweep.exclude]]\n"growth.rule" = "random"\n"growth.births" = [2, 3]\n'
    assert combinations(plan(AXES + entry)) == [("random", 1), ("tiny", 1), ("tiny", 2)]
    other = '[[sweep.exclude]]\n"growth.births" = 1\n'
    assert combinations(plan(AXES + entry + other)) == [("tiny", 2)]
    with pytest.raises(ValueError, match="leaves out every combination"):
        trials_of(plan(AXES + '[[sweep.exclude]]\n"growth.amount" = "fixed"\n'))


def test_an_axis_applies_only_under_its_condition(plan: Plan) -> None:
    only = '[[sweep.only]]\naxis = "growth.births"\nwhen = { "growth.rule" = ["tiny"] }\n[base.growth]\nbirths = 7\n'
    assert combinations(plan(AXES + only)) == [("random", 7), ("tiny", 1), ("tiny", 2)]


def test_a_field_that_holds_a_list_is_matched_as_a_whole(plan: Plan) -> None:
    axes = '[axes]\n"stream.order" = [[0, 1], [1, 0], [0, 1, 0]]\n[[sweep.exclude]]\n"stream.order" = '
    assert combinations(plan(axes + "[1, 0]\n")) == [((0, 1),), ((0, 1, 0),)]
    assert combinations(plan(axes + "[[1, 0], [0, 1]]\n")) == [((0, 1, 0),)]


def test_a_trial_is_named_by_its_configuration_alone(plan: Plan) -> None:
    small, large = trials_of(plan(AXES)), trials_of(plan(AXES.replace('"tiny"', '"tiny", "mixed"')))
    assert list(large)[: len(small)] == list(small)
    assert all(name == name_of(trial.config) and len(name) == 12 for name, trial in large.items())
    config = Config()
    assert name_of(config) != name_of(replace(config, run=replace(config.run, quick=True)))  # its numbers mean nothing
    assert name_of(config) != name_of(replace(config, run=replace(config.run, seed=1)))


def test_quick_is_spelled_out(plan: Plan) -> None:
    quick = trials_of(plan(AXES).shortened())
    assert not quick.keys() & trials_of(plan(AXES)).keys()
    assert all(t.config.run.quick and t.config.training.rounds == 3 for t in quick.values())


def test_combinations_that_come_to_the_same_are_one_trial(plan: Plan) -> None:
    assert len(trials_of(plan('[axes]\n"training.rounds" = [3, 4, 5]\n').shortened())) == 1


def test_threads_are_those_of_the_greediest_trial(plan: Plan) -> None:
    assert plan(AXES + "[base.run]\nthreads = 3\n").threads == 3
    assert plan(AXES + '"run.threads" = [1, 4]\n').threads == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the sweep is empty"),
        ("[axis]\n", r"\['axis'\] are unknown; a sweep has"),
        ("axes = 3\n", r"must be a section \[axes\]"),
        ("[sweep]\nseed = -1\n", "sweep.seed = -1 must not be negative"),
        ("[sweep]\nsamples = 4\nseeds = 1\n", "goes with sweep.design"),
        ("[sweep]\nsede = 4\n", "did you mean seed"),
        (AXES + "[base.growht]\nrule = 'random'\n", "growht is unknown; did you mean growth"),
        (AXES + '[[sweep.exclude]]\n"growth.rul" = "random"\n', "did you mean growth.rule"),
        (AXES + '[[sweep.exclude]]\n"growth.births" = "random"\n', "growth.births = 'random' must be a whole number"),
        (AXES + "[sweep]\nexclude = 3\n", "must be entries"),
        (AXES + '[[sweep.only]]\naxis = "growth.amount"\nwhen = { "growth.births" = 1 }\n', "is no axis"),
        (AXES + '[[sweep.only]]\naxis = "growth.births"\n', "give axis and when"),
        (AXES + '[[sweep.only]]\naxis = "growth.births"\nwhen = { "growth.births" = 1 }\n', "depend on itself"),
        ('[axes]\n"run.seed" = [1, 2]\n[sweep]\nseeds = 2\n', "say the same"),
    ],
)
def test_files_with_mistakes_are_refused_by_name(plan: Plan, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: .*" + message):
        plan(text)


def test_an_invalid_value_is_named_with_its_combination(plan: Plan) -> None:
    with pytest.raises(
        ValueError, match=r"combination growth.rule = 'random', growth.births = -2 cannot be run: growth.b"
    ):
        trials_of(plan(AXES.replace("[1, 2]", "[1, -2]")))


def test_what_only_shows_when_chip_and_stream_meet_is_named_too(plan: Plan, small: str) -> None:
    sweep = plan(small + '[axes]\n"fabric.neurons_per_tile" = [8, 2]\n')
    trials = trials_of(sweep)
    with pytest.raises(
        ValueError, match=r"fabric.neurons_per_tile = 2 cannot be run: .*need more output slots .*sweep.exclude"
    ):
        check_trials(sweep, trials)
    check_trials(sweep, {name: t for name, t in trials.items() if t.config.fabric.neurons_per_tile == 8})


def test_the_example_is_a_sweep() -> None:
    from smalti.scheduler.commands.sweep import EXAMPLE
    from smalti.scheduler.sweeping.plan import load_sweep

    sweep = load_sweep(Path(EXAMPLE))
    trials = trials_of(sweep)
    check_trials(sweep, trials)
    assert len(trials) == 2 * (1 + 2) * 3  # rules x (needed, schedule every 1 or 3) x seeds
