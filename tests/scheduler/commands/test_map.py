from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump

Smalti = Callable[..., tuple[int, str, str]]


@pytest.fixture
def exported(finished_run: Path, tmp_path: Path) -> Path:
    """The net of the finished run."""
    pytest.importorskip("nir")
    from smalti.analysis.export.net import export_net

    export_net(load_run(finished_run), tmp_path / "net.nir", samples=0)
    return tmp_path / "net.nir"


def chip(tiny: Callable[..., Config], path: Path, faults: dict[str, object] | None = None, **fabric: object) -> str:
    config = tiny(fabric=fabric, training={"rounds": 1, "steps": 1}, faults=faults or {})
    config = replace(config, stream=replace(config.stream, path=str(Path(config.stream.path).absolute())))
    path.write_text(dump(config), encoding="utf-8")
    return str(path)


def test_a_net_finds_its_place_and_goes_on_there(cli: Smalti, exported: Path, tiny: Callable[..., Config]) -> None:
    file = chip(tiny, Path("chip.toml"), wires=24, corner_wires=16)
    code, out, err = cli("map", "net.nir", "--config", file, "--samples", "20")
    assert (code, err) == (0, "")
    assert "synapses do not fit" in out
    assert "spikes in 20 test samples" in out
    assert " 0 of " in out
    assert "next:       smalti resume net" in out
    assert cli("resume", "net")[0] == 0
    assert cli("map", "net.nir", "--config", file)[2].startswith("error: net exists")


def test_what_does_not_fit_is_listed_and_left_out_on_request(
    cli: Smalti, exported: Path, tiny: Callable[..., Config]
) -> None:
    file = chip(tiny, Path("chip.toml"), wires=4, corner_wires=1)
    code, out, err = cli("map", "net.nir", "--config", file)
    assert code == 2
    assert " is full" in out
    assert "synapses do not fit this chip: give fabric.wires" in err
    assert not Path("net").exists()
    code, out, _ = cli("map", "net.nir", "--config", file, "--prune")
    assert code == 0
    assert "places (sample, step, neuron) differ" in out
    assert Path("net/checkpoint").is_dir()


@pytest.mark.parametrize("known", [True, False])
def test_a_chip_with_faults_is_taken(cli: Smalti, exported: Path, tiny: Callable[..., Config], known: bool) -> None:
    """Known faults are kept clear of, so that all spikes stay; those that nobody knows change some."""
    faults = {"slot_share": 0.2, "known": known}
    file = chip(tiny, Path("chip.toml"), faults, neurons_per_tile=16, wires=24, corner_wires=16, inputs="every")
    code, out, err = cli("map", "net.nir", "--config", file, "--samples", "20")
    assert (code, err) == (0, "")
    assert ("; 0 of " in out.split("spikes in")[1]) == known
    assert cli("resume", "net")[0] == 0


def test_files_of_another_kind_are_refused_in_a_line(cli: Smalti) -> None:
    pytest.importorskip("nir")
    Path("other.nir").write_bytes(b"nothing")
    for arguments, words in (
        (("other.nir",), "other.nir cannot be read as NIR"),
        (("nowhere.nir",), "nowhere.nir is no file"),
    ):
        code, out, err = cli("map", *arguments)
        assert (code, out) == (2, "")
        assert words in err
        assert len(err.splitlines()) == 1
