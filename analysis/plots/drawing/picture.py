"""What is on a picture, as plain data: panels of lines, dots, bars and texts. Knows neither matplotlib nor SVG.

A picture that stands in notebooks and in reports is described once: ``painted`` makes it a matplotlib figure, ``svg``
the text of an SVG, for which no page need wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.analysis.plots.drawing.ramps import Ramp

Shape = Literal["circle", "square", "diamond", "dash"]
Floats = NDArray[np.float64]
INK = "#000000"


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A line through points; NaN interrupts it."""

    x: ArrayLike
    y: ArrayLike
    colour: str
    width: float = 1.5  # points
    dashed: bool = False
    alpha: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """Many thin lines, each with a colour."""

    points: Sequence[Sequence[tuple[float, float]]]
    colours: Sequence[str]
    width: float  # points
    alpha: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Dots:
    """Marks at points."""

    x: ArrayLike
    y: ArrayLike
    colours: str | Sequence[str]
    size: ArrayLike = 6.0  # points
    shape: Shape = "circle"
    hollow: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Bars that stand at x; where several are drawn, on top of each other."""

    x: ArrayLike
    height: ArrayLike
    colours: str | Sequence[str]
    bottom: ArrayLike = 0.0
    width: float = 0.8
    alpha: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes:
    """Rectangles with a fill each."""

    x: ArrayLike
    y: ArrayLike
    width: ArrayLike
    height: ArrayLike
    fills: Sequence[str]
    edge: str
    edge_width: float  # points
    rounding: float = 0.0  # radius of the corners, in data


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """A matrix in colours, its first row above; NaN is left open."""

    values: Floats
    ramp: Ramp
    most: float  # value at the end of the ramp, which begins at 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """A bar beside axes that says what colours mean."""

    ramp: Ramp
    most: float
    ticks: Sequence[tuple[float, str]]
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Text:
    """Words at a point."""

    x: float
    y: float
    text: str
    colour: str = INK
    size: float = 8.0  # points
    above: bool = False  # stands on the point; else around it


@dataclass(frozen=True, kw_only=True, eq=False)
class Span:
    """A band over the whole height."""

    first: float
    last: float
    colour: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """A line over the whole width."""

    y: float
    colour: str
    width: float = 0.8


Mark = Line | Lines | Dots | Bars | Boxes | Cells | Text | Span | Level


@dataclass(frozen=True, kw_only=True, eq=False)
class Key:
    """An entry of a legend."""

    label: str
    colour: str
    kind: Literal["line", "dashed", "circle", "square", "diamond"] = "circle"
    hollow: bool = False
    size: float = 6.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Axes and what is on them."""

    marks: Sequence[Mark]
    x: tuple[float, float]  # limits, left to right
    y: tuple[float, float]  # limits, bottom to top
    x_label: str = ""
    y_label: str = ""
    x_ticks: Sequence[tuple[float, str]] | None = None  # None: at round numbers
    y_ticks: Sequence[tuple[float, str]] | None = None
    names: float = 10.0  # points: letters at the ticks of x
    slanted: bool = False  # whether these stand aslant
    frame: Literal["box", "corner", "none", "bare"] = "box"  # corner: left and bottom; bare: no axes at all, 1 : 1
    grid: bool = False
    scale: Scale | None = None
    keys: Sequence[Key] = ()
    keys_at: Literal["inside", "above", "right", "below"] = "right"  # inside: in the upper left corner
    columns: int = 1  # of the legend
    ratio: float = 1.0  # share of the height


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Panels below each other, with one x for all, or beside each other."""

    title: str
    panels: Sequence[Panel]
    width: float  # inches
    height: float
    beside: bool = False
    title_size: float = 11.0
    letters: float = 8.0  # points, of legends
    layout: bool = True  # whether room for labels is sought; else there is nothing around


def limits(*values: ArrayLike, margin: float = 0.05) -> tuple[float, float]:
    """From the least to the largest of some numbers, with some room around."""
    every = np.concatenate([np.ravel(np.asarray(some, dtype=float)) for some in values])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = margin * (high - low) or 0.5
    return low - room, high + room
