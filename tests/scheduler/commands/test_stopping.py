from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.scheduler.cli import main
from smalti.scheduler.commands.stopping import Stopped, advising, stoppable
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records.folder import open_run

ROOT = Path(__file__).resolve().parents[3]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", CODES)
def test_a_signal_stops_and_its_handler_is_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped), stoppable() as stop:
        signal.raise_signal(number)
    assert stop.code == CODES[number]
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            signal.raise_signal(signal.SIGINT)
        assert stop.signal == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_no_handler() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), list[object]()

    def look() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


def test_advice_is_for_what_was_stopped_not_for_what_was_wrong() -> None:
    for error, notes in ((KeyboardInterrupt(), ["go on"]), (OSError("full"), ["go on"]), (ValueError("wrong"), [])):
        with pytest.raises(type(error)) as caught, advising(lambda: "go on"):
            raise error
        assert getattr(caught.value, "__notes__", []) == notes


@pytest.mark.parametrize("number", CODES)
def test_a_stopped_run_names_its_folder_and_goes_on(
    cli: Callable[..., tuple[int, str, str]], tiny_toml: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    save = checkpoint.save

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        code, _, err = cli("run", str(tiny_toml), "--out", "my run")
    assert code == CODES[number]
    assert "stopped; `smalti resume 'my run'` goes on from the last finished round" in err
    assert cli("resume", "my run")[0] == 0
    assert len(open_run("my run").read("rounds")) == 2


def test_before_anything_is_begun_nothing_is_left(
    cli: Callable[..., tuple[int, str, str]], tiny_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smalti.scheduler.runner.Simulation", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    code, _, err = cli("run", str(tiny_toml))
    assert (code, err) == (143, "\nstopped; nothing was begun\n")
    assert not list(Path().iterdir())


WHILE_IMPORTING = """
import builtins, signal, sys
real = builtins.__import__
def stop(name, *rest):
    if name.split(".")[0] == {module!r}:
        builtins.__import__ = real
        try:
            signal.raise_signal({number})
        except KeyboardInterrupt as error:
            raise ImportError("as numpy and torch do") from error
    return real(name, *rest)
builtins.__import__ = stop
from smalti.scheduler.cli import main
sys.exit(main(["run", "--quick"]))
"""


@pytest.mark.parametrize("module", ["torch", "numpy", "tyro", "mesa"])
def test_an_interrupted_import_prints_no_traceback(module: str, tmp_path: Path) -> None:
    code = WHILE_IMPORTING.format(module=module, number=int(signal.SIGINT))
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.returncode == 130
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("\nstopped")
    assert not list(tmp_path.iterdir())


def test_the_command_line_leaves_no_handler_behind(capsys: pytest.CaptureFixture[str]) -> None:
    before = [signal.getsignal(number) for number in CODES]
    assert main(["resume", "nowhere"]) == 2
    assert [signal.getsignal(number) for number in CODES] == before
