from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalti.analysis.dashboard import server
from smalti.analysis.dashboard.live import Source
from smalti.analysis.dashboard.replay import Recorded
from smalti.scheduler.cli import main
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "require_extra", lambda: None)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, bool]]]:
    """What would have been served, and whether a browser would have been opened."""
    calls: list[tuple[object, bool]] = []
    monkeypatch.setattr(server, "serve", lambda source, listener, told, opened, host: calls.append((source, opened)))
    return calls


def test_a_run_is_played_back(finished_run: Path, served: list[tuple[object, bool]]) -> None:
    assert main(["dashboard", str(finished_run), "--port", "0"]) == 0
    ((source, opened),) = served
    assert isinstance(source, Recorded)
    assert source.folder.path == finished_run
    assert opened


def test_a_configuration_is_simulated(tiny: object, tmp_path: Path, served: list[tuple[object, bool]]) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(dump(tiny(run={"seed": 7})))  # type: ignore[operator]
    assert main(["dashboard", str(file), "--port", "0", "--no-open"]) == 0
    ((source, opened),) = served
    assert isinstance(source, Source)
    assert source.config.run.seed == 7
    assert not opened


def test_without_an_argument_it_simulates_the_default(served: list[tuple[object, bool]]) -> None:
    assert main(["dashboard", "--port", "0"]) == 0
    ((source, _),) = served
    assert isinstance(source, Source)
    assert source.config == Config().resolved()


def test_mistakes_are_told_and_nothing_is_served(
    finished_run: Path, tmp_path: Path, served: list[tuple[object, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished_run, copy)
    (copy / "tables" / "links" / "part-00000.parquet").write_bytes(b"PAR1 no more")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[growth]\nbirths = 0\n")
    for argument, message in (
        (tmp_path, "is no run folder"),
        (tmp_path / "nothing", "cannot be read"),
        (copy, "tables/links is damaged"),
        (wrong, "growth.births"),
    ):
        assert main(["dashboard", str(argument), "--port", "0"]) == 2
        assert message in capsys.readouterr().err
    assert served == []


def test_a_busy_port_is_told_before_anything_is_loaded(
    finished_run: Path, served: list[tuple[object, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert main(["dashboard", str(finished_run), "--port", str(other.getsockname()[1])]) == 2
    assert "give another --port" in capsys.readouterr().err
    assert served == []
