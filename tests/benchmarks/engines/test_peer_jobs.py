from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.engines import peer_jobs
from benchmarks.engines.peers.by_hand import Bfloat16
from benchmarks.engines.peers.layer import Layer, Peer
from benchmarks.engines.peers.registry import build
from benchmarks.engines.workload import OUTPUTS, Workload, problem
from smalti.model.engines import dense

SMALL = Workload(128, 0.05, steps=30, batch=8, inputs=40, threads=1)


def test_peers_get_the_same_network() -> None:
    """Spike for spike, up to rounding at the threshold."""
    of = problem(SMALL)
    network, columns = of.network, of.x.permute(1, 2, 0).contiguous()
    tape = dense.forward(network.state.weight.detach(), network.wiring(), network.dynamics(), columns)
    ours = tape.spikes[:, of.hidden].transpose(1, 2)
    assert ours.mean() > 0.03
    for name in ("plain", "torch-blocks"):
        spikes = build(name, peer_jobs.layer(of)).spikes(of.x.transpose(0, 1)).detach()
        assert (spikes != ours).float().mean() < 1e-3


def test_neurons_are_on_the_tiles_of_the_chip() -> None:
    given = peer_jobs.layer(problem(SMALL))
    counts = torch.bincount(given.tile)
    assert counts.tolist() == [32, 32, 32 - OUTPUTS // 2, 32 - OUTPUTS // 2]
    linked = torch.stack([(given.weight_rec[given.tile == tile] != 0).any(0) for tile in range(4)])
    assert not linked[0, given.tile == 3].any()  # tiles that touch at a corner alone
    assert linked[0, given.tile == 1].all()


def test_peers_are_compared_with_the_reference() -> None:
    said: list[str] = []
    jobs = peer_jobs.peer_jobs(problem(SMALL), ["plain", "torch-blocks"], 2, said.append)
    assert said == []
    for job in jobs.values():
        assert job.torch_threads == 2
        assert job.rate == pytest.approx(SMALL.rate, abs=0.02)
        assert job.deviation is not None
        assert 0 < job.deviation.gradients < 1e-4


def test_who_is_wrong_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(name: str, layer: Layer, threads: int) -> Peer:
        return build(name, replace(layer, leak=0.9) if name == "torch-dense" else layer, threads)

    monkeypatch.setattr(peer_jobs, "build", wrong)
    said: list[str] = []
    assert list(peer_jobs.peer_jobs(problem(SMALL), ["torch-dense", "plain"], 1, said.append)) == ["plain"]
    (line,) = said
    assert line.startswith(f"torch-dense is left out at {128 - OUTPUTS} neurons: it is wrong, Deviation(loss=")


def test_who_would_be_slow_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bfloat16, "slow_here", classmethod(lambda _: "no bfloat16"))
    said: list[str] = []
    assert peer_jobs.peer_jobs(problem(SMALL), ["torch-bf16"], 1, said.append) == {}
    assert said == ["torch-bf16 is left out: no bfloat16"]
