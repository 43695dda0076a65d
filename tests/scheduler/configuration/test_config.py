from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import dump, flatten, from_mapping, load
from smalti.scheduler.configuration.registries import REGISTRIES


def test_quick_shrinks_what_takes_long_and_nothing_else() -> None:
    quick = Config(run=RunOptions(quick=True)).resolved()
    long = Config().resolved()
    changed = {name for name, value in flatten(quick).items() if value != flatten(long)[name]}
    expected = {"training.rounds", "training.steps", "training.warm_up", "growth.probe", "stream.limit", "run.quick"}
    assert changed == expected | {"growth.rewiring.guard", "growth.every"}
    assert (quick.training.rounds, quick.training.steps, quick.stream.limit, quick.growth.probe) == (3, 10, 30, 64)
    assert quick.growth.rewiring.guard == 10
    assert quick.resolved() == quick


def test_quick_lets_faults_come_in_the_same_experience() -> None:
    config = from_mapping(Config, {"faults": {"at_round": 30}, "devices": {"copies": 20}, "run": {"quick": True}})
    quick = config.resolved()
    assert (quick.training.rounds, quick.faults.at_round, quick.devices.copies) == (3, 9, 2)
    soon = from_mapping(Config, {"faults": {"at_round": 2}, "run": {"quick": True}}).resolved()
    assert soon.faults.at_round == 1  # not 0: they have not always been there
    assert quick.resolved() == quick


def test_quick_leaves_what_is_smaller_already() -> None:
    small = {"training": {"rounds": 2, "steps": 3, "warm_up": 0}, "stream": {"limit": 5}}
    small["growth"] = {"probe": 8, "every": 1, "rewiring": {"guard": 9}}
    config = from_mapping(Config, {**small, "run": {"quick": True}, "network": {"engine": "dense"}})
    assert config.resolved() == config


def test_without_quick_only_the_engine_is_named() -> None:
    resolved = Config().resolved()
    assert resolved.network.engine in ("dense", "events")
    assert replace(resolved, network=replace(resolved.network, engine="auto")) == Config()


def test_without_numba_the_engine_is_dense_or_its_lack_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert Config().resolved().network.engine == "dense"
    with pytest.raises(ValueError, match=r"network\.engine = 'events' needs numba.*pip install"):
        from_mapping(Config, {"network": {"engine": "events"}}).resolved()


@pytest.mark.parametrize(("field", "value"), [("seed", -1), ("threads", 0)])
def test_impossible_options_of_the_run_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"run\.{field} = {value} must"):
        replace(RunOptions(), **{field: value})


def test_a_file_with_all_defaults_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(dump(Config()), encoding="utf-8")
    assert load(Config, path) == Config()


def test_every_field_is_described_in_the_file() -> None:
    lines = dump(Config()).splitlines()
    fields = [number for number, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(fields) == len(flatten(Config()))
    assert all(lines[number - 1].startswith("# ") for number in fields)


@pytest.mark.parametrize(
    ("section", "field", "name", "message"),
    [
        ("growth", "rule", "gradmux", "is unknown; take one of random, random_raw, .*; did you mean gradmax"),
        ("growth", "when", "wishful", "is unknown; take one of needed, unsolved, never, "),
        ("growth", "amount", "wishful", "is unknown; take one of fixed, geometric, double, until_price$"),
        ("growth", "where", "anywhere", "is unknown; take one of auction, value"),
        ("gating", "network", "oracle", "is unknown; take one of gaussian, lda, "),
        ("stream", "name", "cifar", "is unknown; take one of digits, mnist, fsdd, arrays, cognitive"),
    ],
)
def test_names_that_nobody_has_registered_are_refused(section: str, field: str, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{section}\.{field} = '{name}' {message}"):
        from_mapping(Config, {section: {field: name}})


def test_names_in_deeper_sections_are_looked_up_too() -> None:
    with pytest.raises(ValueError, match=r"gating\.detect\.by = 'smell' is unknown; take one of novelty, shift,"):
        from_mapping(Config, {"gating": {"detect": {"by": "smell"}}})
    known = "none, ewc, ewc_online, si, lwf, hlop, replay, gdumb; did you mean ewc"
    with pytest.raises(ValueError, match=rf"training\.continual\.method = 'ewcc' is unknown; take one of {known}"):
        from_mapping(Config, {"training": {"continual": {"method": "ewcc"}}})


@pytest.mark.parametrize("field", REGISTRIES)
def test_a_name_of_ones_own_is_valid_once_it_is_registered(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data: object = "mine"
    for part in reversed(field.split(".")):
        data = {part: data}
    assert isinstance(data, dict)
    with pytest.raises(ValueError, match="'mine' is unknown"):
        from_mapping(Config, data)
    monkeypatch.setitem(REGISTRIES[field], "mine", next(iter(REGISTRIES[field].values())))  # type: ignore[arg-type]
    assert flatten(from_mapping(Config, data))[field] == "mine"
