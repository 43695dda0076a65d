from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.config import Config
from smalti.scheduler.config_io import differences, load
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records.folder import open_run

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
    code, _, err = cli("run", str(tiny_toml), "--training.learning_rate", "1e38", "--training.steps", "9")
    assert code == 1
    assert err.startswith("error: ")
    assert "lower training.learning_rate" in words(err)
    assert not list(Path("runs").iterdir())


def test_an_interrupt_says_how_to_go_on(cli: Smalti, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = checkpoint.save

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        code, _, err = cli("run", str(tiny_toml), "--out", "mine")
    assert code == 130
    assert "smalti resume" in err
    assert cli("resume", "mine")[0] == 0
    assert len(open_run("mine").read("rounds")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fabric.rows", "x"], "Error parsing --fabric.rows: invalid literal"),
        (["--fabric.rows", "0"], "fabric.rows = 0 must be at least 1"),
        (["--fabric.rowz", "3"], "Unrecognized options: --fabric.rowz"),
        (["--growth.when", "sometimes"], "growth.when = 'sometimes' is unknown; take one of needed, never"),
        (["--growth.where", "anywhere"], "growth.where = 'anywhere' is unknown; take one of auction, value"),
        (["--growth.reach", "moon"], "invalid choice 'moon'"),
        (
            ["--growth.birth_record", "nowhere"],
            "growth.birth_record = 'nowhere' cannot be followed: nowhere is no run folder",
        ),
        (["--gating.network", "oracle"], "gating.network = 'oracle' is unknown"),
        (["--growth.rule", "wishful"], "growth.rule = 'wishful' is unknown; take one of"),
        (["--growth.rule", "gradmax"], "gradmax_whitened, which has no fan-out instead"),
        (["--growth.rule", "primed", "--network.surrogate_width", "0.2"], "make it larger than 0.3"),
        (["--stream.name", "cifar"], "stream.name = 'cifar' is unknown; take one of digits, mnist, fsdd, arrays"),
        (["--training.learning_rate", "nan"], "training.learning_rate = nan must be"),
        (["--training.rate_weight", "nan"], "training.rate_weight = nan must be"),
        (["--run.threads", "0"], "run.threads = 0 must be at least 1"),
        (["--seed", "-1"], "run.seed = -1 must not be negative"),
        (["--run.quick"], "Missing value for argument '--run.quick'"),
        (["--gating.experts", "shared", "--fabric.neurons_per_tile", "4"], "4 classes need more output slots"),
        (["--stream.pool", "-1", "--fabric.wires", "3"], "8 channels, the chip 6 north wires"),
        (["--fabric.dead_tiles", "0", "0", "0", "1"], "no live tile is left in the north row"),
        (["--network.device", "abacus"], "network.device = 'abacus' cannot be used here"),
        (["--stream.steps", "2"], "2 time steps are too few"),
        (["--gating.windows", "13"], "gating.windows = 13 must be from 1 to the number of time steps, 12"),
        (["--auction.slot_price", "5"], "the price is above its value"),
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


def blobs_with(**changes: object) -> dict[str, object]:
    return {"x": np.full((40, 4), 0.5), "y": np.arange(40) % 2, **changes}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (blobs_with(y=np.arange(40) % 2 + 0.5), "y has type float64; give integers"),
        (blobs_with(y=np.arange(40) % 2 * 2), "y has no sample of class 1"),
        (blobs_with(y=np.zeros(40, dtype=int)), "y holds a single class"),
        (blobs_with(y=np.arange(39) % 2), "y has shape (39,), x has 40 samples"),
        (blobs_with(x=np.full((40, 4), "a")), "x has type <U1; give numbers between 0 and 1"),
        (blobs_with(x=np.full((40, 4), np.inf)), "x contains NaN or infinite values"),
        (blobs_with(x=np.full((40, 4), None)), "pickled (object) arrays are refused"),
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
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_configuration_that_cannot_be_read_is_named(cli: Smalti, name: str) -> None:
    refused(cli("run", name), f"{name} cannot be read")
