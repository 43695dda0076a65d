"""Tables that are wider than the terminal, cut into blocks of columns; the first columns stand in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

BORDER, GAP = 1, 3  # characters: of the last border; around a cell and before it


def blocks(
    head: Sequence[str], body: Sequence[Sequence[str]], width: int, keys: int = 1, right: bool = True, **style: Any
) -> list[Table]:
    """A table, or several that fit a width; a column that is too wide by itself is wrapped.

    Args:
        head: names of the columns.
        body: the cells of each row.
        width: characters of a line.
        keys: columns at the left that every block has.
        right: whether the others hold numbers, which stand to the right.
        style: of the tables, such as their title; a title stands over the first, a caption under the last.
    """
    title, caption = style.pop("title", None), style.pop("caption", None)
    tables = [
        _block(
            [(number, head[number]) for number in (*range(keys), *chosen)], body, keys if right else len(head), **style
        )
        for chosen in _split(head, body, width, keys)
    ]
    tables[0].title, tables[-1].caption = title, caption
    return tables


def _split(head: Sequence[str], body: Sequence[Sequence[str]], width: int, keys: int) -> Iterator[list[int]]:
    """Numbers of the columns of each block, without the keys."""
    needed = [max(len(row[number]) for row in (head, *body)) + GAP for number in range(len(head))]
    room, chosen = width - BORDER - sum(needed[:keys]), list[int]()
    for number in range(keys, len(head)):
        if chosen and sum(needed[other] for other in (*chosen, number)) > room:
            yield chosen
            chosen = []
        chosen.append(number)
    yield chosen


def _block(columns: Sequence[tuple[int, str]], body: Sequence[Sequence[str]], left: int, **style: Any) -> Table:
    table = Table(title_justify="left", caption_justify="left", **style)
    for number, name in columns:
        table.add_column(name, justify="left" if number < left else "right", overflow="fold")
    for row in body:
        table.add_row(*(Text(row[number]) for number, _ in columns))
    return table
