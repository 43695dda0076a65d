"""The running window of a gating network, against counts by hand and a posterior that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.assignment import Assignment
from smalti.model.gating.features import spike_counts
from smalti.model.gating.networks import GATING
from smalti.model.gating.running import AT_ONCE, answering, resolved, running_counts, scores_in_time, windows_of

STEPS, CHANNELS, WIDTH = 14, 5, 4


def spikes(samples: int, steps: int = STEPS, seed: int = 0) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return (torch.rand((samples, steps, CHANNELS), generator=chance) < 0.4).to(torch.uint8)


class Poisson:
    """Knows the rates [E, I] at which channels fire in ``width`` steps under each of two experts."""

    rates = torch.tensor([[3.0, 0.5, 1.0, 2.0, 0.1], [1.0, 1.0, 1.5, 0.2, 0.6]], dtype=torch.float64)
    classes = ()
    assignment = Assignment()

    def scores(self, counts: Tensor) -> Tensor:
        return (counts.double() @ self.rates.log().T - self.rates.sum(1)).log_softmax(1)


@pytest.mark.parametrize("width", [1, 4, STEPS])
def test_counts_are_those_of_the_last_steps(width: int) -> None:
    x = spikes(3)
    counts = running_counts(x, width)
    for t in range(STEPS):
        for sample in range(3):
            for channel in range(CHANNELS):
                last = [int(x[sample, s, channel]) for s in range(max(0, t - width + 1), t + 1)]
                assert counts[sample, t, channel] == sum(last)


def test_a_gate_learns_from_windows_of_whole_steps_of_every_phase() -> None:
    x = spikes(22)
    counts, rows = windows_of(x, WIDTH)
    expected, of, ends = [], [], []
    for sample in range(22):
        phase = sample * WIDTH // 22
        for end in range(WIDTH, STEPS + 1):
            if (STEPS - phase - end) % WIDTH == 0:
                expected.append(x[sample, end - WIDTH : end].sum(0))
                of.append(sample)
                ends.append(end)
    assert rows.tolist() == of
    assert counts.tolist() == torch.stack(expected).tolist()
    assert set(ends) == set(range(WIDTH, STEPS + 1))
    assert min(of.count(sample) for sample in range(22)) >= 2  # windows of a sample lie side by side


def test_one_window_of_the_whole_sample_is_what_a_gate_hears_that_decides_once() -> None:
    x = spikes(9)
    counts, rows = windows_of(x, STEPS)
    assert torch.equal(counts, spike_counts(x, 1))
    assert rows.tolist() == list(range(9))


@pytest.mark.parametrize("network", ["gaussian", "lda", "prototype", "autoencoder", "softmax"])
def test_with_a_window_of_the_whole_sample_the_last_step_is_scored_as_the_sample(network: str) -> None:
    options = GatingOptions(network=network, running=STEPS, top=0)
    gate, x, labels = GATING[network](options, CHANNELS), spikes(AT_ONCE + 6), torch.arange(AT_ONCE + 6) % 2
    x[labels == 1, :, 0] = 1
    for expert in (0, 1):
        gate.assignment.assign(expert, (expert,))
        gate.observe(spike_counts(x[labels == expert], 1), labels[labels == expert], expert)
    whole = gate.scores(spike_counts(x, 1)).double()
    assert torch.equal(scores_in_time(gate, options, x)[:, -1], whole)
    assert whole.std() > 0.1


def test_before_a_whole_window_has_passed_its_posterior_is_that_of_the_steps_so_far() -> None:
    """Poisson counts of t steps have t / w of the rates of w."""
    x, options = spikes(6), GatingOptions(running=WIDTH, top=0)
    scored = scores_in_time(Poisson(), options, x)  # type: ignore[arg-type]
    for t in range(1, STEPS + 1):
        seen = min(t, WIDTH)
        counts = x[:, t - seen : t].sum(1).double()
        exact = counts @ Poisson.rates.log().T - Poisson.rates.sum(1) * seen / WIDTH
        torch.testing.assert_close(scored[:, t - 1].softmax(1), exact.softmax(1), rtol=1e-5, atol=1e-7)


def test_the_best_answer_at_every_step_and_no_others() -> None:
    x, options = spikes(6), GatingOptions(running=WIDTH, top=1)
    every = scores_in_time(Poisson(), replace(options, top=0), x)  # type: ignore[arg-type]
    best = scores_in_time(Poisson(), options, x)  # type: ignore[arg-type]
    assert torch.equal(best.argmax(2), every.argmax(2))
    assert torch.isfinite(best).sum(2).eq(1).all()
    assert len(set(best.argmax(2).flatten().tolist())) == 2
    assert (best.max(2).values == every.max(2).values).all()


def test_the_best_may_be_the_expert_of_the_most_probable_class() -> None:
    """Two classes near the counts outweigh one that is nearer, unless classes are chosen."""
    gate = GATING["prototype"](GatingOptions(network="prototype"), 1)
    gate.assignment.assign(0, (0, 1))
    gate.assignment.assign(1, (2,))
    gate.observe(torch.tensor([[16.0], [16.0], [9.0]]), torch.tensor([0, 1, 2]), 0)
    counts = torch.tensor([[12.2]])
    for choose, best in (("expert", 0), ("class", 1)):
        said = answering(gate, GatingOptions(choose=choose), counts)  # type: ignore[arg-type]
        assert said.isfinite().tolist() == [[best == 0, best == 1]]


def test_options_are_spelled_out_for_the_samples() -> None:
    once = resolved(GatingOptions(), 40, 40)
    assert (once.listen, once.windows) == (40, 5)
    assert resolved(GatingOptions(listen=10, windows=2), 40, 1) == GatingOptions(listen=10, windows=2)
    assert resolved(GatingOptions(running=7), 40, 40) == GatingOptions(running=7, windows=1)
    assert resolved(GatingOptions(running=40), 40, 40).running == 40
    with pytest.raises(
        ValueError, match=r"gating\.running = 41 is longer than a sample of 40 time steps; give 0 to 40"
    ):
        resolved(GatingOptions(running=41), 40, 40)
