from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.model.engines.compiling import COMPILING
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import differences, load
from smalti.scheduler.protocols.protocol import Round
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.simulation import Simulation

Smalti = Callable[..., tuple[int, str, str]]


def words(text: str) -> str:
    """Text without line ends and the boxes around it."""
    return " ".join(word for word in text.split() if word.strip("│╭╮╰╯─"))


def test_options_and_seed_override_the_file(cli: Smalti, tiny_toml: Path) -> None:
    code, _, _ = cli("run", str(tiny_toml), "--growth.rule", "random", "--seed", "3", "--out", "mine")
    assert code == 0
    changed = differences(load(Config, "mine/config.toml"), load(Config, tiny_toml))
    named = changed.pop("network.engine")
    assert named in ("dense", "events")
    assert changed == {"growth.rule": "random", "run.seed": 3}


@pytest.mark.filterwarnings("default:this chip has room")
def test_a_run_without_room_for_all_tasks_says_so_first_and_goes_on(cli: Smalti, tiny_toml: Path) -> None:
    small = ("--fabric.cols", "1", "--fabric.neurons_per_tile", "3")
    code, out, err = cli("run", str(tiny_toml), *small, "--out", "mine", "--report", "True")
    assert code == 0
    assert "room for 1 of 2 experts" in err.splitlines()[0]
    assert "later tasks will be served by what there is" in words(err)
    assert "with fabric.neurons_per_tile = 6, or with fabric.cols = 2 (tried)" in words(err)
    assert "1 task found no room for a seed expert: task 1 (2|3): no south tile has 2 free slots" in words(out)
    assert "served by outputs of others (" in words(out)
    assert "found no room for a seed expert" in Path("mine/report.html").read_text(encoding="utf-8")
    assert cli("run", str(tiny_toml), "--fabric.cols", "1", "--fabric.neurons_per_tile", "6", "--out", "more")[0] == 0


def test_truth_values_are_spelled_out(cli: Smalti, tiny_toml: Path) -> None:
    truths = ("--run.quick", "True", "--gating.trunk", "True", "--gating.protect", "False")
    assert cli("run", str(tiny_toml), *truths, "--out", "mine")[0] == 0
    config = load(Config, "mine/config.toml")
    assert (config.run.quick, config.gating.trunk, config.gating.protect) == (True, True, False)


def test_tuples_can_be_given(cli: Smalti, tiny_toml: Path) -> None:
    dead = ("--fabric.rows", "3", "--fabric.dead_tiles", "1", "0", "1", "1", "--stream.steps", "13")
    assert cli("run", str(tiny_toml), *dead, "--out", "mine")[0] == 0
    assert load(Config, "mine/config.toml").fabric.dead_tiles == ((1, 0), (1, 1))


def test_without_out_the_next_free_folder_is_taken(cli: Smalti, tiny_toml: Path) -> None:
    for number in ("001", "002"):
        code, out, _ = cli("run", str(tiny_toml))
        assert code == 0
        assert f"runs/arrays-class-{number}" in out
    assert cli("run", str(tiny_toml), "--stream.setting", "joint")[0] == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == [
        "arrays-class-001",
        "arrays-class-002",
        "arrays-joint-001",
    ]


def test_the_summary_names_accuracies_resources_and_what_comes_next(cli: Smalti, tiny_toml: Path) -> None:
    _, out, err = cli("run", str(tiny_toml), "--out", "mine")
    pieces = ("(label given)", "(no label)", "gating network alone", "resources", "smalti show mine", "before any")
    assert all(piece in words(out) for piece in pieces)
    assert err == ""
    assert not out.startswith("\n")


def test_what_to_beware_of_is_said(cli: Smalti, tiny_toml: Path) -> None:
    _, out, _ = cli("run", str(tiny_toml), "--quick", "--out", "mine")
    assert "warning: A run shrunk to seconds: its numbers mean nothing" in out
    assert load(Config, "mine/config.toml").run.quick


def test_the_time_of_compiling_stands_apart(cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = Simulation._prepare

    def compile_and_prepare(simulation: Simulation) -> Round:
        if simulation.round == 0:
            COMPILING.begin()
            time.sleep(0.3)
            COMPILING.end()
        return prepare(simulation)

    monkeypatch.setattr(Simulation, "_prepare", compile_and_prepare)
    _, out, _ = cli("run", str(tiny_toml), "--out", "mine")
    rounds = open_run("mine").read("rounds")
    assert 0.3 <= rounds["seconds_compile"][0] < 5
    assert rounds["seconds_compile"][1] == 0
    assert f"and {rounds['seconds_compile'][0]:.1f} s of compiling" in words(out)


def test_home_is_found_in_every_path(
    cli: Smalti, tiny_toml: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    Path("home/my.toml").write_text(tiny_toml.read_text(), encoding="utf-8")
    shutil.copy(blobs, "home/my.npz")
    paths = ("--stream.path", "~/my.npz", "--out=~/mine")
    assert cli("run", "~/my.toml", *paths)[0] == 0
    assert load(Config, "home/mine/config.toml").stream.path == str(tmp_path / "home" / "my.npz")
    assert cli("show", "~/mine")[0] == 0
    assert cli("resume", "~/mine")[0] == 0
    assert cli("init", "~/new.toml")[0] == 0
    assert cli("sweep", "~/lab.toml", "--init")[0] == 0
    assert sorted(path.name for path in Path("home").iterdir()) == ["lab.toml", "mine", "my.npz", "my.toml", "new.toml"]
    assert sorted(path.name for path in Path().iterdir()) == ["home"]


@pytest.mark.parametrize("name", ["my run", "it's", 'say "x"', "$HOME", "-minus", "x" * 200, "a;b", "`id`"])
def test_printed_commands_can_be_pasted(cli: Smalti, tiny_toml: Path, name: str) -> None:
    code, out, _ = cli("run", str(tiny_toml), f"--out={name}")
    assert code == 0
    (command,) = [line.removeprefix("next:").strip() for line in out.splitlines() if line.startswith("next:")]
    words_of = shlex.split(command)
    assert words_of[:2] == ["smalti", "show"]
    assert Path(words_of[2]).samefile(Path(name))
    assert cli(*words_of[1:])[0] == 0
    python = next(line for line in out.splitlines() if "read_parquet" in line)
    words_of = shlex.split(python)
    assert words_of[:2] == ["python", "-c"]
    exec(compile(words_of[2], "printed", "exec"), {})


def test_a_folder_whose_name_cannot_be_printed_is_refused(cli: Smalti, tiny_toml: Path) -> None:
    refused(cli("run", str(tiny_toml), "--out", "a\nb"), "has characters that cannot be printed")
    assert not list(Path().iterdir())


def test_runs_started_together_get_folders_of_their_own(
    cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: list[int] = []
    prepare = Simulation.__init__

    def meanwhile(simulation: Simulation, *arguments: Any, **options: Any) -> None:
        if not other:
            other.append(0)
            other[0] = cli("run", str(tiny_toml))[0]
        prepare(simulation, *arguments, **options)

    monkeypatch.setattr(Simulation, "__init__", meanwhile)
    assert cli("run", str(tiny_toml))[0] == 0
    assert other == [0]
    assert sorted(p.name for p in Path("runs").iterdir()) == ["arrays-class-001", "arrays-class-002"]


def test_a_file_after_options_is_refused(cli: Smalti, tiny_toml: Path) -> None:
    code, _, err = cli("run", "--seed", "3", str(tiny_toml))
    assert code == 2
    assert "give the configuration file first" in words(err)


def test_few_steps_are_warned_of_in_one_line(cli: Smalti, tiny_toml: Path, recwarn: pytest.WarningsRecorder) -> None:
    code, out, err = cli("run", str(tiny_toml), "--stream.steps", "11", "--out", "mine")
    assert code == 0
    assert err.startswith("warning: 11 time steps are few")
    assert len(err.splitlines()) == 1
    assert "resources" in out


def test_a_run_that_explodes_fails_with_a_cure_and_leaves_nothing(cli: Smalti, tiny_toml: Path) -> None:
    wild = ("--training.learning_rate", "1000", "--training.optimiser.clip", "0", "--training.optimiser.method", "sgd")
    steep = ("--network.surrogate_height", "1e6", "--network.surrogate_width", "1e6", "--training.warm_up", "0")
    held = ("--training.rate_weight", "1e12", "--training.rate_limit", "0", "--training.steps", "9")
    code, _, err = cli("run", str(tiny_toml), *wild, *steep, *held)
    assert code == 1
    assert err.startswith("error: ")
    assert "lower training.learning_rate" in words(err)
    assert not Path("runs").exists()


def test_an_interrupt_says_how_to_go_on(cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = checkpoint.save

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        code, _, err = cli("run", str(tiny_toml), "--out", "mine")
    assert code == 130
    assert "`smalti resume mine` goes on from the last finished round" in err
    assert cli("resume", "mine")[0] == 0
    assert len(open_run("mine").read("rounds")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fabric.rows", "x"], "fabric.rows = 'x' must be a whole number"),
        (["--fabric.rows", "0"], "fabric.rows = 0 must be at least 1"),
        (["--fabric.rowz", "3"], "smalti run has no option --fabric.rowz; did you mean --fabric.rows"),
        (["--growth.when", "sometimes"], "growth.when = 'sometimes' is unknown; take one of needed, unsolved"),
        (["--growth.where", "anywhere"], "growth.where = 'anywhere' is unknown; take one of auction, value"),
        (["--growth.reach", "moon"], "growth.reach = 'moon' is unknown; allowed: outputs, neighbours"),
        (
            ["--growth.birth_record", "nowhere"],
            "growth.birth_record = 'nowhere' cannot be followed: nowhere is no run folder",
        ),
        (["--gating.network", "oracle"], "gating.network = 'oracle' is unknown"),
        (["--growth.rule", "wishful"], "growth.rule = 'wishful' is unknown; take one of"),
        (["--growth.rule", "gradmax"], "gradmax_whitened, which has no fan-out instead"),
        (["--growth.rule", "primed", "--network.surrogate_width", "0.2"], "make it larger than 0.3"),
        (["--stream.name", "cifar"], "stream.name = 'cifar' is unknown; take one of digits, mnist, fsdd, arrays"),
        (["--training.learning_rate", "nan"], "training.learning_rate = nan never equals anything"),
        (["--training.rate_weight", "nan"], "training.rate_weight = nan never equals anything"),
        (["--run.threads", "0"], "run.threads = 0 must be at least 1"),
        (["--seed", "-1"], "run.seed = -1 must not be negative"),
        (["--run.quick=perhaps"], "run.quick = 'perhaps' must be true or false"),
        (["--gating.experts", "shared", "--fabric.neurons_per_tile", "4"], "4 classes need more output slots"),
        (["--stream.pool", "-1", "--fabric.wires", "3"], "8 channels, the chip 6 north wires"),
        (["--fabric.dead_tiles", "0", "0", "0", "1"], "no live tile is left in the north row"),
        (["--network.device", "abacus"], "network.device = 'abacus' cannot be used here"),
        (["--stream.steps", "2"], "2 time steps are too few"),
        (["--gating.windows", "13"], "gating.windows = 13 must be from 1 to the number of time steps, 12"),
        (["--auction.slot_price", "5"], "the price of a seed is above its value: lower the prices"),
    ],
)
def test_bad_options_get_an_error_and_leave_nothing(
    cli: Smalti, tiny_toml: Path, arguments: list[str], message: str
) -> None:
    code, out, err = cli("run", str(tiny_toml), *arguments, "--out", "mine")
    assert code != 0
    assert message in words(err)
    assert "Traceback" not in out + err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stream.limit", "1"], "stream.limit = 1 must be"),
        (["--training.rounds", "0"], "training.rounds = 0 must"),
        (["--run.threads=0"], "run.threads = 0 must"),
        (["--training.batch", "100000000"], "training.batch = 100000000 must"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(
    cli: Smalti, tiny_toml: Path, arguments: list[str], message: str
) -> None:
    refused(cli("run", str(tiny_toml), *arguments, "--out", "mine"), message)


def blobs_with(**changes: object) -> dict[str, object]:
    return {"x": np.full((40, 4), 0.5), "y": np.arange(40) % 2, **changes}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (blobs_with(y=np.arange(40) % 2 + 0.5), "y has type float64 and holds 0.5; give one integer or name"),
        (blobs_with(y=np.zeros(40, dtype=int)), "y holds a single class"),
        (blobs_with(y=np.arange(39) % 2), "y has shape (39,), x has 40 samples"),
        (blobs_with(x=np.full((40, 4), "a")), "x has type <U1; give numbers between 0 and 1"),
        (blobs_with(x=np.full((40, 4), np.inf)), "x contains NaN or infinite values"),
        (blobs_with(x=np.full((40, 4), None)), "x is an array of Python objects, which only pickle reads"),
        (blobs_with(x=np.zeros((40, 4))), "too few spikes come through"),
    ],
)
def test_bad_data_get_one_sentence(cli: Smalti, tiny_toml: Path, arrays: dict[str, object], message: str) -> None:
    np.savez("bad.npz", **arrays)
    refused(cli("run", str(tiny_toml), "--stream.path", "bad.npz", "--out", "mine"), message)
    assert [path.name for path in Path().iterdir()] == ["bad.npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "missing"])
def test_damaged_files_get_one_sentence(cli: Smalti, tiny_toml: Path, blobs: Path, damage: str) -> None:
    data = bytearray(blobs.read_bytes())
    file = Path("bad.npz")
    if damage == "flipped":
        data[len(data) // 2] ^= 255
    contents = {"cut": data[:-30], "flipped": data, "text": b"not a file of arrays"}
    if damage in contents:
        file.write_bytes(contents[damage])
    refused(cli("run", str(tiny_toml), "--stream.path", "bad.npz", "--out", "mine"), "bad.npz")
    assert not Path("mine").exists()


def refused(answer: tuple[int, str, str], message: str) -> None:
    code, out, err = answer
    assert code == 2
    assert all(line.startswith(("mine: ", "heard: ", "warning: ")) for line in out.splitlines())  # what has begun
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_configuration_that_cannot_be_read_is_named(cli: Smalti, name: str) -> None:
    refused(cli("run", name), f"{name} cannot be read")
