"""A page on one run and a page on three, for all tests of the report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smalti.analysis.report import missing_packages, write_report
from smalti.analysis.runs import load_runs

ODD = 'odd <script>alert(1)<!--</script> & "name"'


@pytest.fixture(scope="session")
def page(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on ``finished_run``, in a folder of its own."""
    return write([finished_run], tmp_path_factory.mktemp("page") / "one.html")


@pytest.fixture(scope="session")
def comparison(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on three runs, one of them with an odd name and another seed in its configuration."""
    folder = tmp_path_factory.mktemp("comparison")
    names = ("first", "second", ODD.replace("/", "-"))
    for name in names:
        shutil.copytree(finished_run, folder / name)
    config = folder / names[1] / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("\nseed = 0", "\nseed = 7", 1), encoding="utf-8")
    return write([folder / name for name in names], folder / "three.html")


def write(folders: list[Path], out: Path) -> Path:
    if missing_packages():
        pytest.skip(f"reports need {' and '.join(missing_packages())}")
    write_report(load_runs(folders, keep=True), out)
    return out
