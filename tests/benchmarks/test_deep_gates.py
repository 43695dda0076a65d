from __future__ import annotations

import pytest
import torch

from benchmarks.deep_gates import JITTER, Deep, Images, Level, Options, learn, spread

SMALL = Options(experts=2, units=12, hidden=6, epochs=12, fine=4, batch=20, rate=1e-2)


@pytest.fixture
def strokes() -> Images:
    """Ten classes of 6 x 6 pixels: a class lights two pixels at a distance of its own, a little noise the others."""
    chance = torch.Generator().manual_seed(0)
    y = torch.arange(200) % 10
    x = 0.05 * torch.rand(200, 6, 6, generator=chance)
    x.view(200, 36)[:, 0] = 1.0
    x.view(200, 36)[torch.arange(200), 7 + 2 * y] = 1.0
    return Images(x, y)


def test_images_stand_where_they_are_said_to(strokes: Images) -> None:
    x, place = strokes.jittered(torch.Generator().manual_seed(1))
    side = 6 + 2 * JITTER
    assert x.shape == (200, side * side)
    for k in (0, 7, 150):
        row, column = place[k].tolist()
        there = x[k].view(side, side)[row : row + 6, column : column + 6]
        assert torch.equal(there, strokes.x[k])
        assert float(x[k].sum()) == pytest.approx(float(strokes.x[k].sum()), rel=1e-6)
    assert place.min() == 0
    assert place.max() == 2 * JITTER


def test_the_gate_mixes_experts_as_the_formula_says() -> None:
    torch.manual_seed(0)
    level = Level(5, SMALL, "mixture")
    x = torch.randn(3, 5)
    mixed, gates = level(x)
    weight, bias = level.maps.weight.view(2, 12, 5), level.maps.bias.view(2, 12)
    by_hand = sum(gates[:, i : i + 1] * torch.relu(x @ weight[i].T + bias[i]) for i in range(2))
    torch.testing.assert_close(mixed, by_hand)
    torch.testing.assert_close(gates.sum(1), torch.ones(3))


def test_whoever_has_had_too_much_is_shut_until_balance_is_lifted() -> None:
    torch.manual_seed(0)
    net = Deep(5, SMALL, "mixture")
    level, x = net.first, torch.randn(4, 5)
    usual = level(x)[1]
    net.balance(True)
    level.total = torch.tensor([100.0, 0.0])  # 50 above the mean, 40 are allowed
    gates = level(x)[1]
    torch.testing.assert_close(gates, torch.tensor([[0.0, 1.0]]).expand(4, 2))
    assert level.total.tolist() == [100.0, 4.0]
    level.total = torch.tensor([70.0, 0.0])
    torch.testing.assert_close(level(x)[1], usual)
    net.balance(False)
    level.total = torch.tensor([1000.0, 0.0])
    torch.testing.assert_close(level(x)[1], usual)


@pytest.mark.parametrize("kind", ["single", "mixture", "concatenated"])
def test_every_net_learns_what_stands_at_nine_places(
    kind: str, strokes: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.deep_gates.JITTER", 1)
    found = learn(kind, strokes, strokes, SMALL, 0)  # type: ignore[arg-type]
    assert found.error < 65  # of ten classes; chance has 90
    assert all(0 <= shared <= 1 for shared in found.shared)
    assert learn(kind, strokes, strokes, SMALL, 0) == found  # type: ignore[arg-type]


def test_spread_by_hand() -> None:
    assert spread([1.0, 3.0]) == "2.00 (1.00-3.00)"
