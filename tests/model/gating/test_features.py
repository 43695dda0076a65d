from __future__ import annotations

import pytest
import torch

from smalti.model.gating.features import checked_counts, checked_labels, heard_steps, spike_counts, window_count


def test_counts_by_hand_in_uneven_windows() -> None:
    x = torch.zeros(2, 5, 3, dtype=torch.bool)  # T = 5 in two windows: steps 0-1 and 2-4
    x[0, 0, 0] = x[0, 1, 0] = x[0, 2, 0] = x[0, 4, 2] = x[1, 3, 1] = True
    expected = torch.tensor([[2.0, 0, 0, 1, 0, 1], [0, 0, 0, 0, 1, 0]])
    assert torch.equal(spike_counts(x, 2), expected)
    assert torch.equal(spike_counts(x.float(), 2), expected)


@pytest.mark.parametrize("windows", [1, 2, 3, 7, 10])
def test_every_step_is_counted_once(windows: int) -> None:
    x = (torch.rand(4, 10, 6, generator=torch.Generator().manual_seed(0)) < 0.5).to(torch.uint8)
    counts = spike_counts(x, windows)
    assert counts.shape == (4, windows * 6)
    assert torch.equal(counts.reshape(4, windows, 6).sum(1), x.sum(1).float())


def test_listening_to_all_or_to_the_beginning() -> None:
    assert [heard_steps(listen, 12) for listen in (0, 1, 12)] == [12, 1, 12]
    with pytest.raises(ValueError, match=r"gating\.listen = 13 is longer than a sample of 12 time steps"):
        heard_steps(13, 12)


def test_labels_are_class_numbers() -> None:
    assert checked_labels(torch.tensor([3, 0], dtype=torch.uint8), 2).tolist() == [3, 0]
    with pytest.raises(ValueError, match=r"labels of shape \(2,\) and type torch.int64 for 3 samples"):
        checked_labels(torch.tensor([3, 0]), 3)


def test_automatic_windows() -> None:
    assert [window_count(0, steps) for steps in (5, 25, 26, 100)] == [1, 1, 5, 5]
    assert window_count(3, 100) == 3


def test_automatic_windows_follow_a_time_axis_of_the_data() -> None:
    assert [window_count(0, steps, steps) for steps in (2, 3, 5, 12, 25, 26, 100)] == [2, 3, 5, 5, 5, 5, 5]
    assert window_count(0, 25, 3) == 3  # three steps that are held
    assert window_count(0, 4, 50) == 4  # the gate listens to the first four alone
    assert window_count(2, 12, 12) == 2


@pytest.mark.parametrize("windows", [0, 6])
def test_refuses_window_counts_that_do_not_fit(windows: int) -> None:
    with pytest.raises(ValueError, match=f"windows = {windows} .*time steps, 5"):
        spike_counts(torch.zeros(1, 5, 2), windows)


def test_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match=r"give \[B, T, I\]"):
        spike_counts(torch.zeros(5, 2), 1)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_refuses_values_that_are_no_counts(bad: float) -> None:
    counts = torch.ones(3, 2)
    assert checked_counts(counts, 2).dtype == torch.float64
    counts[1, 1] = bad
    with pytest.raises(ValueError, match="numbers of spikes"):
        checked_counts(counts, 2)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (1, 3, 2)])
def test_refuses_another_number_of_features(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes \[B, 2\]"):
        checked_counts(torch.zeros(shape), 2)
