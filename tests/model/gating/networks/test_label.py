from __future__ import annotations

import math

import pytest
import torch

from smalti.model.gating import GatingNetwork, GatingOptions
from smalti.model.gating.networks import GATING
from smalti.model.gating.networks.label import LabelGating


def gate() -> LabelGating:
    g = LabelGating(GatingOptions(network="label"), 3)
    g.assignment.assign(4, [0, 1])
    g.assignment.assign(2, [5])
    g.observe(torch.ones(3, 3), torch.tensor([5, 0, 1]), 0)
    return g


def test_only_the_given_expert_scores() -> None:
    g = gate()
    counts = torch.zeros(2, 3)
    g.given(2)
    assert g.scores(counts).tolist() == [[-math.inf, 0.0]] * 2
    assert g.classes == (0, 1, 5)
    assert g.class_scores(counts).tolist() == [[-math.inf, -math.inf, 0.0]] * 2
    g.given(4)
    assert g.scores(counts).tolist() == [[0.0, -math.inf]] * 2
    assert torch.equal(g.scores(counts).exp().sum(1), torch.ones(2))


def test_must_be_told_a_known_expert() -> None:
    g = gate()
    with pytest.raises(ValueError, match="call given"):
        g.scores(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="expert 3 is none of"):
        g.given(3)


def test_never_alarms_once_it_has_seen_something() -> None:
    g = LabelGating(GatingOptions(network="label"), 3)
    assert g.novelty(torch.zeros(1, 3)) == math.inf
    assert gate().novelty(torch.full((1, 3), 99.0)) == 0.0


def test_refuses_counts_of_another_width() -> None:
    with pytest.raises(ValueError, match=r"takes \[B, 3\]"):
        gate().scores(torch.zeros(1, 4))


def test_round_trip() -> None:
    g = gate()
    g.given(2)
    other: GatingNetwork = GATING["label"](g.options, 3)
    other.load_state_dict(g.state_dict())
    assert other.assignment.experts == g.assignment.experts
    assert other.classes == g.classes
    assert torch.equal(other.scores(torch.zeros(1, 3)), g.scores(torch.zeros(1, 3)))
    with pytest.raises(ValueError, match="lacks given"):
        other.load_state_dict({k: v for k, v in g.state_dict().items() if k != "given"})


def test_costs_nothing_but_the_assignment() -> None:
    assert gate().stored_values == 6
    assert gate().adds_per_sample == 0
