from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agents", "analysis", "model", "scheduler")
TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "benchmarks",
    "docs",
    "scripts",
    ".ci",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    ".gitignore",
}


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_that_of_this_checkout(name: str) -> None:
    assert Path(str(importlib.import_module(name).__file__)) == ROOT / name / "__init__.py"


def test_no_other_distribution_has_packages_of_these_names() -> None:
    found = packages_distributions()
    others = {name: set(found.get(name, ())) - {"smalti"} for name in PACKAGES}
    assert others == {name: set() for name in PACKAGES}


def test_an_installation_finds_them_from_anywhere(tmp_path: Path) -> None:
    try:
        distribution("smalti")
    except PackageNotFoundError:
        pytest.skip("smalti is not installed here; scripts/test does that")
    code = f"import importlib; print(*(importlib.import_module(n).__path__[0] for n in {PACKAGES}), sep='\\n')"
    command = [sys.executable, "-I", "-c", code]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert answer.splitlines() == [str(ROOT / name) for name in PACKAGES]


def test_top_level_holds_nothing_else() -> None:
    ignored = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    there = {p.name for p in ROOT.iterdir() if not any(fnmatch(p.name, pattern) for pattern in ignored)}
    assert there <= TOP_LEVEL
    assert {*PACKAGES, "tests", "pyproject.toml"} <= there


def test_nothing_under_tests_is_a_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_dependency_is_pinned_by_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "Private :: Do Not Upload" in project["classifiers"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {Requirement(need).name for need in wanted} <= set(pinned)
    assert all("+" not in version for version in pinned.values())
