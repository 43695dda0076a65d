from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smalti.model.gating.learner import Learner, forward, fresh

CHANCE = torch.Generator().manual_seed(0)
X = torch.randn(20, 5, generator=CHANCE, dtype=torch.float64)
Y = torch.randn(20, 2, generator=CHANCE, dtype=torch.float64)


def loss(weights: Sequence[Tensor]) -> Tensor:
    return (forward(weights, X) - Y).square().mean()


def test_it_is_a_rectified_net_trained_by_adam() -> None:
    mine, oracle = fresh((5, 4, 2), 0), nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for own, other in zip(mine.weights, oracle.parameters(), strict=True):
            other.copy_(own.mT if own.ndim == 2 else own)
    adam = torch.optim.Adam(oracle.parameters(), lr=0.03)
    for _ in range(25):
        adam.zero_grad()
        (oracle(X) - Y).square().mean().backward()  # type: ignore[no-untyped-call]
        adam.step()
        mine.step(loss, 0.03)
    torch.testing.assert_close(forward(mine.weights, X), oracle(X).detach())
    assert float(loss(mine.weights)) < float(loss(fresh((5, 4, 2), 0).weights))


def test_a_fresh_net_answers_nothing_and_follows_from_its_seed() -> None:
    one, other = fresh((5, 400, 2), 3), fresh((5, 400, 2), 4)
    assert not forward(one.weights, X).any()
    assert torch.equal(one.weights[0], fresh((5, 400, 2), 3).weights[0])
    assert not torch.equal(one.weights[0], other.weights[0])
    assert 0.3 < float(one.weights[0].var()) < 0.5  # 2 / 5


def test_new_outputs_begin_at_nothing_and_leave_the_others() -> None:
    for sizes in ((5, 4, 2), (5, 2)):
        learner = fresh(sizes, 0)
        for _ in range(5):
            learner.step(loss, 0.1)
        before = forward(learner.weights, X)
        learner.widen(4)
        assert torch.equal(forward(learner.weights, X), torch.cat([before, torch.zeros(20, 2).double()], 1))
        assert [m.shape for m in learner.first] == [w.shape for w in learner.weights]


def test_round_trip_learns_on_bit_for_bit() -> None:
    learner = fresh((5, 4, 2), 0)
    learner.step(loss, 0.1)
    again = Learner.from_state(learner.state_dict("a."), "a.", 2)
    for either in (learner, again):
        either.step(loss, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(learner.weights, again.weights, strict=True))


def test_what_it_costs() -> None:
    learner = fresh((5, 4, 2), 0)
    assert learner.adds == 5 * 4 + 4 + 4 * 2 + 2
    assert learner.stored_values == 3 * learner.adds + 1
