from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from smalti.scheduler.commands.experiments.blocks import blocks

CELL = st.text(alphabet="abc[]1", min_size=1, max_size=12)


def printed(head: list[str], body: list[list[str]], width: int, **style: str) -> list[str]:
    seen = io.StringIO()
    console = Console(file=seen, width=width)
    for table in blocks(head, body, width, **style):  # type: ignore[arg-type]
        console.print(table)
    return seen.getvalue().splitlines()


@given(st.integers(1, 9), st.integers(0, 3), st.data())
def test_every_cell_is_shown_once_and_no_line_is_too_long(columns: int, rows: int, data: st.DataObject) -> None:
    head = [f"h{number}" for number in range(columns + 1)]
    body = [[f"key{row}", *(data.draw(CELL) for _ in range(columns))] for row in range(rows)]
    lines = printed(head, body, 30)
    assert max(map(len, lines)) <= 30
    cells = [
        cell.strip() for line in lines if line[:1] in "┃│" for cell in line.strip("┃│").replace("┃", "│").split("│")
    ]
    assert [cell for cell in cells if cell.startswith("h") and cell != "h0"] == head[1:]
    assert sorted(c for c in cells if c[:1] not in ("h", "k")) == sorted(cell for row in body for cell in row[1:])


@pytest.mark.parametrize(("width", "tables"), [(80, 1), (14, 3)])
def test_the_title_stands_above_and_the_caption_below(width: int, tables: int) -> None:
    made = blocks(["a", "bbbb", "cccc", "dddd"], [["1", "2", "3", "4"]], width, title="up", caption="down")
    assert len(made) == tables
    assert [table.title for table in made] == ["up", *[None] * (tables - 1)]
    assert [table.caption for table in made] == [*[None] * (tables - 1), "down"]
