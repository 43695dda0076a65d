from __future__ import annotations

from typing import get_args

import pytest

from smalti.model.rewiring.options import RewiringOptions, Step
from smalti.model.rewiring.steps import STEPS


def test_defaults_do_nothing_and_every_name_is_a_step() -> None:
    assert RewiringOptions().steps == ()
    assert get_args(Step) == tuple(STEPS)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("steps", ("prune",), r"rewiring\.steps\[0\] = 'prune' is unknown; .*allowed: prune_magnitude, prune_activity"),
        ("steps", ("swap", "swap"), "must name every step once at most"),
        ("guard", -1, r"growth\.rewiring\.guard = -1 must not be negative"),
        ("proposals", -1, r"growth\.rewiring\.proposals = -1 must not"),
        ("magnitude", 1.1, r"growth\.rewiring\.magnitude = 1\.1 must lie in 0\.\.1"),
        ("activity", float("nan"), r"growth\.rewiring\.activity = nan must"),
        ("rewired", -0.1, r"growth\.rewiring\.rewired = -0\.1 must"),
        ("shorten", "hops", r"growth\.rewiring\.shorten = 'hops' is unknown; allowed: wires, spikes"),
    ],
)
def test_refuses_invalid_values_by_name(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RewiringOptions(**{field: value})  # type: ignore[arg-type]
