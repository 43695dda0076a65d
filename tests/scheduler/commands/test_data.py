from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from smalti.scheduler.cli import main
from smalti.scheduler.commands import data_cost
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.streams import STREAMS, Loaded, StreamOptions
from smalti.scheduler.streams.presets import PRESETS
from smalti.scheduler.streams.survey.about import ABOUT

Smalti = Callable[..., tuple[int, str, str]]


def words(text: str) -> str:
    """Text without line ends and lines of tables."""
    return " ".join(re.sub("[─│┌┐└┘├┤┬┴┼━┃┏┓┗┛┡┩╇╭╮╰╯]", " ", text).split())


def test_lists_every_stream_with_its_facts(cli: Smalti) -> None:
    code, out, err = cli("data")
    assert (code, err) == (0, "")
    said = words(out)
    for name in STREAMS:
        assert words(ABOUT[name].what) in said
        assert all(source.split(": ", 1)[1].split(", ")[0] in said for source in ABOUT[name].source)
        assert words(ABOUT[name].licence) in said


def test_a_users_own_stream_is_listed_by_its_docstring(cli: Smalti, monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(options: StreamOptions) -> Loaded:
        """Echoes of bats.

        More of it.
        """
        raise ValueError("the cave is closed; come back at night")

    monkeypatch.setitem(STREAMS, "bats", mine)
    assert "bats Echoes of bats." in words(cli("data")[1])
    code, out, err = cli("data", "bats")
    assert (code, out.strip()) == (2, "Echoes of bats.")
    assert err == "error: the cave is closed; come back at night\n"


def test_what_came_out_is_shown_with_the_command_that_runs_it(cli: Smalti, blobs: Path) -> None:
    code, out, err = cli("data", "arrays", str(blobs), "--stream.split-seed", "3")
    assert (code, err) == (0, "")
    said = words(out)
    assert "samples 56 train, 20 validation, 20 test" in said
    assert "classes 4: 0, 1, 2, 3" in said
    assert "channels 8 of the default chip's 64 north wires" in said
    assert "time steps 25" in said
    assert "0 0|1 2 28 10 10" in said
    assert "1 2|3 2 28 10 10" in said
    assert f"next: smalti run --stream.name arrays --stream.path {blobs} --stream.split_seed 3" in said


def test_the_preset_of_a_stream_is_heard(cli: Smalti, blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "arrays", {"stream.test": 0.5, "stream.gain": 0.9, "training.rounds": 2})
    _, out, _ = cli("data", "arrays", str(blobs))
    assert "samples 28 train, 20 validation, 48 test" in words(out)
    assert f"next: smalti run --stream.name arrays --stream.path {blobs}" in words(out)
    _, out, _ = cli("data", "arrays", str(blobs), "--stream.test", "0.3")
    assert "samples 48 train, 20 validation, 28 test" in words(out)


def test_a_file_alone_is_enough_and_its_cost_is_told(cli: Smalti, blobs: Path) -> None:
    code, out, err = cli("data", str(blobs), "--stream.limit", "9")
    assert (code, err) == (0, "")
    assert "classes 4: 0, 1, 2, 3" in words(out)
    assert re.search(r"cost: about [\d,]+ s and [\d.,]+ [MG]iB of memory for 20 rounds on this machine", words(out))
    assert f"next: smalti run --stream.name arrays --stream.path {blobs} --stream.limit 9" in words(out)
    assert not list(Path().iterdir())
    Path("mine.doc").write_text("x")
    code, _, err = cli("data", "mine.doc")
    assert code == 2
    assert "mine.doc: no stream is known to read this" in err


def test_memory_is_counted_in_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    here = data_cost.most_memory()
    assert 2**24 < here < 2**40
    used = SimpleNamespace(ru_maxrss=5)
    monkeypatch.setattr(data_cost.resource, "getrusage", lambda who: used)
    for system, size in (("darwin", 5), ("linux", 5 * 1024)):
        monkeypatch.setattr(data_cost.sys, "platform", system)
        assert data_cost.most_memory() == size


def test_the_command_it_names_works(cli: Smalti, blobs: Path) -> None:
    copy = Path("my blobs.npz")
    copy.write_bytes(blobs.read_bytes())
    _, out, _ = cli("data", "arrays", str(copy), "--stream.limit", "9", "--stream.gain", "0.9")
    command = out.splitlines()[-1].removeprefix("next: smalti ")
    assert command == "run --stream.name arrays --stream.path 'my blobs.npz' --stream.gain 0.9 --stream.limit 9"
    quick = ("--training.rounds", "1", "--training.steps", "2", "--out", "mine")
    assert main([*shlex.split(command), *quick]) == 0
    assert load(Config, "mine/config.toml").stream == StreamOptions(
        name="arrays", path="my blobs.npz", limit=9, gain=0.9
    )


def test_what_is_lost_in_spikes_is_said_with_the_better_code(cli: Smalti) -> None:
    chance = np.random.default_rng(0)
    y = np.arange(400) % 16
    x = chance.integers(6, 10, (16, 16))[y] + chance.normal(0, 0.8, (400, 16)).round()
    np.savez("mine.npz", x=np.clip(x, 0, 15) / 15, y=np.array(list("abcdefghijklmnop"))[y])
    code, out, _ = cli("data", "arrays", "mine.npz")
    said = words(out)
    assert code == 0
    assert "classes 16: a, b, c," in said
    assert "warning much of the data is not heard" in said
    assert "--stream.code population has" in said
    said = words(cli("data", "arrays", "mine.npz", "--stream.code", "population")[1])
    assert "note population code: 16 features -> 64 channels, 4 a feature" in said
    assert "warning" not in said


def test_nothing_alarming_is_said_of_digits(cli: Smalti) -> None:
    said = words(cli("data", "digits")[1])
    assert "heard a simple classifier has 98" in said
    assert "warning" not in said


def test_names_of_classes_are_text_and_not_markup(cli: Smalti) -> None:
    y = np.arange(40) % 4
    x = np.random.default_rng(0).random((40, 4)) * 0.2 + 0.7 * np.eye(4)[y]
    np.savez("mine.npz", x=x, y=np.array(["[bold]", "[/]", "[red]x[/red]", ":smile:"])[y])
    code, out, _ = cli("data", "arrays", "mine.npz")
    assert code == 0
    for name in ("[bold]", "[/]", "[red]x[/red]", ":smile:"):
        assert name in words(out)


@pytest.mark.parametrize("stream", ["arrays", "mnist", "fsdd"])
def test_files_of_any_content_end_with_a_message(cli: Smalti, stream: str) -> None:
    Path("hostile").write_bytes(b"PK\x05\x06" + bytes(18))  # an empty zip
    code, _, err = cli("data", stream, "hostile")
    assert code == 2
    assert "hostile: " in err
    assert "Traceback" not in err


def test_options_alone_mean_the_default_stream(cli: Smalti) -> None:
    code, out, _ = cli("data", "--stream.setting", "domain", "--stream.transform", "rotated", "--stream.tasks", "2")
    assert code == 0
    said = words(out)
    assert "8 x 8 pixels, 64 of the default chip's 64 north wires" in said
    assert re.search(r"0 original 10 1,079 359 359 1 rotated \d+ 10 1,079 359 359", said)
    assert re.search(r"note tasks are copies of the data: original, rotated \d+", said)


def test_a_picture_has_a_row_and_two_characters_for_every_pixel(cli: Smalti) -> None:
    x = np.zeros((40, 2, 3))
    x[:, 1, :] = 0.5  # the lower row
    x[:, 1, 2] = 1
    y = np.arange(40) % 2
    images = (x * 255).astype(np.uint8)
    np.savez("mine.npz", x_train=images, y_train=y, x_test=images, y_test=y)
    _, out, _ = cli("data", "mnist", "mine.npz")
    lines = [line.rstrip() for line in out.splitlines()]
    start = lines.index("class 0")
    assert lines[start + 1 : start + 3] == ["", "▒▒▒▒██"]


def test_sound_is_drawn_over_time_with_the_first_channel_below(cli: Smalti) -> None:
    x = np.zeros((20, 4, 3))
    x[:, 0, 0] = 1
    x[:, 3, 2] = 1
    np.savez("mine.npz", x=x, y=np.arange(20) % 2)
    _, out, _ = cli("data", "arrays", "mine.npz")
    lines = [line.rstrip() for line in out.splitlines()]
    start = lines.index("class 0")
    assert lines[start + 1 : start + 4] == ["   █", "", "█"]


def test_samples_that_several_experiences_test_are_counted_once(cli: Smalti) -> None:
    y = np.tile([0, 1], 30)
    np.savez("a.npz", x=np.random.default_rng(0).random((60, 5)), y=y, task=np.repeat([5, 6, 7], 20))
    _, out, _ = cli("data", "arrays", "a.npz", "--stream.setting", "domain", "--stream.hold_out", "6")
    assert "samples 32 train, 8 validation, 20 test" in words(out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digit"], "stream.name = 'digit' is unknown; take one of digits, mnist"),
        (["fsdd"], "stream.path is empty; give the zip or the folder"),
        (["mnist", "nowhere"], "stream.path = 'nowhere': there is no such folder or file"),
        (["digits", "file"], "stream.path = 'file': digits come with scikit-learn"),
        (["digits", "--stream.transform", "rotated", "--stream.tasks", "1"], "stream.tasks = 1 must be 2 or more"),
        (["digits", "--stream.hold_out", "ann"], "digits has none; take fsdd"),
    ],
)
def test_errors_name_the_cure(cli: Smalti, arguments: list[str], message: str) -> None:
    code, _, err = cli("data", *arguments)
    assert code != 0
    assert message in words(err)
    assert "Traceback" not in err


def test_nothing_is_written(cli: Smalti, blobs: Path) -> None:
    for arguments in ((), ("digits",), (str(blobs), "--stream.limit", "9")):
        assert cli("data", *arguments)[0] == 0
    assert not list(Path().iterdir())


def test_help_teaches(cli: Smalti) -> None:
    code, out, _ = cli("data", "--help")
    assert code == 0
    said = words(out)
    for piece in (
        "[NAME] [PATH]",
        "None of these writes anything",
        "cochlea FSDD.zip OUT.h5` alone writes",
        "--stream.hold_out",
        "--stream.transform",
    ):
        assert piece in said


def test_a_trial_is_shown_where_answers_are_given_in_time(cli: Smalti) -> None:
    code, out, err = cli("data", "cognitive", "--stream.cognitive.tasks", "delaygo", "dm1")
    assert (code, err) == (0, "")
    said = words(out)
    assert "asked at time steps fixation, cosine, sine; loss squared_error, score direction" in said
    assert "train validation test novel 0 delaygo 1 1,024 256 512 256 1 dm1" in said
    assert "delaygo, the first trial over time" in said
    shaded = [line.rstrip() for line in out.splitlines() if line.rstrip().endswith(("fixation", "weight"))]
    fixation, weight = (line[:30] for line in shaded[-2:])  # two time steps a character
    go = len(fixation.split(" ")[0])
    assert fixation.rstrip() in ("█" * go, "█" * (go - 1) + "▓", "█" * (go - 1) + "▒")
    assert weight[0] == " "
    assert weight[1:go].strip()
    assert not weight.rstrip()[go + 7 :]


def test_outputs_of_ones_own_are_shown(cli: Smalti, tmp_path: Path) -> None:
    x, targets = np.random.default_rng(0).random((40, 8)), np.zeros((40, 12, 2))
    targets[:, 6:, 1] = 1
    np.savez(tmp_path / "mine.npz", x=x, targets=targets)
    code, out, err = cli("data", "arrays", str(tmp_path / "mine.npz"))
    assert (code, err) == (0, "")
    assert "asked at time steps output 0, output 1; loss squared_error, score r2" in words(out)
    lines = [line.rstrip() for line in out.splitlines()]
    assert f"{' ' * 6}{'█' * 6} output 1" in lines
    assert f"{'█' * 12} weight" in lines
