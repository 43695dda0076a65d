from __future__ import annotations

import torch

from smalti.model.gating.densities.reservoir import Reservoir


def shown(size: int, samples: int, batch: int) -> Reservoir:
    """Sample n has the features (n, -n) and the label n."""
    kept = Reservoir(size, 2)
    n = torch.arange(samples)
    for part in range(0, samples, batch):
        rows = n[part : part + batch]
        kept.add(torch.stack([rows, -rows], 1).double(), rows)
    return kept


def test_everything_is_kept_while_there_is_room() -> None:
    assert shown(50, 50, 7).labels.tolist() == list(range(50))


def test_samples_are_kept_whole_and_once() -> None:
    kept = shown(40, 500, 33)
    assert torch.equal(kept.features, torch.stack([kept.labels, -kept.labels], 1).double())
    assert len(set(kept.labels.tolist())) == 40
    assert kept.seen == 500


def test_old_and_new_are_kept_alike() -> None:
    labels = shown(400, 4000, 64).labels
    quarters = torch.bincount(labels // 1000, minlength=4)
    assert (quarters - 100).abs().max() < 35  # four standard deviations


def test_no_room_keeps_nothing() -> None:
    kept = shown(0, 100, 30)
    assert len(kept.labels) == 0
    assert len(kept.draw(10, 0)[0]) == 0


def test_the_same_samples_are_kept_and_drawn_again() -> None:
    one, other = shown(40, 500, 33), shown(40, 500, 33)
    assert torch.equal(one.features, other.features)
    assert torch.equal(one.draw(9, 2)[1], other.draw(9, 2)[1])
    assert not torch.equal(one.draw(9, 2)[1], other.draw(9, 3)[1])
    assert len(set(one.draw(9, 2)[1].tolist())) == 9
    assert len(one.draw(99, 0)[1]) == 40
