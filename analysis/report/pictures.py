"""matplotlib figures as SVG inside a page: without a head, and in the page's own colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from smalti.analysis.plots.theme import themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEGIBLE = 500  # pixels: least width of a picture
GROUP = re.compile(r'<g id="[^"]*"')  # nobody points to them, and they are the same in every picture
SIZE = re.compile(r'(<svg [^>]*?)width="([\d.]+)pt" height="[\d.]+pt"', re.DOTALL)


def inline_svg(draw: Callable[[], Figure], name: str, least: int = LEGIBLE) -> str:
    """A figure as an ``<svg>`` element.

    Greys become mixtures of the page's ``--ink`` and ``--paper``, so that white is paper and black is ink whatever the
    colour scheme; other colours stay. The same figure and name give the same text.

    Args:
        draw: makes the figure.
        name: of the figure on its page; keeps the ids of its elements apart from those of others.
        least: width in pixels at which its letters can still be read; where there is less, it is scrolled.
    """
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        sink, figure = io.StringIO(), draw()
        crop = None if figure.get_layout_engine() else "tight"  # which draws it once more; a layout leaves no margins
        figure.savefig(sink, format="svg", bbox_inches=crop, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg ") :], flags=re.DOTALL)
    text = GROUP.sub("<g", text)
    return themed(SIZE.sub(partial(_size, least=least), text, count=1))


def _size(match: re.Match[str], least: int) -> str:
    """As wide as drawn where there is room; where there is not, letters stay legible and the picture is scrolled."""
    width = f"{float(match[2]):.0f}pt"
    return f'{match[1]}style="width: {width}; min-width: min({width}, {least}px)"'
