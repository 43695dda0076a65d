"""How every picture is drawn and saved: file types, colours, matplotlib if it is there. Knows not what is on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smalti.analysis.tables import RunTables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = (
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#AA3377",
    "#66CCEE",
    "#EE8866",
    "#44BB99",
    "#99DDFF",
)  # colour-blind safe
QUIET = "#555555"  # titles and notes
MISSING = 'pictures need matplotlib: pip install "smalti[plot]"'


def task_colour(task: int) -> str:
    """Colour of everything that belongs to a task; after nine tasks colours come again."""
    return PALETTE[task % len(PALETTE)]


def plain(name: object) -> str:
    """A name as it is written: matplotlib takes what stands between two dollars for a formula."""
    return str(name).replace("$", r"\$")


def quick_note(run: RunTables) -> str:
    """What a title says of a run that was shrunk to seconds."""
    return " (a quick run: means nothing)" if run.config.get("run", {}).get("quick") else ""


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure, in inches, that knows no window and no global state.

    Raises:
        ValueError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(MISSING) from error
    return Figure(figsize=(width, height), facecolor="white", **{"layout": "constrained", **options})


def save_figure(draw: Callable[[], Figure], picture: Path) -> None:
    """Draw into a file (.svg, .png or .pdf); the same figure gives the same .svg.

    Raises:
        ValueError: matplotlib is missing, or the file type is unknown.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError(MISSING) from error
    if picture.suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(f"{picture} is of no known picture type; name it .svg, .png or .pdf")
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "smalti"}):
        metadata = {"Date": None} if picture.suffix == ".svg" else None
        draw().savefig(picture, bbox_inches="tight", metadata=metadata)
