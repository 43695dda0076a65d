"""Stages against their members asked one by one, margins against a search by hand, work against both."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.gating.columns import Column
from smalti.model.gating.densities.mixture import UNKNOWN
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.lda import LdaGating
from smalti.model.gating.networks.staged import StagedGating, least_margin, on_chip
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.stages import StageOptions
from smalti.model.work import Work

CHANNELS, CLASSES = 6, 5


def samples(number: int, seed: int, windows: int = 1) -> tuple[Tensor, Tensor]:
    """Counts of classes whose rates overlap, louder or softer by chance: a nearest mean errs."""
    chance = torch.Generator().manual_seed(seed)
    rates = 1.0 + 9.0 * torch.rand(CLASSES, CHANNELS, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, CLASSES, (number,), generator=chance)
    loudness = (0.6 * torch.randn(number, 1, generator=chance)).exp()
    counts = torch.poisson((loudness * rates[labels]).repeat(1, windows) / windows, generator=chance)
    return counts, labels


def taught(windows: int = 1, **stages: Any) -> StagedGating:
    options = GatingOptions(network="staged", windows=windows, stages=stages)  # type: ignore[arg-type]
    gate = StagedGating(options, windows * CHANNELS)
    gate.observe(*samples(400, 1, windows), 0)
    return gate


def margins_of(density: Tensor) -> Tensor:
    best = density.sort(1, descending=True).values
    return best[:, 0] - best[:, 1]


def test_who_is_sure_answers_and_who_is_not_asks_on_about_the_best() -> None:
    gate = taught(margin=2.0, classes=2)
    first, last = LdaGating(gate.options, CHANNELS), GaussianGating(gate.options, CHANNELS)
    for member in (first, last):
        member.observe(*samples(400, 1), 0)
    counts = samples(200, 2)[0].double()
    cheap, dear = first.class_scores(counts), last.class_scores(counts)
    sure = margins_of(cheap) >= 2.0
    assert 20 < int(sure.sum()) < 180
    best = cheap.argsort(1, descending=True)[:, :2]
    narrowed = torch.full_like(dear, UNKNOWN).scatter(1, best, dear.gather(1, best))
    torch.testing.assert_close(gate.class_scores(counts), torch.where(sure[:, None], cheap, narrowed))
    assert torch.equal(gate.last_asked(counts), (~sure).long())
    assert set(narrowed[~sure].argmax(1).tolist()) <= set(range(CLASSES))


def test_an_easy_sample_costs_its_first_stage_and_a_hard_one_a_share_of_the_next() -> None:
    gate = taught(classes=2)
    cheap, dear = LdaGating(gate.options, CHANNELS), GaussianGating(gate.options, CHANNELS)
    for member in (cheap, dear):
        member.observe(*samples(400, 1), 0)
    assert gate.work(torch.tensor([0, 0])) == Work(cheap.adds_per_sample, cheap.multiplications_per_sample)
    half = gate.work(torch.tensor([0, 1]))
    assert half.additions == pytest.approx(cheap.adds_per_sample + 0.5 * dear.adds_per_sample * 2 / CLASSES)
    products = cheap.multiplications_per_sample + 0.5 * dear.multiplications_per_sample * 2 / CLASSES
    assert half.multiplications == pytest.approx(products)
    assert gate.adds_per_sample == math.ceil(gate.work(torch.tensor([1])).additions)
    whole = taught(classes=0)
    assert whole.adds_per_sample == cheap.adds_per_sample + dear.adds_per_sample
    assert whole.stored_values == cheap.stored_values + dear.stored_values + 1


def test_until_a_task_has_ended_all_stages_are_asked() -> None:
    gate, counts = taught(), samples(50, 2)[0]
    assert gate.margins == (math.inf,)
    assert gate.last_asked(counts).tolist() == [1] * 50


def test_tuned_it_errs_no_more_than_if_all_were_asked_on_and_asks_on_less() -> None:
    gate = taught(networks=("prototype", "lda"), classes=0)
    counts, labels = samples(300, 3)
    dear = int((gate.class_scores(counts).argmax(1) != labels).sum())
    gate.tune(counts, labels)
    assert int((gate.class_scores(counts).argmax(1) != labels).sum()) <= dear
    assert 0.0 < float(gate.last_asked(counts).double().mean()) < 1.0
    (before,) = gate.margins
    gate.tune(counts[:1], labels[:1])  # another task that wants less changes nothing
    assert gate.margins == (before,)
    assert taught(margin=1.5).margins == (1.5,)


@pytest.mark.parametrize("seed", range(8))
def test_the_least_margin_is_the_least(seed: int) -> None:
    """Against every margin that there is."""
    chance = torch.Generator().manual_seed(seed)
    margin = (4 * torch.rand(40, generator=chance, dtype=torch.float64)).round()  # with ties
    own, asked_on = torch.rand(2, 40, generator=chance) < torch.tensor([[0.7], [0.8]])

    def wrong(least: float) -> int:
        return sum(not (a if m >= least else b) for m, a, b in zip(margin, own, asked_on, strict=True))

    enough = [least for least in (0.0, 1.0, 2.0, 3.0, 4.0, math.inf) if wrong(least) <= wrong(math.inf)]
    found = least_margin(margin, own, asked_on)
    assert wrong(found) <= wrong(math.inf)
    assert found == min(enough)


def test_without_samples_nobody_need_be_asked_on() -> None:
    nobody = torch.zeros(0, dtype=torch.bool)
    assert least_margin(torch.zeros(0), nobody, nobody) == 0.0


def test_stages_hear_more_one_after_another_and_exit_early() -> None:
    gate = taught(4, networks=("lda", "lda", "gaussian"), heard=(1, 2, 4), margin=3.0)
    alone = LdaGating(gate.options, CHANNELS)
    counts, labels = samples(400, 1, 4)
    alone.observe(counts[:, :CHANNELS], labels, 0)
    asked = samples(200, 2, 4)[0].double()
    early = margins_of(alone.class_scores(asked[:, :CHANNELS])) >= 3.0
    last = gate.last_asked(asked)
    assert torch.equal(last == 0, early)
    assert {0, 1, 2} == set(last.tolist())
    torch.testing.assert_close(gate.class_scores(asked)[early], alone.class_scores(asked[:, :CHANNELS])[early])


def test_merged_windows_are_one() -> None:
    gate = taught(4, networks=("lda",), heard=(3,), merged=True)
    alone = LdaGating(gate.options, CHANNELS)
    counts, labels = samples(400, 1, 4)

    def of_three(counts: Tensor) -> Tensor:
        return sum(counts[:, CHANNELS * w : CHANNELS * (w + 1)] for w in range(3))  # type: ignore[return-value]

    alone.observe(of_three(counts), labels, 0)
    asked = samples(100, 2, 4)[0]
    assert torch.equal(gate.class_scores(asked), alone.class_scores(of_three(asked)))
    assert gate.adds_per_sample == alone.adds_per_sample


def test_what_cannot_be_a_stage_is_refused() -> None:
    for stages, said in (
        ({"networks": ("lda", "seed")}, "'seed' can be no stage; take gaussian, lda, prototype"),
        ({"heard": (1, 2)}, r"more than the 1 windows there are; set gating.windows = 2"),
        ({"networks": ()}, "leaves nobody to ask"),
        ({"heard": (1,)}, "a number for each of the 2"),
        ({"heard": (2, 1)}, "never fall"),
        ({"margin": -1.0}, r"gating.stages.margin = -1.0 must be a number, 0 or more"),
    ):
        with pytest.raises(ValueError, match=said):
            StagedGating(GatingOptions(network="staged", stages=stages), CHANNELS)  # type: ignore[arg-type]


def test_a_single_class_is_sure() -> None:
    gate = StagedGating(GatingOptions(network="staged"), CHANNELS)
    gate.observe(samples(20, 1)[0], torch.zeros(20, dtype=torch.int64), 0)
    gate.tune(samples(20, 2)[0], torch.zeros(20, dtype=torch.int64))
    assert gate.last_asked(samples(5, 3)[0]).tolist() == [0] * 5


def on_the_chip(known: tuple[int, ...], **stages: Any) -> tuple[StagedGating, Tensor]:
    """Columns for some classes before a Gaussian, and their weights [I, P]."""
    options = GatingOptions(network="staged", stages=StageOptions(networks=("crossbar", "gaussian"), **stages))
    gate = StagedGating(options, CHANNELS)
    gate.observe(*samples(400, 1), 0)
    chip = on_chip(gate)
    assert chip is not None
    if not known:
        return gate, torch.zeros(CHANNELS, 0)
    columns = tuple(Column(slot, label, 0, 0) for slot, label in enumerate(known))
    return gate, chip.program(columns, torch.ones(CHANNELS, dtype=torch.bool)).weights


def test_columns_of_the_chip_may_be_the_first_stage() -> None:
    gate, weights = on_the_chip(tuple(range(CLASSES)), margin=2.0, classes=2)
    chip, last, counts = on_chip(gate), GaussianGating(gate.options, CHANNELS), samples(200, 2)[0].double()
    assert chip is not None
    last.observe(*samples(400, 1), 0)
    values = counts @ weights
    shown, cheap, dear = torch.cat([values, counts], 1), chip.class_scores(values), last.class_scores(counts)
    sure = margins_of(cheap) >= 2.0
    assert 20 < int(sure.sum()) < 180
    narrowed = torch.full_like(dear, UNKNOWN).scatter(1, (best := cheap.topk(2, 1).indices), dear.gather(1, best))
    torch.testing.assert_close(gate.class_scores(shown), torch.where(sure[:, None], cheap, narrowed))
    assert torch.equal(gate.last_asked(shown), (~sure).long())
    assert gate.hears == "columns"
    assert gate.novelty(counts) == last.novelty(counts)


def test_where_a_class_has_no_columns_the_next_stage_is_asked_about_it_too() -> None:
    gate, weights = on_the_chip((0, 2, 3), margin=0.5, classes=1)
    last, (counts, labels) = GaussianGating(gate.options, CHANNELS), samples(200, 2)
    last.observe(*samples(400, 1), 0)
    shown, dear = torch.cat([counts.double() @ weights, counts.double()], 1), last.class_scores(counts.double())
    said = gate.class_scores(shown)
    assert gate.last_asked(shown).tolist() == [1] * 200
    torch.testing.assert_close(said[:, [1, 4]], dear[:, [1, 4]])
    assert (said[:, [0, 2, 3]] > UNKNOWN).sum(1).tolist() == [1] * 200
    gate.tune(shown, labels)
    assert gate.last_asked(shown).tolist() == [1] * 200
    bare, _ = on_the_chip(())
    torch.testing.assert_close(bare.class_scores(counts.double()), dear)


def test_columns_of_the_chip_are_no_later_stage_and_read_at_the_end() -> None:
    for stages, message in (
        ({"networks": ("lda", "crossbar")}, "crossbar can be the first stage alone"),
        ({"networks": ("crossbar", "lda"), "heard": (1, 2)}, "neither with gating.stages.merged nor with"),
        ({"networks": ("crossbar", "lda"), "merged": True}, "neither with gating.stages.merged nor with"),
    ):
        options = GatingOptions(network="staged", windows=2, stages=StageOptions(**stages))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            StagedGating(options, 2 * CHANNELS)


def test_the_state_of_columns_makes_the_round_trip() -> None:
    gate, weights = on_the_chip((0, 2, 3))
    other = StagedGating(gate.options, CHANNELS)
    other.load_state_dict(gate.state_dict())
    shown = torch.cat([samples(50, 2)[0].double() @ weights, samples(50, 2)[0].double()], 1)
    assert torch.equal(other.class_scores(shown), gate.class_scores(shown))
