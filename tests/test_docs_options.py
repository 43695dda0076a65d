"""docs/options.md: every field of the configuration with its present default, and no other; imports of all pages."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten

DOCS = Path(__file__).resolve().parent.parent / "docs" / "options.md"
HEAD = ["field", "default", "what it does", "what it was seen to do"]


def rows(text: str) -> dict[str, list[list[str]]]:
    """Cells of the tables below every heading, without those of their heads."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|"):
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split(" | ")])
    assert all(table[0] == HEAD and set(table[1]) == {"---"} for table in found.values())
    return {heading: table[2:] for heading, table in found.items()}


def unquoted(cell: str) -> str:
    """A cell without its backticks."""
    return cell.strip("`")


def typed(value: object) -> tuple[type, object]:
    """A value beside its type, as TOML would give both back: 0 is not 0.0."""
    plain = list(value) if isinstance(value, tuple) else value
    return type(plain), plain


def test_every_field_stands_in_its_section_with_its_default() -> None:
    told = {}
    for section, table in rows(DOCS.read_text(encoding="utf-8")).items():
        for name, default, *_ in (map(unquoted, row) for row in table):
            assert name not in told
            assert name.rpartition(".")[0] == section
            told[name] = typed(tomllib.loads(f"value = {default}")["value"])
    assert told == {name: typed(value) for name, value in flatten(Config()).items()}


def test_every_row_says_what_was_seen() -> None:
    tables = rows(DOCS.read_text(encoding="utf-8"))
    assert all(len(row) == len(HEAD) and all(row) for table in tables.values() for row in table)


def test_the_number_of_fields_is_the_one_told() -> None:
    (number,) = re.findall(r"There are (\d+) fields", DOCS.read_text(encoding="utf-8"))
    assert int(number) == len(flatten(Config()))


def test_links_lead_somewhere() -> None:
    links = set(re.findall(r"\]\(([^)#]+)\)", DOCS.read_text(encoding="utf-8")))
    assert all((DOCS.parent / link).exists() for link in links)


@pytest.mark.parametrize("page", sorted(DOCS.parent.glob("*.md")), ids=lambda page: page.stem)
def test_what_the_pages_import_is_there(page: Path) -> None:
    for module, names in re.findall(r"^from (smalti[\w.]*) import ([\w, ]+)$", page.read_text(encoding="utf-8"), re.M):
        for name in names.split(","):
            found = importlib.import_module(module)
            assert hasattr(found, name.strip()) or importlib.import_module(f"{module}.{name.strip()}")


@pytest.mark.parametrize(
    "page", [DOCS.parent.parent / "README.md", *sorted(DOCS.parent.glob("*.md"))], ids=lambda p: p.name
)
def test_fields_on_command_lines_are_spelled_as_in_files(page: Path) -> None:
    """As ``smalti run --help`` prints them; sections of kinds of neurons and of benchmarks have names of their own."""
    sections = {name.partition(".")[0] for name in flatten(Config())}
    for option in re.findall(r"--([a-z_]+\.[a-z0-9_.-]*[a-z0-9])", page.read_text(encoding="utf-8")):
        section, _, last = option.rpartition(".")
        if option.partition(".")[0] in sections and not option.startswith(("network.kinds.", "stream.xyz")):
            assert {option, f"{section}.{last.removeprefix('no_')}"} & {*flatten(Config())}, option
