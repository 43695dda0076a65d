from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import smalti

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("agents", "analysis", "model", "scheduler")
TOP_LEVEL = {
    *FOLDERS,
    "smalti",
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


@pytest.mark.parametrize("name", FOLDERS)
def test_each_folder_is_a_part_of_the_package(name: str) -> None:
    link = ROOT / "smalti" / name
    assert link.readlink() == Path("..") / name
    assert Path(str(importlib.import_module(f"smalti.{name}").__file__)).resolve() == ROOT / name / "__init__.py"


def test_no_other_distribution_has_a_package_of_this_name() -> None:
    assert set(packages_distributions().get("smalti", ["smalti"])) == {"smalti"}


def test_a_users_own_modules_do_not_get_in_the_way(tmp_path: Path) -> None:
    try:
        distribution("smalti")
    except PackageNotFoundError:
        pytest.skip("smalti is not installed here; scripts/test does that")
    for name in ("model.py", "agents.py", "scheduler.py"):
        (tmp_path / name).write_text("raise RuntimeError('a module of the user')\n", encoding="utf-8")
    (tmp_path / "analysis").mkdir()
    code = "import smalti.scheduler.cli, smalti.analysis.runs; print(smalti.__path__[0])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(ROOT / "smalti")


def test_a_wheel_holds_one_package(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"smalti", f"smalti-{smalti.__version__}.dist-info"}
    tracked = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0:
        assert {f"smalti/{name}" for name in tracked.stdout.split("\n") if name} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_top_level_holds_nothing_else() -> None:
    ignored = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    there = {p.name for p in ROOT.iterdir() if not any(fnmatch(p.name, pattern) for pattern in ignored)}
    assert there <= TOP_LEVEL
    assert {*FOLDERS, "smalti", "tests", "pyproject.toml"} <= there


def test_nothing_under_tests_is_a_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_dependency_is_pinned_by_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {Requirement(need).name for need in wanted} <= set(pinned)
    assert all("+" not in version for version in pinned.values())
