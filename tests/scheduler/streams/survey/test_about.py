from __future__ import annotations

import re
from pathlib import Path

from smalti.scheduler.streams import STREAMS
from smalti.scheduler.streams.survey.about import ABOUT

DOCS = Path(__file__).resolve().parents[4] / "docs" / "streams.md"


def test_every_stream_is_told_about() -> None:
    assert list(ABOUT) == list(STREAMS)


def test_the_documentation_tells_the_same() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for name, about in ABOUT.items():
        (row,) = [row for row in rows if row.startswith(f"| `{name}` ")]
        assert about.licence in row
        pages = [url for source in about.source for url in re.findall(r"https?://[^\s,]+", source)]
        assert len(pages) >= len(about.source)
        assert all(f"]({url})" in row for url in pages)
