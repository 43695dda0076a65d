"""How many lines are told apart: a look for each name, the same in every panel, and labels beside the ends of lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smalti.analysis.plots.drawing.figure import PALETTE, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.")
DASHES = ("solid", "dash", "dot", "dashdot")  # the same for plotly
MARKS = ("o", "s", "^", "D", "v", "P", "X")
LINE = 1.35  # height of a line of text, as a multiple of its size


@dataclass(frozen=True)
class Look:
    """How one of many is drawn."""

    colour: str
    style: str  # of matplotlib
    dash: str  # of plotly
    mark: str


def look(number: int) -> Look:
    """The look of the so-manieth; colours come again in other styles."""
    again, colour = divmod(number, len(PALETTE))
    style = again % len(STYLES)
    return Look(PALETTE[colour], STYLES[style], DASHES[style], MARKS[number % len(MARKS)])


def looks(names: Iterable[Any]) -> dict[str, Look]:
    """A look for every name, by its place among all that occur anywhere in the figure."""
    return {name: look(number) for number, name in enumerate(dict.fromkeys(str(name) for name in names))}


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], size: float = 7) -> None:
    """Names beside the right ends of lines, in their colours, moved apart where they would overlap.

    Args:
        axes: whose limits, scale and size are settled.
        ends: x and y of every end, in data, name and colour.
        size: of the letters, points.
    """
    if not ends:
        return
    height = axes.get_window_extent().height * 72 / axes.figure.dpi  # points
    gap = LINE * size / height
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = sorted((float(to_axes.transform((x, y))[1]), x, y, name, colour) for x, y, name, colour in ends)
    for place, (_, x, y, name, colour) in zip(apart([one[0] for one in wanted], gap), wanted, strict=True):
        axes.annotate(
            plain(name),
            xy=(x, y),
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=colour,
            fontsize=size,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "alpha": 0.6, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places near those given, in their order, at least ``gap`` apart and around the middle of 0..1 if there is room.

    Neighbours that would overlap are moved as one block around the mean of what they wanted.
    """
    blocks: list[list[float]] = []  # members' wishes, each less its rank in the block
    for place in places:
        blocks.append([place])
        while len(blocks) > 1 and _low(blocks[-1], gap) < _low(blocks[-2], gap) + len(blocks[-2]) * gap:
            last = blocks.pop()
            blocks[-1] += last
    return [_low(block, gap) + rank * gap for block in blocks for rank in range(len(block))]


def _low(block: Sequence[float], gap: float) -> float:
    """Where the lowest of a block stands."""
    return sum(block) / len(block) - gap * (len(block) - 1) / 2
