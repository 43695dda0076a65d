from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.analysis.report import GENERATOR, missing_packages

pytestmark = pytest.mark.skipif(bool(missing_packages()), reason=f"reports need {missing_packages()}")

Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, called ``run``."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def is_report(path: Path) -> bool:
    return f'content="{GENERATOR}"' in path.read_text(encoding="utf-8")


def test_one_run_gets_its_report_in_its_folder_and_again(cli: Smalti, folder: Path) -> None:
    for _ in range(2):
        assert cli("report", "run") == (0, "wrote run/report.html\n", "")
    assert is_report(folder / "report.html")


def test_several_runs_get_one_here_or_where_it_is_wanted(cli: Smalti, folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("other"))
    assert cli("report", "run", "other") == (0, "wrote report.html\n", "")
    assert is_report(Path("report.html"))
    assert cli("report", "run", "other", "--out", "deep/down.html") == (0, "wrote deep/down.html\n", "")
    assert is_report(Path("deep/down.html"))


def test_a_folder_of_runs_will_do(cli: Smalti, folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(folder, tmp_path / "study" / "trials" / name)
    assert cli("report", "study") == (0, "wrote report.html\n", "")


def test_what_is_no_report_is_not_replaced(cli: Smalti, folder: Path) -> None:
    Path("mine.html").write_text("mine", encoding="utf-8")
    code, _, err = cli("report", "run", "--out", "mine.html")
    assert code == 2
    assert "mine.html is there and is no report of smalti" in err
    assert Path("mine.html").read_text(encoding="utf-8") == "mine"


def damage(folder: Path) -> None:
    part = next((folder / "tables" / "bids").glob("part-0*.parquet"))
    part.write_bytes(part.read_bytes()[:-20])


def age(folder: Path) -> None:
    facts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    (folder / "environment.json").write_text(json.dumps(facts | {"schema_version": 99}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "config.toml").unlink(), "is no run folder"),
        (damage, ".parquet is damaged"),
        (age, "was written with schema 99, this smalti knows"),
    ],
)
def test_bad_folders_are_refused_in_one_line(
    cli: Smalti, folder: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(folder)
    code, out, err = cli("report", "run")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (folder / "report.html").exists()


def test_no_folder_at_all_is_refused(cli: Smalti) -> None:
    code, _, err = cli("report")
    assert code == 2
    assert "give run folders" in err


def test_a_run_leaves_a_report_and_so_does_a_resumed_one(cli: Smalti, tiny_toml: Path) -> None:
    code, out, err = cli("run", str(tiny_toml), "--report", "True", "--out", "mine")
    assert (code, err) == (0, "")
    assert out.endswith("report:     mine/report.html\n")
    Path("mine/report.html").unlink()
    code, out, _ = cli("resume", "mine", "--report", "True")
    assert code == 0
    assert out.endswith("report:     mine/report.html\n")
    assert is_report(Path("mine/report.html"))


def test_it_can_be_switched_off(cli: Smalti, tiny_toml: Path) -> None:
    for arguments in (
        ("run", str(tiny_toml), "--report", "False", "--out", "mine"),
        ("resume", "mine", "--report", "False"),
    ):
        code, out, _ = cli(*arguments)
        assert code == 0
        assert "report" not in out
    assert not Path("mine/report.html").exists()


def test_without_its_packages_a_run_says_how_to_get_one(
    cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smalti.analysis.report.page.NEEDED", ("jinja2", "no_such_package"))
    code, out, err = cli("run", str(tiny_toml), "--report", "True", "--out", "mine")
    assert (code, err) == (0, "")
    assert out.count('pip install "smalti[report]"') == 1
    assert "none; it needs no_such_package" in out
    assert not Path("mine/report.html").exists()


def test_a_report_that_fails_does_not_fail_the_run(
    cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("no ink left")

    monkeypatch.setattr("smalti.analysis.report.write_report", explode)
    code, out, err = cli("run", str(tiny_toml), "--report", "True", "--out", "mine")
    assert (code, err) == (0, "")
    assert "report:     none, for it failed (RuntimeError: no ink left); smalti report mine tries again" in out
