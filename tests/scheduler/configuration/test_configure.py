from __future__ import annotations

from pathlib import Path

import pytest

from smalti.model.growth.options import GrowthOptions
from smalti.model.kinds import KindOptions
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.learning.training import TrainingOptions
from smalti.scheduler.streams import StreamOptions

WANTED = Config(
    stream=StreamOptions(name="mnist"), growth=GrowthOptions(rule="random"), training=TrainingOptions(rounds=5)
)


def test_all_ways_of_saying_the_same(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[stream]\nname = "mnist"\n[growth]\nrule = "random"\n', encoding="utf-8")
    ways = [
        configure("mnist", {"rounds": 5, "growth": {"rule": "random"}}),
        configure("mnist", {"training.rounds": 5, "growth.rule": "random"}),
        configure(None, {"stream": StreamOptions(name="mnist"), "rule": "random", "rounds": 5}),
        configure({"stream.name": "mnist", "growth": {"rule": "random"}, "rounds": 5}),
        configure(Config(stream=StreamOptions(name="mnist")), {"rounds": 5, "growth": {"rule": "random"}}),
        configure(file, {"rounds": 5}),
        configure(str(file), {"training": {"rounds": 5}}),
    ]
    assert all(config == WANTED for config in ways)


def test_nothing_means_the_defaults() -> None:
    assert configure() == Config()


def test_a_mapping_changes_only_what_it_names() -> None:
    config = Config(growth=GrowthOptions(births=3))
    changed = configure(config, {"growth": {"rewiring.guard": 4}})
    assert changed.growth.births == 3
    assert changed.growth.rewiring.guard == 4
    assert config.growth.rewiring.guard != 4


def test_a_bare_name_is_a_section_before_it_is_a_field() -> None:
    assert configure(None, {"run": {"seed": 3}}).run == RunOptions(seed=3)
    assert configure(None, {"seed": 3}).run.seed == 3
    assert configure(None, {"detect": {"by": "told"}}).gating.detect.by == "told"


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (None, {"steps": 3}, r"steps could mean .*stream\.steps or training\.steps.*\"training\.steps\": \.\.\."),
        (None, {"ruel": "random"}, r"ruel is unknown; did you mean rule\?"),
        (None, {"growth.ruel": "random"}, r"growth\.ruel is unknown; did you mean rule\?"),
        (None, {"growth": {"ruel": "random"}}, r"growth\.ruel is unknown; did you mean rule\?"),
        (Config(), {"growth": {"ruel": "random"}}, r"growth\.ruel is unknown; did you mean rule\?"),
        (Config(), {"grwth.rule": "random"}, r"grwth is unknown; did you mean growth\?"),
        ("digit", {}, r"'digit' is neither a file nor a stream; did you mean digits\?"),
        ("nowhere.toml", {}, r"nowhere\.toml cannot be read"),
        (3, {}, r"a configuration cannot be of type int"),
        (None, {"rounds": "five"}, r"training\.rounds = 'five' must be a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configure(given, options)  # type: ignore[arg-type]


def test_errors_of_a_file_name_it(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[training]\nrounds = 0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"my\.toml: training\.rounds = 0 must be at least 1"):
        configure(file)


def test_kinds_of_neurons_are_named_changed_and_added_one_by_one() -> None:
    first = configure({"network.kinds.slow.synapse_ms": 10, "network.kinds.fast": {"tau_ms": 5}})
    assert first.network.kinds == {"slow": KindOptions(synapse_ms=10.0), "fast": KindOptions(tau_ms=5.0)}
    second = configure(first, {"network.kinds.slow.tau_ms": 40, "kinds": {"new": {}}})
    assert list(second.network.kinds) == ["slow", "fast", "new"]
    assert second.network.kinds["slow"] == KindOptions(tau_ms=40.0, synapse_ms=10.0)
    with pytest.raises(ValueError, match=r"network\.kinds\.slow\.synapse is unknown; did you mean synapse_ms\?"):
        configure(first, {"network.kinds.slow.synapse": 3})
