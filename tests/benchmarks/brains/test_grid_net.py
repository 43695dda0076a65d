from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.brains.grid_net import GridNet, distances, swaps_add


def net(units: int = 9, seed: int = 0) -> GridNet:
    torch.manual_seed(seed)
    return GridNet(inputs=4, units=units, outputs=2, leak=0.5, local=1.0)


def wired(net: GridNet) -> float:
    return float((net.weight * net.apart).sum())


def test_distances_by_hand() -> None:
    assert distances(2).tolist() == [[0, 1, 1, 2], [1, 0, 2, 1], [1, 2, 0, 1], [2, 1, 1, 0]]


def test_rates_follow_the_formula() -> None:
    made, x = net(), torch.randn(3, 5, 4)
    rate = torch.zeros(3, 9)
    for t in range(5):
        fresh = torch.relu(rate @ made.recurrent.T + made.hear(x[:, t]))
        rate = 0.5 * rate + 0.5 * fresh
        torch.testing.assert_close(made.rates(x)[:, t], rate)
        torch.testing.assert_close(made(x)[:, t], made.say(rate))


def test_swaps_add_what_brute_force_finds() -> None:
    """Weights of both signs, loops and zeros among them, and units that have moved already."""
    made = net()
    made.place = np.random.default_rng(1).permutation(9)
    with torch.no_grad():
        made.recurrent[torch.rand(9, 9) < 0.4] = 0.0
    between, before = made.weight + made.weight.T, wired(made)
    for unit in range(9):
        wanted = []
        for other in range(9):
            made.exchange(unit, other)
            wanted.append(wired(made) - before)
            made.exchange(unit, other)
        np.testing.assert_allclose(swaps_add(between, made.apart, unit), wanted, atol=1e-9)
    assert wired(made) == before


def test_a_swap_brings_partners_together() -> None:
    """Four units on 2 x 2: 0 and 3, in opposite corners, are the only ones connected."""
    made = net(4)
    with torch.no_grad():
        made.recurrent.zero_()
        made.recurrent[0, 3] = -2.0
    assert wired(made) == 4
    assert made.swap(1) == 1
    assert wired(made) == 2
    assert made.swap(4) == 0


def test_swaps_leave_the_function_and_shorten() -> None:
    made, x = net(25), torch.randn(2, 6, 4)
    before, cost = made(x), wired(made)
    assert made.swap(25) > 0
    assert torch.equal(made(x), before)
    assert wired(made) < cost - 0.1
    assert sorted(made.place) == list(range(25))


@pytest.mark.parametrize("lengths", [False, True])
def test_weights_shrink_by_what_they_cost(lengths: bool) -> None:
    """On 2 x 2 with l0 = 1, d + l0 is 1, 2, 2 and 3 in every row: 2 in the mean. Gradients of 4 have moved all by 1e-3.

    A weight whose gradient is four times as large shrinks by a quarter.
    """
    made = net(4)
    adam = torch.optim.Adam(made.parameters(), 1e-3)
    with torch.no_grad():
        for weight in (made.recurrent, made.hear.weight, made.say.weight):
            weight.copy_(torch.where(weight < 0, -1.0, 1.0))
        made.recurrent[0, 1] = 1e-4
    for parameter in made.parameters():
        parameter.grad = torch.full_like(parameter, 4.0)
    made.recurrent.grad[2, 2] = 16.0  # type: ignore[index]
    adam.step()
    recurrent, bias = made.recurrent.detach() + 0, made.hear.bias.detach() + 0
    hear, say = made.hear.weight.detach() + 0, made.say.weight.detach() + 0
    made.shrink(adam, 40.0, lengths)
    by = 1e-3 * 40 / 4
    costs = torch.tensor([[1, 2, 2, 3], [2, 1, 3, 2], [2, 3, 1, 2], [3, 2, 2, 1]]) / 2 if lengths else torch.ones(4, 4)
    costs[2, 2] /= 4
    wanted = recurrent - recurrent.sign() * by * costs
    wanted[0, 1] = 0.0  # 9e-4 below zero, and no way past it
    torch.testing.assert_close(made.recurrent.detach(), wanted)
    torch.testing.assert_close(made.hear.weight.detach(), hear - hear.sign() * by)
    torch.testing.assert_close(made.say.weight.detach(), say - say.sign() * by)
    assert torch.equal(made.hear.bias, bias)


def test_costs_follow_whoever_moves() -> None:
    made = net(4)
    assert made.costs[0].tolist() == [0.5, 1.0, 1.0, 1.5]
    made.exchange(0, 1)
    assert made.costs[0].tolist() == [0.5, 1.0, 1.5, 1.0]
