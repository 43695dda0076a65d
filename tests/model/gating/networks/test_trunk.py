"""A gate on one expert's spikes: it hears the first that has neurons, and tells all classes by it."""

from __future__ import annotations

import pytest
import torch

from smalti.model.gating.networks.seed import SeedGating
from smalti.model.gating.networks.trunk import TrunkGating
from smalti.model.gating.options import GatingOptions

OPTIONS = GatingOptions(network="trunk")


def test_it_hears_the_first_expert_that_has_neurons_and_no_other() -> None:
    gate = TrunkGating(OPTIONS, 3)
    gate.assignment.assign(2, [0, 1])
    gate.renew({0: 0}, trained=0)
    assert gate.widths == {}
    gate.renew({0: 0, 2: 4, 5: 3}, trained=2)
    assert gate.widths == {2: 4}
    counts, labels = torch.poisson(torch.full((30, 4), 5.0)), torch.arange(30) % 2
    gate.observe(counts, labels, 0)
    gate.renew({0: 0, 2: 4, 5: 3, 6: 9}, trained=6)
    assert (gate.widths, gate.classes) == ({2: 4}, (0, 1))
    with pytest.raises(ValueError, match=r"takes \[B, 4\]"):
        gate.scores(torch.zeros(1, 7))
    with pytest.raises(ValueError, match="have other neurons than when they were heard"):
        gate.renew({0: 0, 2: 5}, trained=6)
    gate.renew({0: 0, 2: 4}, trained=2)  # its neurons moved
    assert gate.classes == ()


def test_classes_of_others_are_not_lost_unnoticed() -> None:
    gate = TrunkGating(OPTIONS, 3)
    gate.assignment.assign(0, [0])
    gate.renew({0: 4}, trained=0)
    gate.observe(torch.poisson(torch.full((20, 4), 5.0)), torch.zeros(20, dtype=torch.int64), 0)
    assert gate.hang_on(0) == ()
    gate.assignment.assign(1, [1, 2])
    gate.renew({0: 4, 1: 2}, trained=1)
    gate.observe(torch.poisson(torch.full((20, 4), 5.0)), torch.arange(20) % 2 + 1, 1)
    assert (gate.hang_on(0), gate.hang_on(1)) == ((1, 2), ())
    gate.renew({0: 4, 1: 2}, trained=None)  # its first task again, and nobody has moved
    assert gate.classes == (0, 1, 2)
    with pytest.raises(ValueError, match=r"expert 0 has been trained again, .* classes \[1, 2\] of other experts"):
        gate.renew({0: 4, 1: 2}, trained=0)
    assert gate.classes == (0, 1, 2)


def test_it_is_what_would_be_heard_if_there_were_no_other_expert() -> None:
    gate, alone = TrunkGating(OPTIONS, 3), SeedGating(OPTIONS, 3)
    gate.renew({1: 4, 2: 6}, trained=2)
    alone.renew({1: 4}, trained=2)
    counts, labels = torch.poisson(torch.rand(60, 4) * 8), torch.arange(60) % 3
    for one in (gate, alone):
        one.observe(counts, labels, 0)
    assert torch.equal(gate.class_scores(counts), alone.class_scores(counts))
    assert gate.adds_per_sample == alone.adds_per_sample
