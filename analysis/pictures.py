"""How every picture is drawn and saved: file types, colours, matplotlib if it is there. Knows not what is on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#AA3377", "#66CCEE", "#EE8866", "#44BB99", "#99DDFF")


def save_figure(draw: Callable[[], Figure], picture: Path) -> None:
    """Draw into a file (.svg, .png or .pdf); the same figure gives the same .svg.

    Raises:
        ValueError: matplotlib is missing, or the file type is unknown.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError('pictures need matplotlib: pip install "smalti[plot]"') from error
    if picture.suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(f"{picture} is of no known picture type; name it .svg, .png or .pdf")
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "smalti"}):
        metadata = {"Date": None} if picture.suffix == ".svg" else None
        draw().savefig(picture, bbox_inches="tight", metadata=metadata)
