from __future__ import annotations

from pathlib import Path

import pytest

from smalti.scheduler.comparing.plan import CONTROLS, Condition, load_plan

TEXT = """
[compare]
rules = ["random", "tiny", "gradmax_whitened"]
placements = ["auction", "nearest"]
seeds = 2
first_seed = 5
[base.training]
rounds = 7
learning_rate = 0.02
[settings.easy.stream]
limit = 40
[settings.hard]
training.rounds = 9
stream.limit = 80
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_every_rule_at_every_place_and_time_and_the_uniform_control(file: Path) -> None:
    plan = load_plan(file)
    grown = list(plan.grown())
    assert len(grown) == len(set(grown)) == 2 * 2 * (3 * 2 + 1)
    assert {c.seed for c in grown} == {5, 6}
    assert {c.setting for c in grown} == {"easy", "hard"}
    uniform = [c for c in grown if c.placement == "uniform"]
    assert {c.rule for c in uniform} == {"gradmax_whitened"}
    assert len(uniform) == 4
    assert len({c.folder for c in grown}) == len(grown)
    assert plan.total == len(grown) + 3 * 4


def test_controls_follow_the_reference_of_their_setting_and_seed(file: Path) -> None:
    plan = load_plan(file)
    followers = list(plan.followers(CONTROLS))
    assert [c.timing for c in followers[:3]] == ["start", "start, same compute", "replay"]
    assert len(followers) == 3 * 4
    assert {c.rule for c in followers} == {"random"}
    assert plan.reference(followers[0]) == Condition("easy", "gradmax_whitened", "auction", "schedule", 5)
    assert {plan.reference(c) for c in followers} <= set(plan.grown())


def test_sections_are_laid_over_each_other(file: Path, tmp_path: Path) -> None:
    plan = load_plan(file)
    easy = plan.config(Condition("easy", "tiny", "nearest", "schedule", 6))
    assert (easy.training.rounds, easy.training.learning_rate, easy.training.validate) == (7, 0.02, True)
    assert (easy.growth.rule, easy.growth.where, easy.growth.when, easy.growth.birth_record) == (
        "tiny",
        "nearest",
        "schedule",
        "",
    )
    assert (easy.stream.limit, easy.run.seed) == (40, 6)
    hard = plan.config(Condition("hard", "random", "replay", "start", 5), tmp_path, rounds=4)
    assert (hard.training.rounds, hard.stream.limit) == (4, 80)
    assert (hard.growth.birth_record, hard.growth.birth_record_at, hard.growth.rule) == (
        str(tmp_path),
        "start",
        "random",
    )
    again = plan.config(Condition("hard", "random", "replay", "replay", 5), tmp_path)
    assert (again.growth.birth_record_at, again.training.rounds) == ("recorded", 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('rules = ["random", "tiny", "gradmax_whitened"]', "rules = 5"),
        ('"tiny"', '"tinny"'),
        ('"gradmax_whitened"]', '"tiny"]'),
        ("seeds = 2", "seeds = 0"),
        ("seeds = 2", 'controls = ["magic"]'),
        ("[compare]", "[compared]"),
        ("learning_rate = 0.02", 'learning_rate = "fast"'),
        ("rounds = 7", "rounds = = 7"),
        ("[settings.hard]\ntraining.rounds = 9\nstream.limit = 80", "[settings]\nhard = 4"),
    ],
)
def test_a_bad_file_is_refused_naming_it(file: Path, change: str, message: str) -> None:
    assert change in TEXT
    file.write_text(TEXT.replace(change, message), encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine\.toml"):
        load_plan(file)
