"""The page: checks what is needed, renders the templates, writes the file."""

from __future__ import annotations

import base64
import gzip
import importlib.util
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from smalti.analysis.report import configuration
from smalti.analysis.report.parts import beside, part
from smalti.analysis.runs import Runs
from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.pasted import pasted

if TYPE_CHECKING:
    from jinja2 import Template

GENERATOR = "smalti report"
NEEDED = ("jinja2", "plotly")
MOST = 12  # runs on one page
LEVEL = 4  # of compression: half the time of the usual one, for a file that is larger by a thirtieth


def write_report(runs: Runs, out: Path) -> None:
    """Write the report on some runs; a report that is there is replaced.

    Raises:
        ValueError: a package is missing, something else is in the way, or a run has no finished round.
    """
    check_place(out)
    page = report(runs)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(out, page)


def check_place(out: Path) -> None:
    """Refuse to replace what is no report.

    Raises:
        ValueError: there is something else.
    """
    if out.is_dir():
        raise ValueError(f"{out} is a folder; name a file, such as {out / 'report.html'}")
    if out.exists() and f'content="{GENERATOR}"'.encode() not in out.read_bytes()[:1000]:
        raise ValueError(f"{out} is there and is no report of smalti; delete it, or give another name with --out")


def missing_packages() -> list[str]:
    """Packages that a report needs and that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def report(runs: Runs) -> str:
    """The page on some runs, as text; the same runs give the same text.

    Raises:
        ValueError: a package is missing, a run has no finished round, or there are too many runs.
    """
    missing = missing_packages()
    if missing:
        raise ValueError(f'reports need {" and ".join(missing)}: pip install "smalti[report]"')
    if len(runs) > MOST:
        raise ValueError(f"{len(runs)} runs do not fit one page; give {MOST} at most")
    for _, run in runs:
        if run.table("rounds").empty:
            raise ValueError(
                f"{run.path} has no finished round yet; `{pasted('smalti', 'resume', run.path)}` goes on with it"
            )
    parts = [part(name, run) for name, run in runs]
    together = beside(runs, parts) if len(parts) > 1 else None
    return _template().render(
        generator=GENERATOR,
        title=parts[0].name if together is None else f"{len(parts)} runs",
        parts=parts,
        beside=together,
        plotly=_packed_plotly(),
        shown=configuration.shown,
    )


@cache
def _packed_plotly() -> str:
    """plotly.js, compressed, as text; the page unpacks it."""
    code = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(code, LEVEL, mtime=0)).decode("ascii")


def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("smalti.analysis.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")
