"""What a run writes for other tools is what its tables hold, also where it was killed and went on."""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler import logs
from smalti.scheduler.configuration.config import Config, RunOptions
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.logs import FOLDER, check
from smalti.scheduler.logs.tensorboard import crc32c
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.schema import TABLES
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


def nothing(simulation: Simulation) -> None:
    """Watch nothing."""


def stop_at(number: int) -> Callable[[Simulation], None]:
    def watch(simulation: Simulation) -> None:
        if simulation.round == number:
            raise KeyboardInterrupt

    return watch


@pytest.fixture(scope="module")
def logged(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with logs that was stopped after its second round and went on."""
    path = tmp_path_factory.mktemp("logged") / "run"
    config = tiny(run={"log": ("tensorboard", "csv", "json")}, training={"rounds": 2, "steps": 2})
    with pytest.raises(KeyboardInterrupt):
        start(config, path, stop_at(2))
    resume(path, nothing)
    return path


def test_every_table_comes_back_from_csv_and_json(logged: Path) -> None:
    for name, columns in TABLES.items():
        table = RunFolder(logged).read(name)
        as_csv = pd.read_csv(logged / FOLDER / "csv" / f"{name}.csv", keep_default_na=False, na_values=[""])
        rows = json.loads((logged / FOLDER / "json" / f"{name}.json").read_text(encoding="utf-8"))
        assert list(as_csv.columns) == [c.name for c in columns]
        assert len(as_csv) == len(rows) == len(table)
        for column in table.select_dtypes("number"):
            values = table[column].astype(float).tolist()
            assert as_csv[column].astype(float).tolist() == pytest.approx(values, rel=1e-12, nan_ok=True)
            numbers = [math.nan if row[column] is None else row[column] for row in rows]
            values = [value if math.isfinite(value) else math.nan for value in values]
            assert numbers == pytest.approx(values, rel=1e-15, nan_ok=True)
    paths = RunFolder(logged).read("links")["path"]
    told = pd.read_csv(logged / FOLDER / "csv" / "links.csv")["path"].fillna("").astype(str)
    assert [t.removesuffix(".0").split() for t in told] == [[str(cell) for cell in path] for path in paths]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@pytest.mark.filterwarnings("default")  # of TensorBoard, whose warnings are not ours
def test_tensorboard_reads_every_round_once(logged: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = logged / FOLDER / "tensorboard"
    assert len(list(folder.iterdir())) == 1
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    rounds = RunFolder(logged).read("rounds")
    for name in ("loss", "neurons", "wires", "seconds_train"):
        told = events.Scalars(f"rounds/{name}")
        assert [event.step for event in told] == rounds["round"].tolist() == [0, 1, 2, 3]
        assert [event.value for event in told] == pytest.approx(rounds[name].tolist(), rel=1e-6)
    assert "rounds/validation" not in events.Tags()["scalars"]  # it was not asked for


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs wandb")
@pytest.mark.filterwarnings("default")
def test_weights_and_biases_get_an_offline_run(tiny: MakeConfig, tmp_path: Path) -> None:
    path = tmp_path / "run"
    start(tiny(run={"log": ("wandb",)}, training={"rounds": 1, "steps": 1}), path, nothing)
    (folder,) = (path / FOLDER / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    until = time.monotonic() + 20
    while b"hop_spikes_per_sample" not in file.read_bytes():  # another process writes it
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is there")
def test_without_its_package_nothing_is_begun(tiny: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'wandb, a package that is not installed: pip install "smalti\[wandb\]"'):
        start(tiny(run={"log": ("wandb",)}), tmp_path / "run", nothing)
    assert not list(tmp_path.iterdir())


def test_logs_change_no_number_and_may_be_asked_for_later(
    tiny: MakeConfig, tmp_path: Path, timeless: Callable[[Path], dict[str, pd.DataFrame]], logged: Path
) -> None:
    config = tiny(training={"rounds": 2, "steps": 2})
    start(config, tmp_path / "run", nothing)
    assert not (tmp_path / "run" / FOLDER).exists()
    for name, table in timeless(tmp_path / "run").items():
        pd.testing.assert_frame_equal(table, timeless(logged)[name])
    (tmp_path / "run" / "config.toml").write_text(dump(tiny(training={"rounds": 2, "steps": 2}, run={"log": ("csv",)})))
    resume(tmp_path / "run", nothing)
    assert (tmp_path / "run" / FOLDER / "csv" / "rounds.csv").is_file()


@pytest.mark.parametrize("fails", ["opening", "a round", "ending"])
def test_where_one_fails_the_others_are_ended(logged: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    ended = []

    class Sound:
        def __init__(self, name: str) -> None:
            self.name = name

        def add(self, number: int, values: dict[str, float]) -> None:
            if self.name == "csv" and fails == "a round":
                raise OSError("full")

        def end(self) -> None:
            ended.append(self.name)
            if self.name == "csv" and fails == "ending":
                raise OSError("full")

    def kind(name: str) -> Callable[..., Sound]:
        def make(folder: RunFolder, place: Path) -> Sound:
            if name == "csv" and fails == "opening":
                raise OSError("full")
            return Sound(name)

        return make

    for cls, name in (("TensorBoard", "tensorboard"), ("Csv", "csv"), ("Json", "json")):
        monkeypatch.setattr(logs, cls, kind(name))
    with pytest.raises(OSError, match="full"), logs.opened(("tensorboard", "csv", "json"), RunFolder(logged), 9):
        assert fails == "ending"
    assert sorted(ended) == (["tensorboard"] if fails == "opening" else ["csv", "json", "tensorboard"])


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"run\.log"):
        RunOptions(log=("excel",))  # type: ignore[arg-type]
    check(("tensorboard", "csv", "json"))
