"""Pictures in the colours of the page that they stand on: white is its paper and black its ink, light or dark."""

from __future__ import annotations

import re

GREY = re.compile(r"#([0-9a-f]{2})\1\1\b")
STYLE = """<style>
svg { --paper: #ffffff; --ink: #1c1f23; fill: var(--ink) }
@media (prefers-color-scheme: dark) { svg { --paper: #1e2227; --ink: #e6e8ea } }
</style>"""


def grey(level: float) -> str:
    """A grey, 0 black to 1 white, as a share of the page's ``--ink`` in its ``--paper``: CSS."""
    return f"color-mix(in srgb, var(--ink) {100 * (1 - level):.0f}%, var(--paper))"


def themed(svg: str) -> str:
    """An SVG with all greys as such shares; other colours stay."""
    return GREY.sub(lambda match: grey(int(match[1], 16) / 255), svg)


def standing_alone(svg: str) -> str:
    """A themed SVG that knows ink and paper itself, for an image, which no style sheet of the page reaches."""
    end = svg.index(">", svg.index("<svg")) + 1
    return svg[:end] + STYLE + svg[end:]
