"""Pictures as matplotlib figures, for notebooks and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from smalti.analysis.plots.drawing.figure import QUIET, new_figure, plain
from smalti.analysis.plots.drawing.picture import (
    Bars,
    Boxes,
    Cells,
    Dots,
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

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = {"circle": "o", "square": "s", "diamond": "D", "dash": "|"}
PLACES: dict[str, tuple[Literal["upper left", "lower left", "center left", "upper center"], tuple[float, float]]] = {
    "inside": ("upper left", (0.0, 1.0)),
    "above": ("lower left", (0.0, 1.0)),
    "right": ("center left", (1.0, 0.5)),
    "below": ("upper center", (0.5, 0.0)),
}


def painted(picture: Picture) -> Figure:
    """The figure.

    Raises:
        ValueError: matplotlib is missing.
    """
    figure = new_figure(picture.width, picture.height, **({} if picture.layout else {"layout": None}))
    count, ratios = len(picture.panels), [panel.ratio for panel in picture.panels]
    if picture.beside:
        grid = figure.subplots(1, count, squeeze=False)[0]
    else:
        grid = figure.subplots(count, 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    for axes, panel in zip(grid, picture.panels, strict=True):
        _panel(axes, panel, picture.letters)
    if picture.layout:
        figure.suptitle(plain(picture.title), fontsize=picture.title_size, color=QUIET)
    else:
        grid[0].set_title(plain(picture.title), fontsize=picture.title_size, color=QUIET)
    return figure


def _panel(axes: Axes, panel: Panel, letters: float) -> None:
    for mark in panel.marks:
        _mark(axes, mark)
    axes.set(xlim=panel.x, ylim=panel.y, xlabel=panel.x_label, ylabel=panel.y_label)
    if panel.frame == "bare":
        axes.set_aspect("equal")
        axes.axis("off")
    elif panel.frame != "box":
        axes.spines[["top", "right"] if panel.frame == "corner" else ["top", "right", "left", "bottom"]].set_visible(
            False
        )
    if panel.x_ticks is not None:
        places, names = [place for place, _ in panel.x_ticks], [plain(name) for _, name in panel.x_ticks]
        axes.set_xticks(places, names, rotation=60 if panel.slanted else 0, fontsize=panel.names)
    if panel.y_ticks is not None:
        axes.set_yticks([place for place, _ in panel.y_ticks], [plain(name) for _, name in panel.y_ticks])
    if panel.grid:
        axes.grid(alpha=0.3)
    if panel.scale is not None:
        _scale(axes, panel.scale)
    if panel.keys:
        loc, corner = PLACES[panel.keys_at]
        handles = [_handle(key) for key in panel.keys]
        look: dict[str, Any] = {"frameon": False, "fontsize": letters, "ncols": panel.columns, "bbox_to_anchor": corner}
        axes.legend(handles=handles, loc=loc, **look)


def _mark(axes: Axes, mark: Mark) -> None:
    match mark:
        case Line():
            style = "--" if mark.dashed else "-"
            axes.plot(mark.x, mark.y, style, color=mark.colour, lw=mark.width, alpha=mark.alpha, solid_capstyle="butt")
        case Lines():
            from matplotlib.collections import LineCollection

            look: dict[str, Any] = {"linewidths": mark.width, "alpha": mark.alpha, "zorder": 1}
            axes.add_collection(LineCollection(list(mark.points), colors=mark.colours, **look))
        case Dots():
            edges: dict[str, Any] = (
                {"facecolors": "white", "edgecolors": mark.colours} if mark.hollow else {"color": mark.colours}
            )
            axes.scatter(mark.x, mark.y, s=np.square(mark.size), marker=MARKERS[mark.shape], zorder=3, **edges)
        case Bars():
            axes.bar(mark.x, mark.height, mark.width, mark.bottom, color=mark.colours, alpha=mark.alpha)
        case Boxes():
            _boxes(axes, mark)
        case Cells():
            axes.imshow(mark.values, cmap=mark.ramp, vmin=0, vmax=mark.most, aspect="auto")
        case Span():
            axes.axvspan(mark.first, mark.last, color=mark.colour, lw=0, zorder=0)
        case Level():
            axes.axhline(mark.y, color=mark.colour, lw=mark.width, zorder=0)
        case Text():
            upright = "bottom" if mark.above else "center"
            axes.text(mark.x, mark.y, plain(mark.text), ha="center", va=upright, color=mark.colour, fontsize=mark.size)


def _boxes(axes: Axes, mark: Boxes) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch, Rectangle

    style = f"round,pad=0,rounding_size={mark.rounding}"
    boxes = [
        FancyBboxPatch((x, y), width, height, boxstyle=style) if mark.rounding else Rectangle((x, y), width, height)
        for x, y, width, height in np.broadcast(mark.x, mark.y, mark.width, mark.height)
    ]
    look: dict[str, Any] = {"edgecolors": mark.edge, "linewidths": mark.edge_width, "zorder": 1}
    axes.add_collection(PatchCollection(boxes, facecolors=mark.fills, **look))


def _scale(axes: Axes, scale: Scale) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    image = ScalarMappable(Normalize(0, scale.most), scale.ramp)
    bar = axes.figure.colorbar(image, ax=axes, ticks=[place for place, _ in scale.ticks])
    bar.ax.set_yticklabels([name for _, name in scale.ticks])
    bar.set_label(scale.label)


def _handle(key: Key) -> Artist:
    from matplotlib.lines import Line2D

    if key.kind in MARKERS:
        face = "white" if key.hollow else key.colour
        look: dict[str, Any] = {"marker": MARKERS[key.kind], "ms": key.size, "mfc": face}
        return Line2D([], [], ls="", color=key.colour, label=plain(key.label), **look)
    return Line2D([], [], ls="--" if key.kind == "dashed" else "-", color=key.colour, label=plain(key.label))
