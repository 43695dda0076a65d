from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load

Smalti = Callable[..., tuple[int, str, str]]


def test_writes_all_defaults_where_none_is_named(cli: Smalti) -> None:
    code, out, err = cli("init")
    assert (code, err) == (0, "")
    assert out == "wrote smalti.toml; edit it, then `smalti run smalti.toml`\n"
    assert load(Config, "smalti.toml") == Config()


def test_leaves_a_file_alone_that_exists(cli: Smalti) -> None:
    Path("mine.toml").write_text("# mine", encoding="utf-8")
    code, _, err = cli("init", "mine.toml")
    assert code == 2
    assert "mine.toml exists; give another name or delete it" in err
    assert Path("mine.toml").read_text(encoding="utf-8") == "# mine"


def test_makes_no_folders(cli: Smalti) -> None:
    code, _, err = cli("init", "nowhere/mine.toml")
    assert code == 2
    assert "the folder nowhere does not exist; make it first" in err
    assert not list(Path().iterdir())
