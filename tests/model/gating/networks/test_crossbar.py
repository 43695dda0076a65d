"""What columns say against the discriminants that they stand for, worked out from counts; that needs no chip."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from smalti.model.gating.columns import Column
from smalti.model.gating.crossbar import CrossbarOptions
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.options import GatingOptions

CHANNELS, WINDOWS = 4, 2
FEATURES = CHANNELS * WINDOWS


def make(centres: int = 2) -> CrossbarGating:
    options = GatingOptions(network="crossbar", windows=WINDOWS, crossbar=CrossbarOptions(centres=centres))
    gate = CrossbarGating(options, FEATURES)
    gate.assignment.assign(3, [4, 0])
    gate.assignment.assign(1, [2])
    return gate


def samples(number: int = 240, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Class 0 comes in two ways, between which class 4 lies."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 2, 4])[torch.randint(0, 3, (number,), generator=chance)]
    way = torch.randint(0, 2, (number,), generator=chance)
    level = torch.where(labels == 0, torch.where(way == 0, 4.0, 36.0), 16.0)
    rates = level[:, None].expand(-1, FEATURES).clone()
    rates[labels == 2, :CHANNELS] = 4.0
    return torch.poisson(rates, generator=chance), labels


def columns_of(gate: CrossbarGating, labels: tuple[int, ...]) -> tuple[Column, ...]:
    keys = [(c, k, w) for c in labels for k in range(len(gate.centres.count[c])) for w in range(WINDOWS)]
    return tuple(Column(slot, *key) for slot, key in enumerate(keys))


def taught(labels: tuple[int, ...] = (0, 2, 4), centres: int = 2) -> tuple[CrossbarGating, Tensor]:
    """A gate with columns for some classes, and their weights [F, P] as they see counts."""
    gate = make(centres)
    counts, classes = samples()
    for part in range(0, len(counts), 60):
        gate.observe(counts[part : part + 60], classes[part : part + 60], 0)
    columns = columns_of(gate, labels)
    programme = gate.program(columns, torch.ones(FEATURES, dtype=torch.bool))
    weights = torch.zeros(FEATURES, len(columns), dtype=torch.float64)
    for place, column in enumerate(columns):
        weights[column.window * CHANNELS : (column.window + 1) * CHANNELS, place] = programme.weights[:, place]
    return gate, weights


def test_columns_say_what_the_mixture_of_centres_says() -> None:
    gate, weights = taught()
    counts, labels = samples(seed=1)
    f, metric = counts.double(), gate.centres.covariance()
    expected = []
    for label in gate.classes:
        count = gate.centres.count[label]
        normal = torch.distributions.MultivariateNormal(gate.centres.means(label), metric)
        expected.append((normal.log_prob(f[:, None]) + (count / count.sum()).log()).logsumexp(1))
    said = gate.class_scores(f @ weights)
    torch.testing.assert_close(said.log_softmax(1), torch.stack(expected, 1).log_softmax(1))
    assert float((torch.tensor(gate.classes)[said.argmax(1)] == labels).double().mean()) > 0.95
    assert gate.adds_per_sample == len(gate.columns) * 1.5 + len(gate.columns) + len(gate.discriminants)
    assert gate.multiplications_per_sample == 2 * len(gate.columns) + len(gate.discriminants)


def test_two_centres_tell_what_one_cannot() -> None:
    right = []
    for centres in (1, 2):
        gate, weights = taught(centres=centres)
        counts, labels = samples(seed=1)
        said = gate.class_scores(counts.double() @ weights)
        right.append(float((torch.tensor(gate.classes)[said.argmax(1)] == labels).double().mean()))
    assert right[0] < 0.85
    assert right[1] > 0.95


def test_columns_that_hear_nobody_know_how_often_classes_come_no_better_than_their_centres() -> None:
    gate, _ = taught()
    gate.program(gate.columns, torch.zeros(FEATURES, dtype=torch.bool))
    said = gate.class_scores(torch.zeros(2, len(gate.columns)))
    torch.testing.assert_close(said, torch.zeros(2, 3))


def test_experts_share_what_their_classes_have() -> None:
    gate, weights = taught()
    values = samples(seed=1)[0].double() @ weights
    density = gate.class_scores(values) / gate.options.temperature
    by_expert = torch.stack([density[:, [0, 2]].logsumexp(1), density[:, 1]], 1)
    torch.testing.assert_close(gate.scores(values), by_expert.log_softmax(1))
    assert gate.scores(values.float()).dtype == torch.float32


def test_a_class_without_columns_is_unknown_to_the_answer() -> None:
    gate, weights = taught(labels=(0, 4))
    assert (gate.classes, gate.without_columns) == ((0, 4), ((2, 0), (2, 1)))
    assert gate.class_scores(samples()[0].double() @ weights).shape == (240, 2)
    assert gate.scores(samples()[0].double() @ weights)[0].tolist() == [0.0, -math.inf]
    fresh = make()
    assert fresh.scores(torch.zeros(3, 0)).exp().tolist() == [[0.5, 0.5]] * 3
    with pytest.raises(ValueError, match="no columns yet; call observe and program first"):
        fresh.class_scores(torch.zeros(3, 0))
    with pytest.raises(ValueError, match=r"takes \[B, 8\], a number for each of its columns"):
        gate.class_scores(torch.zeros(3, 7))
    blank = CrossbarGating(gate.options, FEATURES)
    with pytest.raises(ValueError, match="assign classes to an expert first"):
        blank.scores(torch.zeros(3, 0))


def test_what_is_known_is_less_novel_than_what_is_not() -> None:
    gate, _ = taught()
    other = torch.poisson(torch.full((200, FEATURES), 70.0), generator=torch.Generator().manual_seed(4))
    assert gate.novelty(samples(seed=5)[0]) < 0.5 < gate.novelty(other)
    assert make().novelty(other) == math.inf


def test_bad_counts_teach_nothing() -> None:
    gate, _ = taught()
    before, (counts, labels) = gate.state_dict(), samples()
    with pytest.raises(ValueError, match="numbers of spikes"):
        gate.observe(-counts, labels, 0)
    with pytest.raises(ValueError, match="one class number"):
        gate.observe(counts, labels[:-1], 0)
    assert all(torch.equal(value, gate.state_dict()[name]) for name, value in before.items())


def test_state_makes_the_round_trip_bit_for_bit_and_learns_on(tmp_path: Path) -> None:
    gate, weights = taught()
    other, values = make(), samples(seed=1)[0].double() @ weights
    save_file(gate.state_dict(), tmp_path / "gate.safetensors")
    other.load_state_dict(load_file(tmp_path / "gate.safetensors"))
    assert other.columns == gate.columns
    assert torch.equal(other.scores(values), gate.scores(values))
    for one in (gate, other):
        one.observe(*samples(30, seed=8), 1)
    assert gate.novelty(samples()[0]) == other.novelty(samples()[0])
    assert gate.stored_values == other.stored_values
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in gate.state_dict().items())


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = taught()[0].state_dict()
    for key in state:
        with pytest.raises(ValueError, match=rf"the state of a crossbar gating network lacks .*{key}"):
            make().load_state_dict({k: v for k, v in state.items() if k != key})
    other = CrossbarGating(GatingOptions(network="crossbar"), FEATURES + 1)
    with pytest.raises(ValueError, match=r"8 features, the network 9; load it with the stream"):
        other.load_state_dict(state)
