from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalti.model.growth.timing import TIMINGS
from smalti.scheduler.configuration import plugins
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.configuration.configure import configure

MODULE = "from smalti import TIMINGS\nTIMINGS['tuesdays'] = TIMINGS['never']\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with a plug-in that adds a timing; afterwards all is as it was."""
    (tmp_path / "tuesdays_lab.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_asked", [])
    yield tmp_path
    sys.modules.pop("tuesdays_lab", None)
    TIMINGS.pop("tuesdays", None)


def test_a_configuration_imports_before_it_looks_at_names(own: Path) -> None:
    made = configure(None, {"growth.when": "tuesdays", "run.imports": ["tuesdays_lab"]})
    assert made.growth.when == "tuesdays"
    assert made.run.imports == ("tuesdays_lab",)


def test_a_file_imports_before_it_looks_at_names(own: Path) -> None:
    (own / "my.toml").write_text('[growth]\nwhen = "tuesdays"\n[run]\nimports = ["tuesdays_lab"]\n', encoding="utf-8")
    assert load(Config, own / "my.toml").growth.when == "tuesdays"


def test_changes_of_a_configuration_import_first_too(own: Path) -> None:
    changes = {"growth.when": "tuesdays", "run.imports": ["tuesdays_lab"]}
    assert configure(Config(), changes).growth.when == "tuesdays"


def test_what_was_asked_for_is_part_of_every_run(own: Path) -> None:
    plugins.ask(["tuesdays_lab"])
    plugins.ask(["tuesdays_lab"])
    assert Config().run.imports == ()  # what is other than usual is still told apart
    assert Config().resolved().run.imports == ("tuesdays_lab",)
    named = Config(run=RunOptions(imports=("tuesdays_lab", "sys")))
    assert named.resolved().run.imports == ("tuesdays_lab", "sys")


def test_the_current_folder_comes_last(own: Path) -> None:
    """A file of the user's with the name of an installed module does not take its place."""
    plugins.load(["tuesdays_lab"])
    assert sys.path[-1] == str(own)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"there is no module 'broken_lab' .*broken_lab\.py.*PYTHONPATH"),
        ("import not_to_be_found", r"the plug-in broken_lab needs not_to_be_found, which is not installed"),
        ("1 / 0", r"the plug-in broken_lab fails when it is imported \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_what_cannot_be_imported_is_named_with_the_cure(own: Path, content: str | None, message: str) -> None:
    if content is not None:
        (own / "broken_lab.py").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        RunOptions(imports=("broken_lab",))


@pytest.mark.parametrize("name", ["my lab.py", "", "lab/mine"])
def test_what_is_no_name_of_a_module_is_refused(own: Path, name: str) -> None:
    with pytest.raises(ValueError, match="give names as in an import"):
        RunOptions(imports=(name,))
