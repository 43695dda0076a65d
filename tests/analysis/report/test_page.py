from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from smalti.analysis.outcomes import resources
from smalti.analysis.report import page as pages
from smalti.analysis.report import write_report
from smalti.analysis.runs import load_run, load_runs
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import create_run

MEBIBYTE = 1 << 20


class Reader(HTMLParser):
    """Elements of a page: (tag, attributes), and the text of each tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def one(page: Path) -> Reader:
    return Reader(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def three(comparison: Path) -> Reader:
    return Reader(comparison.read_text(encoding="utf-8"))


def test_it_points_at_nothing_outside(one: Reader) -> None:
    for _, attributes in one.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            target = attributes.get(name) or ""
            assert target == "" or target.startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?![\"']?[#d])", "".join(one.texts["style"]))


def test_it_is_small_enough_to_send(page: Path, comparison: Path) -> None:
    assert page.stat().st_size < 3 * MEBIBYTE
    assert comparison.stat().st_size < 6 * MEBIBYTE


def test_the_numbers_are_those_of_the_tables(one: Reader, finished_run: Path) -> None:
    spent = resources(load_run(finished_run))
    values = one.texts["dd"]
    assert f"{spent['wires']:,.0f}" in values
    assert f"{spent['born']:.0f} / {spent['retired']:.0f}" in values


def test_the_whole_configuration_is_in_it(one: Reader, finished_run: Path) -> None:
    text = next(t for t in one.texts["pre"] if "[fabric]" in t)
    assert tomllib.loads(text) == tomllib.loads((finished_run / "config.toml").read_text(encoding="utf-8"))


def test_every_figure_has_its_data_and_plotly_is_whole(one: Reader) -> None:
    wanted = {a["data-figure"] for _, a in one.elements if "data-figure" in a}
    given = {a["id"] for tag, a in one.elements if tag == "script" and a.get("type") == "application/json"}
    assert wanted == given
    assert len(wanted) == 3
    texts = [t for t in one.texts["script"] if t.startswith("{")]
    assert all(json.loads(t)["data"] for t in texts)
    packed = max(one.texts["script"], key=len)
    assert "plotly.js v" in gzip.decompress(base64.b64decode(packed)).decode("utf-8")[:500]


def test_names_of_any_kind_are_shown_as_they_are(three: Reader) -> None:
    odd = [text for text in three.texts["th"] if "alert(1)" in text]
    assert odd
    assert all("<script>alert(1)<!--<-script>" in text for text in odd)
    assert not [text for text in three.texts["script"] if text.startswith("alert")]


def test_differences_stand_above_and_every_run_below(three: Reader) -> None:
    heads = three.texts["h2"]
    assert heads.index("Where their configurations differ") < heads.index("What came of them") < heads.index("Summary")
    assert "run.seed" in three.texts["code"]
    assert heads.count("How to run it again") == 3


def test_ids_are_unique(three: Reader) -> None:
    ids = [attributes["id"] for _, attributes in three.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_same_runs_give_the_same_page(page: Path, finished_run: Path, tmp_path: Path) -> None:
    write_report(load_runs(finished_run, keep=True), tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_quick_runs_are_marked_beside_others(finished_run: Path, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        shutil.copytree(finished_run, tmp_path / name)
    config = tmp_path / "two" / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("\nquick = false", "\nquick = true"), encoding="utf-8")
    text = pages.report(load_runs(tmp_path, keep=True))
    assert "<strong>two (quick):</strong> A quick run, shrunk to seconds: its numbers mean nothing." in text
    assert "Open marks are quick runs" in text
    assert "one (quick)" not in text


def test_a_report_is_replaced_and_nothing_else(page: Path, finished_run: Path, tmp_path: Path) -> None:
    runs, out = load_runs(finished_run, keep=True), tmp_path / "report.html"
    out.write_bytes(page.read_bytes()[:600])  # as an older one, of other content
    write_report(runs, out)
    assert out.read_bytes() == page.read_bytes()
    out.write_text("<html>my notes</html>", encoding="utf-8")
    with pytest.raises(ValueError, match=r"is no report of smalti; delete it, or give another name with --out"):
        write_report(runs, out)
    assert out.read_text(encoding="utf-8") == "<html>my notes</html>"
    with pytest.raises(ValueError, match=r"is a folder; name a file, such as .*report\.html"):
        write_report(runs, tmp_path)


def test_runs_without_a_round_and_too_many_are_refused(
    tiny: Callable[..., Config], finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path / "begun", config=dump(tiny()), seed=0, threads=1)
    with pytest.raises(ValueError, match=r"begun has no finished round yet; `smalti resume .*begun` goes on with it"):
        write_report(load_runs([finished_run, tmp_path / "begun"]), tmp_path / "report.html")
    monkeypatch.setattr(pages, "MOST", 1)
    with pytest.raises(ValueError, match="2 runs do not fit one page; give 1 at most"):
        write_report(load_runs([finished_run, tmp_path / "begun"]), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_missing_package_is_named_with_its_cure(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "NEEDED", ("jinja2", "no_such_package"))
    with pytest.raises(ValueError, match=r'reports need no_such_package: pip install "smalti\[report\]"'):
        pages.report(load_runs(finished_run))


def test_where_neurons_cannot_be_asked_the_page_says_why(finished_run: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(finished_run, tmp_path / "run")
    (copy / "checkpoint" / "state.safetensors").write_bytes(b"broken")
    text = pages.report(load_runs(copy, keep=True))
    assert "What neurons do was not looked at: " in text
    assert "state.safetensors is damaged" in text
    assert "One sample" not in text


def test_the_templates_are_part_of_the_package() -> None:
    names = {entry.name for entry in files("smalti.analysis.report").joinpath("templates").iterdir()}
    assert names == {"page.html.j2", "parts.html.j2", "page.css", "page.js"}
