"""Loss, accuracy, neurons and wires over the rounds, as one figure."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from smalti.analysis.dashboard.view import View
from smalti.analysis.plots.drawing.figure import PALETTE
from smalti.analysis.plots.drawing.theme import standing_alone, themed
from smalti.analysis.units import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = (
    ("loss", "training loss, {unit}"),
    ("accuracy", "{score}"),
    ("neurons", "hidden neurons"),
    ("wires", "wires in use"),
)


def curves_svg(view: View) -> bytes:
    """The figure as an .svg file, light or dark as the browser is."""
    file = io.StringIO()
    curves_figure(view).savefig(file, format="svg")
    return standing_alone(themed(file.getvalue())).encode()


def curves_figure(view: View) -> Figure:
    """Four panels two by two; a line marks the round of the view, dotted ones where an experience began."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 3.1), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        _panel(axes, view, name)
        axes.set_title(title.format(unit=view.unit, score=in_words(view.score)), fontsize=9, loc="left")
    return figure


def _panel(axes: Axes, view: View, name: str) -> None:
    curves = view.curves
    mark = "." if len(curves.rounds) <= 60 else ""
    axes.plot(curves.rounds, curves.columns[name], color=PALETTE[0], lw=1.2, marker=mark, ms=4)
    if name == "accuracy":
        validation = curves.columns["validation"]
        if not all(math.isnan(value) for value in validation):
            axes.plot(curves.rounds, validation, color=PALETTE[1], lw=1.2, marker=mark, ms=4, label="validation")
            axes.legend(frameon=False, fontsize=7)
        axes.set_ylim(min(0.0, *curves.columns[name]) if curves.rounds else 0.0, 1.03)
    else:
        axes.set_ylim(bottom=0)
    for border in curves.borders:
        axes.axvline(border - 0.5, color="#bbbbbb", lw=0.7, ls=":")
    if curves.rounds and view.round < curves.rounds[-1]:
        axes.axvline(view.round, color="#333333", lw=1)
    axes.set_xlim(-0.5, max(view.total - 0.5, 0.5))
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
