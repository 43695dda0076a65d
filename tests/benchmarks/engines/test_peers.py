from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.engines.peers import PEERS, READOUT_LEAK, Peer, build

STEPS, BATCH, INPUTS, NEURONS, OUTPUTS, LEAK, THRESHOLD = 40, 8, 12, 24, 5, 0.9, 0.8


def weights() -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    shapes = [(INPUTS, NEURONS), (NEURONS, NEURONS), (NEURONS, OUTPUTS)]
    into, between, out = (torch.randn(shape, generator=g) / shape[0] ** 0.5 for shape in shapes)
    return into, between * (torch.rand(between.shape, generator=g) < 0.3), out


def data() -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    x = (torch.rand(STEPS, BATCH, INPUTS, generator=g) < 0.3).float()
    return x, torch.randint(0, OUTPUTS, (BATCH,), generator=g)


def peer(name: str, learning_rate: float = 0.01) -> Peer:
    into, between, out = weights()
    try:
        return build(name, into, between, out, leak=LEAK, threshold=THRESHOLD, learning_rate=learning_rate)
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))


def equation() -> tuple[Tensor, Tensor]:
    """Spikes and membranes [T, B, N] of the equation in the module's docstring, float64."""
    into, between, _ = (w.double() for w in weights())
    x = data()[0].double()
    v = s = torch.zeros(BATCH, NEURONS, dtype=torch.float64)
    spikes, membranes = [], []
    for t in range(STEPS):
        v = LEAK * v + x[t] @ into + s @ between - THRESHOLD * s
        s = (v > THRESHOLD).double()
        spikes.append(s)
        membranes.append(v)
    return torch.stack(spikes), torch.stack(membranes)


@pytest.mark.parametrize("name", PEERS)
def test_spikes_are_those_of_the_equation(name: str) -> None:
    spikes, membranes = equation()
    assert (membranes - THRESHOLD).abs().min() > 1e-5  # so rounding decides no spike
    assert 0.05 < spikes.mean() < 0.5
    for _ in range(2):  # no state is left over from the first call
        assert torch.equal(peer(name).spikes(data()[0]).double(), spikes)


@pytest.mark.parametrize("name", [name for name in PEERS if name != "plain"])
def test_losses_and_gradients_are_those_of_the_plain_loop(name: str) -> None:
    plain, other = peer("plain"), peer(name)
    for step in range(3):
        loss, expected = other.step(*data()), plain.step(*data())
        assert loss == pytest.approx(expected, rel=1e-4), step
        if step == 0:
            assert plain.weight_in.grad is not None
            assert plain.weight_in.grad.abs().max() > 1e-3
            torch.testing.assert_close(other.weight_in.grad, plain.weight_in.grad, rtol=1e-3, atol=1e-5)
            torch.testing.assert_close(other.weight_out.grad, plain.weight_out.grad, rtol=1e-3, atol=1e-5)
    recurrent = next(p for p in other.hidden.parameters() if p.requires_grad)
    learned = recurrent.T if name == "snntorch" else recurrent
    assert not torch.allclose(learned, weights()[1], atol=1e-3)
    torch.testing.assert_close(learned, next(plain.hidden.parameters()), rtol=0, atol=2e-3)


def test_gradient_of_the_plain_loop_is_that_of_its_surrogate_by_hand() -> None:
    """One neuron, two steps, no spike: dS[1]/dw_in = psi[1] (x[1] + a x[0] + w_rec psi[0] x[0])."""
    w_in, w_rec, w_out = torch.tensor([[0.3]]), torch.tensor([[0.5]]), torch.tensor([[1.0, -1.0]])
    x = torch.tensor([1.0, 2.0]).reshape(2, 1, 1)
    network = build("plain", w_in, w_rec, w_out, leak=0.9)
    network.step(x, torch.tensor([0]))
    psi = [1 / (1 + abs(v - 1.0)) ** 2 for v in (0.3, 0.87)]
    share = [(1 + READOUT_LEAK) / 2, 1 / 2]
    slope = 2 * (0.5 - 1.0)  # logits 0 and 0: d loss / d readout of (1, -1)
    expected = slope * (share[0] * psi[0] + share[1] * psi[1] * (2.0 + 0.9 + 0.5 * psi[0]))
    assert network.weight_in.grad is not None
    assert float(network.weight_in.grad) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PEERS)
def test_training_lowers_the_loss(name: str) -> None:
    network = peer(name)
    losses = [network.step(*data()) for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]


def test_refuses_unknown_names_and_leaks() -> None:
    with pytest.raises(ValueError, match="'brian' is unknown"):
        build("brian", *weights(), leak=LEAK)
    with pytest.raises(ValueError, match=r"leak = 1\.0"):
        build("plain", *weights(), leak=1.0)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install snntorch"):
        build("snntorch", *weights(), leak=LEAK)
