"""Pictures inside a page: in its own colours, light or dark, and as wide as there is room."""

from __future__ import annotations

from smalti.analysis.plots.drawing.picture import Picture
from smalti.analysis.plots.drawing.svg import svg
from smalti.analysis.plots.drawing.theme import themed

LEGIBLE = 500  # pixels: least width of a picture


def inline_svg(picture: Picture, least: int = LEGIBLE) -> str:
    """A picture as an ``<svg>`` element.

    Greys become mixtures of the page's ``--ink`` and ``--paper``, so that white is paper and black is ink whatever the
    colour scheme; other colours stay. The same picture gives the same text.

    Args:
        picture: what is on it.
        least: width in pixels at which its letters can still be read; where there is less, it is scrolled.
    """
    return themed(svg(picture, style=f"width:{{width}}pt;min-width:min({{width}}pt,{least}px)"))
