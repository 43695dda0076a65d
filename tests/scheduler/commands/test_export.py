from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start

Smalti = Callable[..., tuple[int, str, str]]
HAS_NIR = importlib.util.find_spec("nir") is not None


@pytest.fixture
def folder(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, called ``run``."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.mark.skipif(not HAS_NIR, reason="needs nir")
def test_a_net_is_written_and_rated(cli: Smalti, folder: Path) -> None:
    code, out, err = cli("export", "nir", "run")
    assert (code, err) == (0, "")
    assert out.startswith("wrote net.nir: ")
    for words in ("wrote net.spikes.nir", "all are the same", "nirtorch 2.6", "faithful", "refused", "gating network"):
        assert words in out
    assert cli("export", "nir", "run")[2].startswith("error: net.nir exists; give another name (--out) or delete it")


@pytest.mark.skipif(not HAS_NIR, reason="needs nir")
def test_columns_of_a_gate_on_the_chip_are_in_the_file(cli: Smalti, blobs: Path, tmp_path: Path) -> None:
    changes = {"stream": {"name": "arrays", "path": str(blobs), "steps": 14}, "training": {"rounds": 1, "steps": 2}}
    start(configure({**changes, "gating.network": "crossbar"}), tmp_path / "run", lambda simulation: None)
    code, out, err = cli("export", "nir", str(tmp_path / "run"))
    assert (code, err) == (0, "")
    assert "all are the same" in out
    assert "columns of the gating network are among the neurons" in out
    assert "off the chip" not in out


@pytest.mark.skipif(HAS_NIR, reason="nir is there")
def test_without_the_package_the_extra_is_named(cli: Smalti, folder: Path) -> None:
    code, out, err = cli("export", "nir", "run")
    assert (code, out) == (2, "")
    assert 'pip install "smalti[nir]"' in err


def test_graphs_and_the_chip_are_written(cli: Smalti, folder: Path) -> None:
    assert cli("export", "graph", "run")[1].startswith("wrote net.graphml: ")
    assert cli("export", "graph", "run", "--out", "net.dot", "--expert", "0")[1].startswith("wrote net.dot: ")
    code, out, _ = cli("export", "chip", "run")
    assert code == 0
    assert out.startswith("wrote chip: chip.json, placement.csv (")
    assert Path("chip/weights.npz").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chip", "run", "--expert", "0"], "--expert is for nir and graph; leave it out for chip"),
        (["graph", "run", "--form", "lif"], "--form is for NIR files; leave it out for graph"),
        (["graph", "run", "--out", "no/net.dot"], "the folder no does not exist; make it first"),
        (["graph", "run", "--out", "net.gif"], "net.gif ends with .gif; give a name that ends with"),
        (["graph", "run", "--expert", "9"], "expert = 9 is none of this run"),
        (["graph", "nowhere"], "nowhere is no folder"),
        (["chip", "run", "--out", "run"], "run exists"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(cli: Smalti, folder: Path, arguments: list[str], words: str) -> None:
    code, out, err = cli("export", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["run"]
