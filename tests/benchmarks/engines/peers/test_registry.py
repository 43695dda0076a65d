from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.engines.peers.layer import READOUT_LEAK, Layer, Peer
from benchmarks.engines.peers.registry import PEERS, build

STEPS, BATCH, INPUTS, NEURONS, OUTPUTS, LEAK, THRESHOLD = 40, 8, 12, 24, 5, 0.9, 0.8


def layer(learning_rate: float = 0.01) -> Layer:
    """Neurons on three tiles of 5, 9 and 10; the first and the last are not linked, nor does the last hear inputs."""
    g = torch.Generator().manual_seed(2)
    shapes = [(INPUTS, NEURONS), (NEURONS, NEURONS), (NEURONS, OUTPUTS)]
    into, between, out = (torch.randn(shape, generator=g) / shape[0] ** 0.5 for shape in shapes)
    tile = torch.tensor([4] * 5 + [7] * 9 + [9] * 10)[torch.randperm(NEURONS, generator=g)]
    near = (tile[:, None] == 7) | (tile == 7) | (tile[:, None] == tile)
    into[5:, tile == 9] = 0.0
    links = near & (torch.rand(near.shape, generator=g) < 0.3)
    return Layer(2 * into, 2 * between * links, out, tile, LEAK, THRESHOLD, learning_rate)


def data() -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    x = (torch.rand(STEPS, BATCH, INPUTS, generator=g) < 0.3).float()
    return x, torch.randint(0, OUTPUTS, (BATCH,), generator=g)


def peer(name: str, given: Layer | None = None) -> Peer:
    try:
        return build(name, given or layer())
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))


def equation() -> tuple[Tensor, Tensor]:
    """Spikes and membranes [T, B, N] of the equation in the package's docstring, float64."""
    into, between = layer().weight_in.double(), layer().weight_rec.double()
    x = data()[0].double()
    v = s = torch.zeros(BATCH, NEURONS, dtype=torch.float64)
    spikes, membranes = [], []
    for t in range(STEPS):
        v = LEAK * v + x[t] @ into + s @ between - THRESHOLD * s
        s = (v > THRESHOLD).double()
        spikes.append(s)
        membranes.append(v)
    return torch.stack(spikes), torch.stack(membranes)


EXACT = [name for name in PEERS if name != "torch-bf16"]


@pytest.mark.parametrize("name", EXACT)
def test_spikes_are_those_of_the_equation(name: str) -> None:
    spikes, membranes = equation()
    assert (membranes - THRESHOLD).abs().min() > 1e-5  # so rounding decides no spike
    assert 0.05 < spikes.mean() < 0.5
    network = peer(name)
    for _ in range(2):  # no state is left over from the first call
        assert torch.equal(network.spikes(data()[0]).double(), spikes)


@pytest.mark.parametrize("name", [name for name in EXACT if name != "plain"])
def test_losses_and_gradients_are_those_of_the_plain_loop(name: str) -> None:
    plain, other, given = peer("plain"), peer(name), layer()
    expected, found = plain.gradients(*data()), other.gradients(*data())
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    for which in ("weight_in", "weight_rec", "weight_out"):
        there = getattr(given, which) != 0
        right = getattr(expected, which)[there]
        assert right.abs().max() > 1e-3
        torch.testing.assert_close(getattr(found, which)[there], right, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in EXACT if name != "plain"])
def test_steps_are_those_of_the_plain_loop_where_all_weights_are_links(name: str) -> None:
    """Adam, three times: then every peer trains the same weights."""
    full = replace(layer(), weight_in=layer().weight_in + 1e-3, weight_rec=layer().weight_rec + 1e-3)
    plain, other = peer("plain", full), peer(name, full)
    for step in range(3):
        assert other.step(*data()) == pytest.approx(plain.step(*data()), rel=1e-4), step
    expected, found = plain.gradients(*data()), other.gradients(*data())
    torch.testing.assert_close(found.weight_rec, expected.weight_rec, rtol=2e-2, atol=1e-4)


def test_bfloat16_rounds_and_no_more() -> None:
    """Weights that bfloat16 holds exactly give the spikes of the equation; adjoints alone are rounded."""
    given = layer()
    exact = replace(given, weight_rec=given.weight_rec.bfloat16().float())
    plain, rounded = peer("plain", exact), peer("torch-bf16", exact)
    assert torch.equal(rounded.spikes(data()[0]), plain.spikes(data()[0]))
    expected, found = plain.gradients(*data()), rounded.gradients(*data())
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    for which in ("weight_in", "weight_rec", "weight_out"):
        right = getattr(expected, which)
        assert (getattr(found, which) - right).norm() < 0.01 * right.norm()


def test_gradient_of_the_plain_loop_is_that_of_its_surrogate_by_hand() -> None:
    """One neuron, two steps, no spike: dS[1]/dw_in = psi[1] (x[1] + a x[0] + w_rec psi[0] x[0])."""
    w_in, w_rec, w_out = torch.tensor([[0.3]]), torch.tensor([[0.5]]), torch.tensor([[1.0, -1.0]])
    x = torch.tensor([1.0, 2.0]).reshape(2, 1, 1)
    network = build("plain", Layer(w_in, w_rec, w_out, torch.tensor([0]), leak=0.9))
    psi = [1 / (1 + abs(v - 1.0)) ** 2 for v in (0.3, 0.87)]
    share = [(1 + READOUT_LEAK) / 2, 1 / 2]
    slope = 2 * (0.5 - 1.0)  # logits 0 and 0: d loss / d readout of (1, -1)
    expected = slope * (share[0] * psi[0] + share[1] * psi[1] * (2.0 + 0.9 + 0.5 * psi[0]))
    found = network.gradients(x, torch.tensor([0])).weight_in
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PEERS)
def test_training_lowers_the_loss(name: str) -> None:
    network = peer(name)
    losses = [network.step(*data()) for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]


def test_jax_flushes_denormal_numbers_as_the_benchmark_does() -> None:
    pytest.importorskip("jax")
    from benchmarks.engines.peers.jax_layer import jax_with

    half = jax_with(1).jit(lambda x: 0.5 * x)
    assert half(torch.tensor([3e-38, 1e-39]).numpy()).tolist() == [pytest.approx(1.5e-38), 0.0]


def test_jax_keeps_to_the_threads_that_it_started_with() -> None:
    pytest.importorskip("jax")
    from benchmarks.engines.peers.jax_layer import jax_with

    jax_with(1)
    with pytest.raises(RuntimeError, match="started with 1 of threads; 2 of them need a new process"):
        jax_with(2)


def test_refuses_unknown_names_and_leaks() -> None:
    with pytest.raises(ValueError, match="'brian' is unknown"):
        build("brian", layer())
    with pytest.raises(ValueError, match=r"leak = 1\.0"):
        replace(layer(), leak=1.0)


@pytest.mark.parametrize(("name", "package"), [("snntorch", "snntorch"), ("jax-blocks", "jax")])
def test_a_missing_library_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=f"pip install {package}"):
        build(name, layer())
