"""Plans of grids: axes, exclusions, conditions, and what a file may not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten
from smalti.scheduler.experiments.design import check_trials, rows_of
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.reading import EXAMPLE, load_experiment
from smalti.scheduler.experiments.trials import Trial, digest

Plan = Callable[[str], Experiment]
AXES = '[axes]\n"growth.rule" = ["random", "tiny"]\ngrowth.births = [1, 2]\n'


def trials_of(experiment: Experiment) -> dict[str, Trial]:
    return rows_of(experiment)[1]


def combinations(experiment: Experiment) -> list[tuple[object, ...]]:
    return [tuple(trial.values.values()) for trial in trials_of(experiment).values()]


def test_a_grid_holds_every_combination_with_every_seed(plan: Plan) -> None:
    experiment = plan("seeds = 2\nfirst_seed = 5\n" + AXES + "[base.growth]\namount = 'geometric'\n")
    trials = trials_of(experiment)
    assert combinations(experiment) == [
        (rule, births, seed) for rule in ("random", "tiny") for births in (1, 2) for seed in (5, 6)
    ]
    assert experiment.fields == ("growth.rule", "growth.births", "run.seed")
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
    entry = '[[exclude]]\n"growth.rule" = "random"\n"growth.births" = [2, 3]\n'
    assert combinations(plan(AXES + entry)) == [("random", 1), ("tiny", 1), ("tiny", 2)]
    other = '[[exclude]]\n"growth.births" = 1\n'
    assert combinations(plan(AXES + entry + other)) == [("tiny", 2)]
    with pytest.raises(ValueError, match="leaves out every combination"):
        trials_of(plan(AXES + '[[exclude]]\n"growth.amount" = "fixed"\n'))


def test_an_axis_applies_only_under_its_condition(plan: Plan) -> None:
    only = '[[only]]\naxis = "growth.births"\nwhen = { "growth.rule" = ["tiny"] }\n[base.growth]\nbirths = 7\n'
    assert combinations(plan(AXES + only)) == [("random", 7), ("tiny", 1), ("tiny", 2)]


def test_a_field_that_holds_a_list_is_matched_as_a_whole(plan: Plan) -> None:
    axes = '[axes]\n"stream.order" = [[0, 1], [1, 0], [0, 1, 0]]\n[[exclude]]\n"stream.order" = '
    assert combinations(plan(axes + "[1, 0]\n")) == [((0, 1),), ((0, 1, 0),)]
    assert combinations(plan(axes + "[[1, 0], [0, 1]]\n")) == [((0, 1, 0),)]


def test_a_trial_is_named_by_its_configuration_alone(plan: Plan) -> None:
    small, large = trials_of(plan(AXES)), trials_of(plan(AXES.replace('"tiny"', '"tiny", "mixed"')))
    assert list(large)[: len(small)] == list(small)
    assert all(name == digest(flatten(trial.config)) and len(name) == 12 for name, trial in large.items())
    names = [
        {digest(flatten(replace(Config(), run=replace(Config().run, **run))))}
        for run in ({}, {"quick": True}, {"seed": 1})
    ]
    assert len(set().union(*names)) == 3  # the numbers of a quick run mean nothing


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
        ("", "the experiment is empty"),
        ("[axis]\n", "axis is unknown; did you mean axes"),
        ("[sweep]\nseeds = 2\n", "sweep: its fields stand at the top of the file now"),
        ("[methods.grown]\n", r"\[methods.NAME\] is called \[variants.NAME\] now"),
        ("axes = 3\n", r"must be a section \[axes\]"),
        ("seeds = -1\n", "seeds = -1 must not be negative, nor above 100,000"),
        ("seeds = 1000000000000\n", "seeds = 1000000000000 must not be negative, nor above 100,000"),
        ("first_seed = 1e3\nseeds = 1\n", r"first_seed = 1000\.0 must be a whole number"),
        ("seeds = 18446744073709551616\n", r"seeds = 18446744073709551616 must lie between -2\^63"),
        ('design = "sobol"\nsamples = 1000000000\n' + AXES, "samples = 1000000000 must not be negative, nor above"),
        (
            'design = "sobol"\nsamples = 2000\nseeds = 100\n' + AXES,
            r"has 200,000 runs \(2,000 samples x 100 seeds\), more than 100,000; take fewer",
        ),
        ("seeds = 60000\n[streams.a]\n[streams.b]\n", r"has 120,000 runs \(2 streams x 60,000 seeds\)"),
        ("design = 3\n" + AXES, "design = 3 is unknown; allowed: grid"),
        ("control = 3\n" + AXES, "control = 3 must be a list"),
        ("columns = [1]\n" + AXES, r"columns\[0\] = 1 must be text"),
        ("static = []\n" + AXES, r"static = \[\] must be text"),
        ("base = []\n" + AXES, r"must be a section \[base\]"),
        ("base.stream = 3\n" + AXES, "stream = 3 must be a section"),
        ("base.by_seed = 3\n" + AXES, "by_seed = 3 must be a section"),
        ("[streams.a]\nstream = 3\n" + AXES, r"must be a section \[streams\.a\.stream\]"),
        ("[streams.a]\nstream.name = [1]\n" + AXES, r"name = \[1\] must be text"),
        ("[streams.a]\nby_seed = [1]\n" + AXES, r"by_seed = \[1\] must be a section"),
        ("streams.a = 1\n" + AXES, r"must be a section \[streams\.a\]"),
        ("variants.a = 1\n" + AXES, r"must be a section \[variants\.a\]"),
        ("[variants.a]\nlike = 1\n" + AXES, "variants.a.like = 1 must be text"),
        (AXES + '[[exclude]]\n"growth.rule" = []\n', 'exclude: "growth.rule" = .. can have no value'),
        (AXES + "[[exclude]]\n", "must be entries"),
        (AXES + '[[only]]\naxis = 3\nwhen = { "growth.births" = 1 }\n', "only: axis = '3' is no axis"),
        ("only = 3\n" + AXES, "only must be entries"),
        ("", r"is empty: give \[axes\]"),
        ("[base]\n", r"is empty: give \[axes\]"),
        ("samples = 4\nseeds = 1\n", "goes with design"),
        ("sede = 4\n", "did you mean seed"),
        (AXES + "[base.growht]\nrule = 'random'\n", "growht is unknown; did you mean growth"),
        (AXES + '[[exclude]]\n"growth.rul" = "random"\n', "did you mean growth.rule"),
        (AXES + '[[exclude]]\n"growth.births" = "random"\n', "growth.births = 'random' must be a whole number"),
        ("exclude = 3\n" + AXES, "must be entries"),
        (AXES + '[[only]]\naxis = "growth.amount"\nwhen = { "growth.births" = 1 }\n', "is no axis"),
        (AXES + '[[only]]\naxis = "growth.births"\n', "give axis and when"),
        (AXES + '[[only]]\naxis = "growth.births"\nwhen = { "growth.births" = 1 }\n', "depend on itself"),
        ('seeds = 2\n[axes]\n"run.seed" = [1, 2]\n', "say the same"),
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
    experiment = plan(small + '[axes]\n"fabric.neurons_per_tile" = [8, 2]\n')
    trials = trials_of(experiment)
    with pytest.raises(
        ValueError, match=r"neurons_per_tile = 2 cannot be run: .* output slots .*exclude leaves it out"
    ):
        check_trials(experiment, trials)
    check_trials(experiment, {name: t for name, t in trials.items() if t.config.fabric.neurons_per_tile == 8})


def test_a_name_that_is_unknown_is_named_with_its_combination(plan: Plan) -> None:
    with pytest.raises(ValueError, match=r"growth.rule = 'nonsense' cannot be run: .*unknown; take one of random"):
        trials_of(plan('[axes]\n"growth.rule" = ["random", "nonsense"]\n'))


def test_the_example_is_an_experiment() -> None:
    experiment = load_experiment(EXAMPLE)
    trials = trials_of(experiment)
    check_trials(experiment, trials)
    assert len(trials) == 2 * (1 + 2) * 3  # rules x (needed, schedule every 1 or 3) x seeds


def test_variants_and_axes_are_crossed_and_compared_combination_by_combination(plan: Plan) -> None:
    found = plan('control = "a"\n[axes]\n"growth.births" = [1, 2]\n[variants.a]\n[variants.b]\ngrowth.rule = "tiny"\n')
    rows, _ = rows_of(found)
    assert [row.cell.label for row in rows] == ["a, 1", "a, 2", "b, 1", "b, 2"]
    assert [found.control_of(row.cell, "a") for row in rows] == ["a, 1", "a, 2", "a, 1", "a, 2"]


def test_a_control_may_be_a_combination(plan: Plan) -> None:
    assert plan('control = "random, 1"\n' + AXES).options.control == ("random, 1",)
    with pytest.raises(ValueError, match="control = 'random, 3' is not among what is run; did you mean random, "):
        rows_of(plan('control = "random, 3"\n' + AXES))
