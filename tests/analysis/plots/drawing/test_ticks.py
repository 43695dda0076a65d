from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.analysis.plots.drawing.ticks import ticks


@pytest.mark.parametrize(
    ("first", "last", "most", "written"),
    [
        (0, 1, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-0.03, 0.6, 9, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]),
        (63.5, -0.5, 4, ["0", "20", "40", "60"]),
        (0, 9, 4, ["0.0", "2.5", "5.0", "7.5"]),
        (-1, 1, 4, ["\N{MINUS SIGN}1.0", "\N{MINUS SIGN}0.5", "0.0", "0.5", "1.0"]),
        (0, 0.0005, 5, ["0.0000", "0.0001", "0.0002", "0.0003", "0.0004", "0.0005"]),
        (0, 3000, 3, ["0", "1000", "2000", "3000"]),
    ],
)
def test_round_numbers_as_they_are_written(first: float, last: float, most: int, written: list[str]) -> None:
    assert [name for _, name in ticks(first, last, most)] == written


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_there_are_as_many_as_have_room_and_what_is_written_is_where_it_stands(
    low: float, span: float, most: int
) -> None:
    made = ticks(low, low + span, most)
    assert 1 <= len(made) <= most + 1
    slack = 1e-6 * (abs(low) + span)
    for place, name in made:
        assert low - slack <= place <= low + span + slack
        assert float(name.replace("\N{MINUS SIGN}", "-")) == pytest.approx(place, abs=slack)
