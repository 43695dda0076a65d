from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.adaptation import KeepsMeans, adapted, check_adaptable
from smalti.model.gating.networks import GATING

FEATURES, CLASSES = 12, 3
ADAPTABLE = ("gaussian", "lda", "prototype")


def samples(count: int, seed: int, shift: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Counts [S, F] of classes whose means of sqrt(counts) are far apart, all shifted alike, and classes."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    means = 4.0 + 3.0 * torch.eye(CLASSES).repeat_interleave(FEATURES // CLASSES, dim=1)
    noise = 0.3 * torch.randn((count, FEATURES), generator=random)
    return (means[labels] + noise + shift).clamp_min(0.0).square(), labels


@pytest.fixture(params=ADAPTABLE)
def gate(request: pytest.FixtureRequest) -> KeepsMeans:
    made = GATING[request.param](GatingOptions(network=request.param, rank=2), FEATURES)
    counts, labels = samples(300, 0)
    made.observe(counts, labels, 0)
    assert isinstance(made, KeepsMeans)
    return made


def test_means_are_those_of_the_square_roots(gate: KeepsMeans) -> None:
    counts, labels = samples(300, 0)
    expected = torch.stack([counts[labels == c].sqrt().mean(0) for c in range(CLASSES)])
    torch.testing.assert_close(gate.class_means, expected.double(), atol=1e-5, rtol=1e-5)


def test_a_shift_that_all_share_is_taken_back_without_labels(gate: KeepsMeans) -> None:
    shift = torch.linspace(-0.5, 0.5, FEATURES)
    shifted, labels = samples(300, 1, shift)
    plain, _ = samples(300, 1)
    found = adapted(gate, shifted, 300)
    assert float((found.sqrt() - plain.sqrt()).abs().max()) < 0.1
    assert gate.class_scores(found).argmax(1).equal(labels)


def test_what_is_known_stays_as_it_is(gate: KeepsMeans) -> None:
    plain, _ = samples(300, 1)
    assert float((adapted(gate, plain, 300).sqrt() - plain.sqrt()).abs().max()) < 0.1


def test_one_class_alone_is_not_drawn_to_the_middle_of_all(gate: KeepsMeans) -> None:
    plain, labels = samples(300, 1)
    found = adapted(gate, plain[labels == 2], 300)
    assert set(gate.class_scores(found).argmax(1).tolist()) == {2}


def test_a_few_samples_are_listened_to_for_all(gate: KeepsMeans) -> None:
    shifted, _ = samples(300, 1, 0.5)
    few, every = (adapted(gate, shifted, count) for count in (20, 300))
    assert not torch.equal(few, every)
    assert float((few.sqrt() - every.sqrt()).abs().max()) < 0.3
    assert torch.equal(few, adapted(gate, shifted, 20))


@pytest.mark.parametrize("network", sorted(set(GATING) - set(ADAPTABLE)))
def test_who_keeps_no_means_refuses(network: str) -> None:
    options = GatingOptions(network=network)
    gate = GATING[network](options, FEATURES)
    check_adaptable(gate, 0, network)
    with pytest.raises(ValueError, match=r"gating\.adapt = 5 needs class means"):
        check_adaptable(gate, 5, network)


@pytest.mark.parametrize("network", ADAPTABLE)
def test_who_knows_no_class_yet_can_adapt_later(network: str) -> None:
    gate = GATING[network](GatingOptions(network=network), FEATURES)
    check_adaptable(gate, 5, network)
    assert isinstance(gate, KeepsMeans)
    assert gate.class_means.shape == (0, FEATURES)


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gating\.adapt"):
        replace(GatingOptions(), adapt=-1)
