from __future__ import annotations

import pytest

pytest.importorskip("solara", reason="the extra dashboard is not installed")

from smalti.analysis.dashboard.live import Live, Tuning, live_source
from smalti.analysis.dashboard.tuning import (
    COUNTS,
    LEAST,
    POWERS,
    changed,
    first_choices,
    place_of,
    start_choices,
    value_at,
)
from smalti.scheduler.configuration.config import Config


@pytest.mark.parametrize("value", [2e-4, 2e-5, 1e-5, 0.01, 1.0, 0.0])
def test_a_slider_gives_back_the_value_it_was_set_to(value: float) -> None:
    assert value_at(place_of(value)) == pytest.approx(value)


def test_a_slider_ends_at_nothing_and_at_one_nat() -> None:
    assert (place_of(0.0), place_of(1e-12), place_of(50.0)) == (LEAST, LEAST, 0.0)
    assert (value_at(LEAST), value_at(0.0)) == (0.0, 1.0)


def test_every_place_of_every_slider_is_allowed() -> None:
    config = Config()
    tuning = Tuning.of(config)
    for name in POWERS:
        for place in (LEAST, LEAST + 0.25, 0.0):
            assert changed(tuning, name, value_at(place)).applied(config) is not None
    for name, (_, least, most) in COUNTS.items():
        for value in (least, most):
            assert getattr(changed(tuning, name, value).applied(config).growth, name) == value
    assert {*POWERS, *COUNTS} == set(Tuning.__dataclass_fields__)


def test_choices_of_a_start_are_those_that_a_simulation_takes(busy: Config) -> None:
    source = live_source(busy)
    choices, first = start_choices(source), first_choices(source)
    assert first.keys() == {"source", *choices}
    live = Live(**first)  # type: ignore[arg-type]
    assert not live.failure
    assert live.config == source.config
    for name in ("rule", "when"):
        assert choices[name]["value"] in choices[name]["values"]
