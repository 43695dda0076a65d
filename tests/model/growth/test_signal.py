from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.growth.signal import TileSignal, Traces, tap_scores, tile_signal
from smalti.model.neuron import NetworkOptions
from smalti.model.probe import DenseProbe, Kernel, Probe

EXACT = NetworkOptions(precision="float64")
LEAK = 0.9


def probe(steps: int = 6, neurons: int = 4, channels: int = 2, batch: int = 3, seed: int = 0) -> DenseProbe:
    generator = torch.Generator().manual_seed(seed)
    presynaptic = torch.rand(steps + 1, neurons + channels + 1, batch, generator=generator) < 0.4
    presynaptic[:, -1] = False
    delta = torch.randn(steps, neurons, batch, generator=generator, dtype=torch.float64)
    loss = torch.rand(batch, generator=generator, dtype=torch.float64)
    return DenseProbe(presynaptic.double(), delta, torch.zeros(neurons, batch), loss)


def signal(of: Probe, sources: list[int], targets: list[int]) -> TileSignal:
    new, near = torch.zeros(len(sources), dtype=torch.bool), torch.ones(len(sources))
    return tile_signal(Traces(of, Kernel(LEAK)), 5, torch.tensor(sources), new, torch.tensor(targets), near, ())


def test_moment_and_covariance_are_the_sums_written_out() -> None:
    """M = E_b sum_t delta[t+1] zbar[t], C = E_b,t zbar zbar, with zbar[t] = sum_u leak^(t-u) z[u]."""
    of, sources, targets = probe(), [0, 3, 5], [1, 2]
    found = signal(of, sources, targets)
    steps, batch = 6, 3
    moment, covariance = torch.zeros(2, 3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for b in range(batch):
        for t in range(steps):
            zbar = torch.zeros(3, dtype=torch.float64)
            for u in range(t + 1):
                zbar += LEAK ** (t - u) * of.presynaptic[u, sources, b]
            covariance += torch.outer(zbar, zbar) / (batch * steps)
            if t + 1 < steps:
                moment += torch.outer(of.delta[t + 1, targets, b], zbar) / batch
    assert moment.abs().min() > 1e-3
    torch.testing.assert_close(found.moment, moment, rtol=0, atol=1e-13)
    torch.testing.assert_close(found.covariance, covariance, rtol=0, atol=1e-13)
    assert torch.equal(found.drive, of.presynaptic[:6, sources])
    assert torch.equal(found.delta[:-1], of.delta[1:, targets])
    assert not found.delta[-1].any()  # a spike of the last step arrives nowhere
    assert found.tile == 5
    assert found.samples == 3
    assert torch.equal(found.loss, of.loss)


def test_the_trace_is_what_the_probe_filters() -> None:
    of = probe()
    found = signal(of, [0, 3, 5], [1])
    assert torch.equal(found.trace, of.trace(Kernel(LEAK))[:, [0, 3, 5]])
    assert found.present.all()


def test_what_is_not_finite_is_named_by_its_tile() -> None:
    found = signal(probe(), [0, 3], [1])
    found.check_finite(found.moment, found.delta)
    with pytest.raises(FloatingPointError, match="growth signal of tile 5 is not finite"):
        found.check_finite(found.moment, found.delta / 0)


def test_one_spike_and_one_adjoint_by_hand() -> None:
    """A spike at t = 1 and an adjoint of 2 at t = 4 in one of two samples: M = 2 leak^2 / 2."""
    of = probe(batch=2)
    presynaptic, delta = torch.zeros_like(of.presynaptic), torch.zeros_like(of.delta)
    presynaptic[1, 0, 0], delta[4, 1, 0] = 1, 2
    found = signal(DenseProbe(presynaptic, delta, of.counts, of.loss), [0, 2], [1])
    torch.testing.assert_close(found.moment, torch.tensor([[LEAK**2, 0]], dtype=torch.float64))
    power = sum(LEAK ** (2 * k) for k in range(5)) / 12
    torch.testing.assert_close(found.covariance, torch.tensor([[power, 0], [0, 0]], dtype=torch.float64))


def test_moment_predicts_the_gradient_of_a_neuron_that_does_not_reset() -> None:
    """M w = E_b sum_t delta[t+1] V[t], V the membrane of fan-in w without spikes."""
    of = probe(batch=5)
    found, weight = signal(of, [0, 1, 4, 5], [0, 2]), torch.tensor([0.3, -0.7, 0.2, 1.1], dtype=torch.float64)
    membrane, expected = torch.zeros(5, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for t in range(5):
        membrane = LEAK * membrane + weight @ found.drive[t]
        expected += of.delta[t + 1, [0, 2]] @ membrane / 5
    torch.testing.assert_close(found.moment @ weight, expected, rtol=0, atol=1e-13)


def test_nothing_changes_when_every_sample_is_seen_twice() -> None:
    of = probe()
    twice = DenseProbe(*(torch.cat([part, part], -1) for part in (of.presynaptic, of.delta, of.counts, of.loss)))
    once, again = signal(of, [0, 3, 5], [1, 2]), signal(twice, [0, 3, 5], [1, 2])
    assert again.samples == 2 * once.samples
    torch.testing.assert_close(again.moment, once.moment, rtol=0, atol=1e-14)
    torch.testing.assert_close(again.covariance, once.covariance, rtol=0, atol=1e-14)
    taps = [tap_scores(Traces(p, Kernel(LEAK)), torch.tensor([0, 4]), torch.tensor([1])) for p in (of, twice)]
    torch.testing.assert_close(*taps, rtol=0, atol=1e-14)


def test_the_probe_is_left_alone() -> None:
    of = probe()
    before = of.presynaptic.clone()
    signal(of, [0, 3], [1])
    assert torch.equal(of.presynaptic, before)


def test_a_tap_is_worth_what_a_tile_with_this_wire_alone_says() -> None:
    """||M_p||^2 / C_pp."""
    of = probe(seed=3)
    scores = tap_scores(Traces(of, Kernel(LEAK)), torch.tensor([0, 3, 4]), torch.tensor([1, 2]))
    cut = DenseProbe(of.presynaptic.clone(), of.delta, of.counts, of.loss)
    for score, source in zip(scores.tolist(), (0, 3, 4), strict=True):
        alone = signal(cut, [source], [1, 2])
        trace = cut.trace(Kernel(LEAK))[:, source]
        power = trace.square().sum() / (3 * 6)
        assert score == pytest.approx(float(alone.moment.square().sum() / power))
    silent = DenseProbe(torch.zeros_like(of.presynaptic), of.delta, of.counts, of.loss)
    assert tap_scores(Traces(silent, Kernel(LEAK)), torch.tensor([0]), torch.tensor([1])).tolist() == [0]


def test_signal_of_a_real_chip_hears_what_its_crossbar_hears(site: Callable[..., Any]) -> None:
    """Currents from the signal's drive are those that move the tile's membranes."""
    place = site(EXACT, seed=2)
    slot = place.free_slots()[0]
    found = place.signal(slot)
    tile = found.tile
    weight = place.network.state.weight.detach()[tile]
    rows = [place.network.links.rows[int(s), tile] for s in found.sources[~found.new]]
    drive = found.drive[:, ~found.new]
    neuron = next(k for k in range(5) if place.network.state.alive[tile * 5 + k])
    current: Tensor = torch.einsum("p,tpb->tb", weight[rows, neuron], drive)
    fired = place.probe().presynaptic[1:, tile * 5 + neuron]
    membrane = spike = torch.zeros_like(current[0])
    for t in range(len(current)):
        membrane = EXACT.leak * membrane - spike + current[t]
        spike = (membrane >= 1).double()
        assert torch.equal(spike, fired[t])
    assert fired.any()
