from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.scheduler.cli import main
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """``cli("run", ...)`` in an empty folder: exit code, output, errors without the boxes drawn around them."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        if arguments[:1] in (("run",), ("resume",)) and "--report" not in arguments:
            arguments = (*arguments, "--report", "False")  # it takes longer than the runs here
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = int(str(stopped.code or 0))
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def tiny_toml(tiny: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny()`` as a file, with a single round a task."""
    path = tmp_path_factory.mktemp("configuration") / "tiny.toml"
    path.write_text(dump(tiny(training={"rounds": 1, "steps": 2})), encoding="utf-8")
    return path
