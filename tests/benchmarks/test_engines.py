from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.engines import OUTPUTS, Engines, Record, dense_step, main, measure, peer, problem, table

SMALL = Engines(neurons=(128,), engines=("dense", "plain"), steps=30, batch=8, inputs=40, threads=1, repeats=2)


@pytest.fixture(autouse=True)
def settings_of_torch() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def test_the_rate_wanted_is_met_on_a_chip_of_local_and_one_hop_links() -> None:
    of = problem(SMALL, 128)
    assert of.rate() == pytest.approx(SMALL.rate, abs=0.01)
    assert 0 < of.active() < 1
    assert {path.hops for path in of.network.links.paths.values()} == {0, 1}
    assert of.hidden.sum() == 128 - OUTPUTS
    assert len(of.network.links.rows) == (128 - OUTPUTS) * 3 + 40  # own tile and two neighbours on 2 x 2


def test_peers_get_the_same_network() -> None:
    """Spike for spike, up to rounding at the threshold."""
    of = problem(SMALL, 128)
    spikes = peer(of, "plain").spikes(of.x.transpose(0, 1)).detach()
    ours = of.tape().spikes[:, of.hidden].transpose(1, 2)
    assert (spikes != ours).float().mean() < 1e-3
    assert ours.mean() > 0.03


def test_a_step_of_the_dense_engine_learns() -> None:
    of = problem(SMALL, 128)
    before, train = of.network.state.weight.detach().clone(), dense_step(of)
    train()
    moved = of.network.state.weight.detach() != before
    assert moved.any()
    assert not (moved & ~of.network.state.mask).any()


def test_records_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "engines.json"
    main(Engines(**{**vars(SMALL), "json": file, "linear": (256,)}))
    records = [Record(**record) for record in json.loads(file.read_text())]
    assert [(r.engine, r.neurons) for r in records] == [("dense", 128), ("plain", 128), ("dense", 256)]
    for record in records:
        assert 0 < record.seconds_low <= record.seconds <= record.seconds_high
        assert record.rate == pytest.approx(0.05, abs=0.02)
        assert record.peak_bytes is None or record.peak_bytes >= 0
        assert record.threads == 1
    assert capsys.readouterr().out.count("dense") == 2


def test_the_ratio_is_to_the_fastest_peer_of_the_size() -> None:
    records = [
        Record(name, size, 0.05, 0.3, seconds, seconds, seconds, None, 1)
        for name, size, seconds in [("dense", 32, 1.0), ("a", 32, 4.0), ("b", 32, 2.0), ("dense", 64, 3.0)]
    ]
    ratios = next(column for column in table(records).columns if column.header == "ratio")
    assert list(ratios.cells) == ["0.50", "2.00", "1.00", "-"]


def test_a_library_that_is_missing_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(of: object, name: str) -> None:
        raise ModuleNotFoundError(f"{name} is not installed")

    monkeypatch.setattr("benchmarks.engines.peer", missing)
    said: list[str] = []
    records = measure(SMALL, 128, ("dense", "norse"), said.append)
    assert [record.engine for record in records] == ["dense"]
    assert said == ["norse is left out: norse is not installed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neurons": (100,)}, "--neurons 100 must be a multiple of 32"),
        ({"linear": (16,)}, "--linear 16 must be a multiple of 32"),
        ({"engines": ("brian",)}, "--engines brian: take some of dense plain snntorch norse spikingjelly"),
        ({"rate": 0.0}, r"--rate 0\.0 must lie between"),
        ({"repeats": 0}, "--repeats 0 must be at least 1"),
    ],
)
def test_refuses_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Engines(**options)
