"""Where the panels of a picture stand on an SVG, in points, so that labels, legends and titles have room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smalti.analysis.plots.drawing.picture import Floats, Panel, Picture
from smalti.analysis.plots.drawing.ticks import ticks

TICK, LABEL = 10.0, 10.0  # points: letters at ticks, of the labels of axes
LINE = 1.25  # height of a line of text, as a multiple of its size
ENTRY = 1.45  # height of an entry of a legend, likewise
LETTER = 0.6  # width of a letter, likewise; on the safe side
GAP, EDGE = 14.0, 8.0  # points: between panels, around the picture
SHRUNK = 0.78  # width of a picture without a layout, as a share of the figure's, which had margins

Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A panel's place, and how its data lie on it."""

    left: float
    top: float
    width: float
    height: float
    label: float  # left to right: the foot of the label of y
    foot: float  # top to bottom: the foot of the label of x
    right: float  # where the room right of the panel ends
    across: tuple[float, float]  # limits of x
    along: tuple[float, float]  # limits of y, bottom to top
    x_ticks: Ticks = ()
    y_ticks: Ticks = ()

    def x(self, values: ArrayLike) -> Floats:
        """Where values of x stand."""
        first, last = self.across
        return self.left + (np.asarray(values, dtype=float) - first) / (last - first) * self.width

    def y(self, values: ArrayLike) -> Floats:
        """Where values of y stand."""
        bottom, top = self.along
        return self.top + (top - np.asarray(values, dtype=float)) / (top - bottom) * self.height

    def columns(self) -> list[tuple[float, str]]:
        """Where the ticks of x stand, and their names."""
        names = [name for _, name in self.x_ticks]
        return list(zip(self.x([place for place, _ in self.x_ticks]).tolist(), names, strict=True))

    def rows(self) -> list[tuple[float, str]]:
        """Where the ticks of y stand, and their names."""
        names = [name for _, name in self.y_ticks]
        return list(zip(self.y([place for place, _ in self.y_ticks]).tolist(), names, strict=True))

    @property
    def unit(self) -> float:
        """Points that a unit of x takes."""
        return self.width / abs(self.across[1] - self.across[0])


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The whole picture."""

    width: float
    height: float
    middle: float  # of the title
    frames: Sequence[Frame]


def laid_out(picture: Picture) -> Layout:
    """Room for everything."""
    above = LINE * picture.title_size * len(picture.title.split("\n")) + 6
    if not picture.layout:
        return _bare(picture, above)
    width, height = 72 * picture.width, 72 * picture.height
    frames = [*(_beside if picture.beside else _stacked)(picture, width, height, above)]
    return Layout(width=width, height=height, middle=width / 2, frames=frames)


def _bare(picture: Picture, above: float) -> Layout:
    """Panels without axes, 1 : 1, as wide as they are, all alike, below each other; the legend of the last below it."""
    first, last = picture.panels[0], picture.panels[-1]
    wide = abs(first.x[1] - first.x[0])
    unit = SHRUNK * 72 * picture.width / wide
    title = max(width_of(line, picture.title_size) for line in picture.title.split("\n"))
    whole = max(unit * wide, 0.87 * title, sum(_columns(last, picture.letters)))
    frames, top = [], above
    for panel in picture.panels:
        high = unit * abs(panel.y[1] - panel.y[0])
        frames.append(
            Frame(
                left=(whole - unit * wide) / 2 + 1,
                top=top,
                width=unit * wide,
                height=high,
                label=0,
                foot=0,
                right=whole,
                across=panel.x,
                along=panel.y,
            )
        )
        top += high
    below = ENTRY * picture.letters * (-(-len(last.keys) // last.columns) + 0.6)
    return Layout(width=whole + 2, height=top + below, middle=whole / 2 + 1, frames=frames)


def _stacked(picture: Picture, width: float, height: float, above: float) -> Iterator[Frame]:
    panels = picture.panels
    crowns = [_crown(panel, picture.letters) for panel in panels]
    feet = [*[0.0] * (len(panels) - 1), _foot(panels[-1])]
    free = height - above - sum(crowns) - sum(feet) - GAP * (len(panels) - 1) - EDGE
    heights = [free * panel.ratio / sum(other.ratio for other in panels) for panel in panels]
    y_ticks = [_ticks(panel.y_ticks, panel.y, high, 20) for panel, high in zip(panels, heights, strict=True)]
    left = max(_left(panel, own) for panel, own in zip(panels, y_ticks, strict=True))
    across = width - left - max(_right(panel, picture.letters) for panel in panels)
    top = above
    for panel, high, crown, foot, own in zip(panels, heights, crowns, feet, y_ticks, strict=True):
        top += crown
        x_ticks = _ticks(panel.x_ticks if panel.x_ticks is not None else panels[-1].x_ticks, panel.x, across, 50)
        yield Frame(
            left=left,
            top=top,
            width=across,
            height=high,
            label=left - _ticks_width(own) - 12,
            foot=height - EDGE / 2,
            right=width - EDGE / 2,
            across=panel.x,
            along=panel.y,
            x_ticks=x_ticks,
            y_ticks=own,
        )
        top += high + foot + GAP


def _beside(picture: Picture, width: float, height: float, above: float) -> Iterator[Frame]:
    each = width / len(picture.panels)
    for place, panel in enumerate(picture.panels):
        high = height - above - _crown(panel, picture.letters) - _foot(panel) - EDGE
        own = _ticks(panel.y_ticks, panel.y, high, 20)
        left = _left(panel, own)
        across = each - left - _right(panel, picture.letters)
        yield Frame(
            left=each * place + left,
            top=above + _crown(panel, picture.letters),
            width=across,
            height=high,
            label=each * place + left - _ticks_width(own) - 12,
            foot=height - EDGE / 2,
            right=each * (place + 1) - EDGE / 2,
            across=panel.x,
            along=panel.y,
            x_ticks=_ticks(panel.x_ticks, panel.x, across, 50),
            y_ticks=own,
        )


def width_of(text: str, size: float) -> float:
    """About how wide some words are."""
    return LETTER * size * len(text)


def _ticks(given: Ticks | None, limits: tuple[float, float], room: float, each: float) -> Ticks:
    return ticks(*limits, most=min(9, max(2, int(room / each)))) if given is None else given


def _ticks_width(own: Ticks) -> float:
    return max((width_of(name, TICK) for _, name in own), default=-5.0)


def _left(panel: Panel, own: Ticks) -> float:
    return _ticks_width(own) + 14 + LABEL * LINE * len(panel.y_label.split("\n")) + EDGE / 2


def _right(panel: Panel, letters: float) -> float:
    """Room for the scale or the legend that stand there."""
    if panel.scale is not None:
        return 36 + _ticks_width(panel.scale.ticks) + LABEL * LINE
    return sum(_columns(panel, letters)) + EDGE if panel.keys and panel.keys_at == "right" else EDGE


def _foot(panel: Panel) -> float:
    names = [width_of(name, panel.names) for _, name in panel.x_ticks or ()]
    under = 0.9 * max(names, default=0.0) + 6 if panel.slanted else TICK + 4
    return under + (LABEL * LINE + 3 if panel.x_label else 0)


def _crown(panel: Panel, letters: float) -> float:
    """Room above a panel, for its legend."""
    rows = -(-len(panel.keys) // panel.columns)
    return ENTRY * letters * rows + 4 if panel.keys and panel.keys_at == "above" else 0.0


def _columns(panel: Panel, letters: float) -> list[float]:
    """Widths of the columns of the legend, which is filled column by column."""
    rows = -(-len(panel.keys) // panel.columns)
    labels = [key.label for key in panel.keys]
    columns = [labels[first : first + rows] for first in range(0, len(labels), rows or 1)]
    return [max(width_of(label, letters) for label in column) + 3.2 * letters for column in columns]


def key_places(panel: Panel, frame: Frame, letters: float) -> Iterator[tuple[float, float]]:
    """Where the entries of the legend begin, and their feet."""
    widths, rows = _columns(panel, letters), -(-len(panel.keys) // panel.columns)
    lefts = {
        "inside": frame.left + 1.4 * letters,
        "above": frame.left + letters,
        "right": frame.left + frame.width + 1.5 * letters,
        "below": frame.left + (frame.width - sum(widths)) / 2 + letters,
    }
    tops = {
        "inside": frame.top + 1.6 * letters,
        "above": frame.top - ENTRY * letters * (rows - 0.5) - 3,
        "right": frame.top + frame.height / 2 - ENTRY * letters * (rows / 2 - 0.8),
        "below": frame.top + frame.height + 1.4 * letters,
    }
    for place in range(len(panel.keys)):
        column, row = divmod(place, rows)
        yield lefts[panel.keys_at] + sum(widths[:column]), tops[panel.keys_at] + ENTRY * letters * row
