"""Pictures as the text of an SVG, for pages, without matplotlib; ``svg_layout`` says where panels stand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike

from smalti.analysis.plots.drawing.figure import QUIET
from smalti.analysis.plots.drawing.picture import (
    INK,
    Bars,
    Boxes,
    Cells,
    Dots,
    Floats,
    Key,
    Level,
    Line,
    Lines,
    Mark,
    Panel,
    Picture,
    Scale,
    Span,
    Text,
)
from smalti.analysis.plots.drawing.ramps import shade
from smalti.analysis.plots.drawing.svg_layout import LABEL, LINE, TICK, Frame, Layout, key_places, laid_out

FONT = "font-family:'DejaVu Sans',system-ui,sans-serif"
SCALE = 60  # steps of colour of a scale


def svg(picture: Picture, style: str = "") -> str:
    """The ``<svg>`` element, one unit a point; the same picture gives the same text.

    Args:
        picture: what is on it.
        style: of the element, more of it: ``width: {width}pt`` and the like, where ``{width}`` is that of the picture.
    """
    layout = laid_out(picture)
    shown = [_title(picture, layout)]
    for place, (panel, frame) in enumerate(zip(picture.panels, layout.frames, strict=True)):
        last = picture.beside or place == len(picture.panels) - 1
        shown += [*_behind(panel, frame), *(_mark(mark, frame) for mark in panel.marks)]
        shown += [*_around(panel, frame, last), *_keys(panel, frame, picture.letters)]
    size, look = f"0 0 {layout.width:.0f} {layout.height:.0f}", f"{FONT};{style.format(width=round(layout.width))}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" style="{look}">\n' + "\n".join(shown) + "\n</svg>"


def _title(picture: Picture, layout: Layout) -> str:
    lines = picture.title.split("\n")
    places = range(len(lines))
    middle, size = layout.middle, picture.title_size
    return "".join(words(middle, size * (1.1 + LINE * k), lines[k], QUIET, size) for k in places)


def words(
    x: float, y: float, text: str, colour: str = INK, size: float = TICK, at: str = "middle", turn: int = 0
) -> str:
    """Letters whose foot stands at a point; ``at`` is start, middle or end."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    look = f"fill:{colour};font-size:{size:g}px;text-anchor:{at}"
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{look}"{turned}>{escape(text, quote=False)}</text>'


def path(data: str, colour: str, width: float = 0.0, fill: bool = False, more: str = "") -> str:
    """A path, stroked or filled."""
    paint = f"fill:{colour}" if fill else f"fill:none;stroke:{colour};stroke-width:{width:g}"
    return f'<path d="{data}" style="{paint}{more}"/>'


def _behind(panel: Panel, frame: Frame) -> Iterator[str]:
    """The grid, at the ticks of both axes."""
    if panel.grid:
        lines = [f"M{x:.1f} {frame.top:.1f}v{frame.height:.1f}" for x, _ in frame.columns()]
        lines += [f"M{frame.left:.1f} {y:.1f}h{frame.width:.1f}" for y, _ in frame.rows()]
        yield path("".join(lines), "#b0b0b0", 0.8, more=";opacity:.3")


def _around(panel: Panel, frame: Frame, last: bool) -> Iterator[str]:
    """Spines, ticks and labels."""
    if panel.frame == "bare":
        return
    left, top, right, bottom = frame.left, frame.top, frame.left + frame.width, frame.top + frame.height
    spines = {"box": f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}z", "none": ""}
    marks = [f"M{x:.1f} {bottom:.1f}v3.5" for x, _ in frame.columns()]
    marks += [f"M{left:.1f} {y:.1f}h-3.5" for y, _ in frame.rows()]
    spine = spines.get(panel.frame, f"M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}")
    yield path(spine + "".join(marks), INK, 0.8)
    yield from (words(left - 7, y + 0.36 * TICK, name, at="end") for y, name in frame.rows())
    for k, line in enumerate(reversed(panel.y_label.split("\n"))):
        yield words(frame.label - LABEL * LINE * k, top + frame.height / 2, line, size=LABEL, turn=-90)
    if panel.scale is not None:
        yield from _scale(panel.scale, frame)
    if not last:
        return
    for x, name in frame.columns():
        if panel.slanted:
            yield words(x + 3, bottom + 12, name, size=panel.names, at="end", turn=-60)
        else:
            yield words(x, bottom + 4 + panel.names, name, size=panel.names)
    if panel.x_label:
        yield words(left + frame.width / 2, frame.foot, panel.x_label, size=LABEL)


def _scale(scale: Scale, frame: Frame) -> Iterator[str]:
    left, top = frame.left + frame.width + 14, frame.top
    high = frame.height / SCALE
    for step in range(SCALE):
        box = f"M{left:.1f} {top + frame.height - high * (step + 1):.2f}h11v{high + 0.3:.2f}h-11z"
        yield path(box, shade(scale.ramp, (step + 0.5) / SCALE), fill=True)
    for place, name in scale.ticks:
        y = top + frame.height * (1 - place / scale.most)
        yield path(f"M{left + 11:.1f} {y:.1f}h3.5", INK, 0.8)
        yield words(left + 18, y + 0.36 * TICK, name, at="start")
    yield words(frame.right, top + frame.height / 2, scale.label, size=LABEL, turn=-90)


def _mark(mark: Mark, frame: Frame) -> str:
    match mark:
        case Line():
            more = f";opacity:{mark.alpha:g}" if mark.alpha < 1 else ""
            more += f";stroke-dasharray:{3.7 * mark.width:.1f} {1.6 * mark.width:.1f}" if mark.dashed else ""
            return path(_through(frame.x(mark.x), frame.y(mark.y)), mark.colour, mark.width, more=more)
        case Lines():
            return _lines(mark, frame)
        case Dots():
            return _dots(mark, frame)
        case Bars():
            return _bars(mark, frame)
        case Boxes():
            return _boxes(mark, frame)
        case Cells():
            return _cells(mark, frame)
        case Span():
            first, last = frame.x([mark.first, mark.last])
            return path(
                f"M{first:.1f} {frame.top:.1f}H{last:.1f}v{frame.height:.1f}H{first:.1f}z", mark.colour, fill=True
            )
        case Level():
            return path(f"M{frame.left:.1f} {frame.y([mark.y])[0]:.1f}h{frame.width:.1f}", mark.colour, mark.width)
        case Text():
            (x,), (y,) = frame.x([mark.x]), frame.y([mark.y])
            return words(x, y - 2 if mark.above else y + 0.36 * mark.size, mark.text, mark.colour, mark.size)


def _through(x: Floats, y: Floats) -> str:
    """A path through points, interrupted where they are not finite."""
    parts, pen = [], "M"
    for here, there in zip(x.tolist(), y.tolist(), strict=True):
        if not (math.isfinite(here) and math.isfinite(there)):
            pen = "M"
            continue
        parts.append(f"{pen}{here:.1f} {there:.1f}")
        pen = "L"
    return "".join(parts)


def _lines(mark: Lines, frame: Frame) -> str:
    """Each line is a path of its own, so that where many lie the colour is stronger."""
    every = np.array([point for points in mark.points for point in points], dtype=float).reshape(-1, 2)
    places = zip(frame.x(every[:, 0]).tolist(), frame.y(every[:, 1]).tolist(), strict=True)
    by_colour: dict[str, list[str]] = {}
    for points, colour in zip(mark.points, mark.colours, strict=True):
        data = "L".join([f"{x:.1f} {y:.1f}" for x, y in islice(places, len(points))])
        by_colour.setdefault(colour, []).append(f'<path d="M{data}"/>')
    look = f"fill:none;stroke-width:{mark.width:g};stroke-opacity:{mark.alpha:g}"
    groups = (f'<g style="stroke:{colour};{look}">{"".join(own)}</g>' for colour, own in by_colour.items())
    return "\n".join(groups)


def _grouped(colours: str | Sequence[str], parts: Sequence[str]) -> dict[str, str]:
    """Parts of paths by their colour."""
    if isinstance(colours, str):
        return {colours: "".join(parts)}
    together: dict[str, list[str]] = {}
    for colour, part in zip(colours, parts, strict=True):
        together.setdefault(colour, []).append(part)
    return {colour: "".join(own) for colour, own in together.items()}


def shape_of(name: str, x: float, y: float, size: float) -> str:
    """The outline of a mark."""
    r = size / 2
    match name:
        case "circle":
            return f"M{x - r:.1f} {y:.1f}a{r:.2f} {r:.2f} 0 1 0 {size:.2f} 0a{r:.2f} {r:.2f} 0 1 0 {-size:.2f} 0z"
        case "square":
            return f"M{x - r:.1f} {y - r:.1f}h{size:.1f}v{size:.1f}h{-size:.1f}z"
        case "diamond":
            d = 1.4 * r
            return f"M{x:.1f} {y - d:.1f}l{d:.1f} {d:.1f} {-d:.1f} {d:.1f} {-d:.1f} {-d:.1f}z"
        case _:
            return f"M{x:.1f} {y - r:.1f}v{size:.1f}"


def _dots(mark: Dots, frame: Frame) -> str:
    """Those that are finite."""
    x, y = frame.x(mark.x), frame.y(mark.y)
    sizes = np.broadcast_to(np.asarray(mark.size, dtype=float), x.shape)
    finite = (np.isfinite(x) & np.isfinite(y)).tolist()
    places = zip(x.tolist(), y.tolist(), sizes.tolist(), strict=True)
    parts = [shape_of(mark.shape, *place) if there else "" for place, there in zip(places, finite, strict=True)]
    grouped = _grouped(mark.colours, parts)
    return "\n".join(_shaped(mark.shape, data, colour, mark.hollow) for colour, data in grouped.items() if data)


def _shaped(shape: str, data: str, colour: str, hollow: bool) -> str:
    if shape == "dash":
        return path(data, colour, 1.5)
    return path(data, "#ffffff" if hollow else colour, fill=True, more=f";stroke:{colour}")


def _rectangles(x: ArrayLike, y: ArrayLike, width: ArrayLike, height: ArrayLike, frame: Frame) -> list[list[float]]:
    """Left, upper, right and lower edges in points, of rectangles in data."""
    x, y, width, height = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x, y, width, height)))
    sides = np.sort([frame.x(x), frame.x(x + width)], axis=0), np.sort([frame.y(y), frame.y(y + height)], axis=0)
    edges: list[list[float]] = np.stack([sides[0][0], sides[1][0], sides[0][1], sides[1][1]], axis=1).tolist()
    return edges


def _bars(mark: Bars, frame: Frame) -> str:
    left = np.asarray(mark.x, dtype=float) - mark.width / 2
    edges = _rectangles(left, mark.bottom, mark.width, mark.height, frame)
    parts = [f"M{a:.1f} {b:.1f}H{c:.1f}V{d:.1f}H{a:.1f}z" for a, b, c, d in edges]
    more = f";opacity:{mark.alpha:g}" if mark.alpha < 1 else ""
    return "\n".join(path(data, colour, fill=True, more=more) for colour, data in _grouped(mark.colours, parts).items())


def _boxes(mark: Boxes, frame: Frame) -> str:
    radius = mark.rounding * frame.unit
    edges = _rectangles(mark.x, mark.y, mark.width, mark.height, frame)
    corner = f"a{radius:.1f} {radius:.1f} 0 0 1"
    parts = [
        f"M{a + radius:.1f} {b:.1f}H{c - radius:.1f}{corner} {radius:.1f} {radius:.1f}V{d - radius:.1f}"
        f"{corner} {-radius:.1f} {radius:.1f}H{a + radius:.1f}{corner} {-radius:.1f} {-radius:.1f}V{b + radius:.1f}"
        f"{corner} {radius:.1f} {-radius:.1f}z"
        if radius
        else f"M{a:.1f} {b:.1f}H{c:.1f}V{d:.1f}H{a:.1f}z"
        for a, b, c, d in edges
    ]
    edge = f";stroke:{mark.edge};stroke-width:{mark.edge_width:g}"
    return "\n".join(path(data, fill, fill=True, more=edge) for fill, data in _grouped(mark.fills, parts).items())


def _cells(mark: Cells, frame: Frame) -> str:
    row, column = np.nonzero(~np.isnan(mark.values))
    shares = np.clip(mark.values[row, column] / mark.most, 0, 1)
    edges = _rectangles(column - 0.5, row - 0.5, 1, 1, frame)
    parts = [f"M{a:.1f} {b:.1f}H{c:.1f}V{d:.1f}H{a:.1f}z" for a, b, c, d in edges]
    fills = [shade(mark.ramp, share) for share in shares.tolist()]
    return "\n".join(path(data, fill, fill=True) for fill, data in _grouped(fills, parts).items())


def _keys(panel: Panel, frame: Frame, letters: float) -> Iterator[str]:
    """The legend."""
    for key, (x, y) in zip(panel.keys, key_places(panel, frame, letters), strict=True):
        yield _sample(key, x, y - 0.36 * letters, letters)
        yield words(x + 1.7 * letters, y, key.label, size=letters, at="start")


def _sample(key: Key, x: float, y: float, letters: float) -> str:
    if key.kind in ("line", "dashed"):
        more = ";stroke-dasharray:5 2" if key.kind == "dashed" else ""
        return path(f"M{x - 0.6 * letters:.1f} {y:.1f}h{1.8 * letters:.1f}", key.colour, 1.5, more=more)
    return _shaped(key.kind, shape_of(key.kind, x + 0.5 * letters, y, key.size), key.colour, key.hollow)
