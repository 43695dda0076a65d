"""What every entry of GATING promises. Each stands in the state of a run: two tasks of two classes, one expert each."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from smalti.model.gating import GatingNetwork, GatingOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.gating.networks import GATING
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.protocol import expert_listener

FEATURES = 8
WIDTHS = {3: 5, 1: 3}  # of the experts, where those are heard: both there from the beginning
EVERY = sorted({*GATING} - {"crossbar", "levels"})  # which hear of the chip: tests of their own in networks
DENSITIES = ["autoencoder", "gaussian", "lda", "prototype", "seed", "staged", "trunk"]


def make(name: str, features: int = FEATURES) -> GatingNetwork:
    learned = LearnedGateOptions(hidden=4, steps=30, rehearsal=30, balance="loss_free")
    gate = GATING[name](GatingOptions(network=name, learned=learned), features)
    gate.assignment.assign(3, [4, 0])
    gate.assignment.assign(1, [2, 6])
    listener = expert_listener(gate)
    if listener is not None:
        listener.renew({3: FEATURES} if name == "trunk" else WIDTHS, trained=1)
    if isinstance(gate, LabelGating):
        gate.given(1)
    return gate


def task(number: int, samples: int = 120) -> tuple[Tensor, Tensor]:
    """Counts of two classes whose rates follow from the task; classes 4 and 0, then 2 and 6, then others."""
    chance = torch.Generator().manual_seed(number)
    rates = 12.0 * torch.rand(2, FEATURES, generator=chance) ** 2
    which = torch.randint(0, 2, (samples,), generator=chance)
    classes = torch.tensor([[4, 0], [2, 6], [5, 7]])[number]
    return torch.poisson(rates[which], generator=chance), classes[which]


def taught(name: str) -> GatingNetwork:
    gate = make(name)
    for number in range(2):
        counts, labels = task(number)
        for part in range(0, len(counts), 30):
            gate.observe(counts[part : part + 30], labels[part : part + 30], number)
    return gate


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize("name", EVERY)
def test_experts_and_classes_are_the_columns_of_normalised_scores(name: str) -> None:
    gate, (counts, _) = taught(name), task(1)
    assert gate.hears in ("inputs", "experts", "nothing")
    assert gate.assignment.experts == (3, 1)
    assert gate.classes == (0, 2, 4, 6)
    scores, density = gate.scores(counts), gate.class_scores(counts)
    assert scores.shape == (120, 2)
    assert density.shape == (120, 4)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(120), rtol=1e-5, atol=1e-5)
    assert not torch.isnan(density).any()
    assert scores.dtype == density.dtype == torch.float32
    assert gate.scores(counts.double()).dtype == torch.float64


@pytest.mark.parametrize("name", [*DENSITIES, "label"])
def test_who_does_not_forget_finds_the_expert(name: str) -> None:
    gate = taught(name)
    right = []
    for number in range(2):
        if isinstance(gate, LabelGating):
            gate.given((3, 1)[number])
        right.append((gate.scores(task(number)[0]).argmax(1) == number).float().mean())
    assert min(right) > 0.8, right


@pytest.mark.parametrize("name", EVERY)
def test_asking_changes_nothing(name: str) -> None:
    gate, counts = taught(name), task(0)[0]
    before, first = gate.state_dict(), gate.scores(counts)
    gate.class_scores(counts)
    gate.novelty(counts)
    assert torch.equal(gate.scores(counts), first)
    assert torch.equal(gate.scores(counts.T.contiguous().T), first)
    assert same(before, gate.state_dict())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("learned", [0, 1, 45, 120])
def test_state_makes_the_round_trip_bit_for_bit_and_learns_on(name: str, learned: int, tmp_path: Path) -> None:
    gate, other = make(name), taught(name)
    counts, labels = task(0)
    gate.observe(counts[:learned], labels[:learned], 0)
    save_file(gate.state_dict(), tmp_path / "gate.safetensors")
    other.load_state_dict(load_file(tmp_path / "gate.safetensors"))
    for _ in range(2):
        assert same(gate.state_dict(), other.state_dict())
        assert (gate.assignment.experts, gate.classes) == (other.assignment.experts, other.classes)
        assert gate.stored_values == other.stored_values
        assert gate.adds_per_sample == other.adds_per_sample
        assert gate.multiplications_per_sample == other.multiplications_per_sample
        assert gate.novelty(counts) == other.novelty(counts)
        assert torch.equal(gate.scores(counts), other.scores(counts))
        for either in (gate, other):
            either.observe(*task(1), 1)


@pytest.mark.parametrize("name", EVERY)
def test_a_state_that_lacks_something_is_refused(name: str) -> None:
    state = taught(name).state_dict()
    for key in [k for k in state if k != "given"]:
        other = make(name)
        before = other.state_dict()
        with pytest.raises(ValueError, match=rf"the state of a \w+ gating network lacks .*{key.split('.')[-1]}"):
            other.load_state_dict({k: v for k, v in state.items() if k != key})
        assert same(before, other.state_dict())


@pytest.mark.parametrize("name", ["autoencoder", "gaussian", "lda", "prototype", "softmax", "staged"])
def test_a_state_of_another_width_is_refused(name: str) -> None:
    other = make(name, FEATURES + 1)
    with pytest.raises(ValueError, match=r"load it with the stream.* it was saved with"):
        other.load_state_dict(taught(name).state_dict())
    assert other.classes == ()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_bad_counts_and_labels_are_refused_and_teach_nothing(name: str, bad: float) -> None:
    gate, (counts, labels) = taught(name), task(0)
    before = gate.state_dict()
    spoiled = counts.clone()
    spoiled[5, 2] = bad
    for ask in (gate.scores, gate.class_scores, gate.novelty, lambda c: gate.observe(c, labels, 0)):
        with pytest.raises(ValueError, match="numbers of spikes"):
            ask(spoiled)
        with pytest.raises(ValueError, match=r"takes \[B, 8\]"):
            ask(counts[:, :-1])
    for wrong in (labels[:-1], labels.float(), labels - 9):
        with pytest.raises(ValueError, match="one class number"):
            gate.observe(counts, wrong, 0)
    assert same(before, gate.state_dict())


@pytest.mark.parametrize("name", EVERY)
def test_a_class_has_one_expert(name: str) -> None:
    with pytest.raises(ValueError, match="class 0 is served by expert 3"):
        make(name).assignment.assign(1, [0])


@pytest.mark.parametrize("name", EVERY)
def test_without_experts_there_is_nothing_to_score(name: str) -> None:
    gate = GATING[name](GatingOptions(network=name), FEATURES)
    counts = torch.zeros(2, 0 if gate.hears == "experts" else FEATURES)
    with pytest.raises(ValueError, match=r"assign classes to an expert first|call given"):
        gate.scores(counts)
    assert gate.novelty(counts) == math.inf


@pytest.mark.parametrize("name", DENSITIES)
def test_new_inputs_are_novel_and_known_ones_are_not(name: str) -> None:
    gate = taught(name)
    known = [gate.novelty(task(number, 400)[0][200:]) for number in range(2)]
    assert max(known) < 0.5 < gate.novelty(task(2)[0]), known


@pytest.mark.parametrize("name", EVERY)
def test_costs_do_not_grow_with_samples(name: str) -> None:
    gate = taught(name)
    held, adds, products = gate.stored_values, gate.adds_per_sample, gate.multiplications_per_sample
    assert held > 0
    assert (adds == 0) == (products == 0) == (gate.hears == "nothing")
    for number in range(2):
        gate.observe(*task(number), number)
    assert (gate.stored_values, gate.adds_per_sample, gate.multiplications_per_sample) == (held, adds, products)
