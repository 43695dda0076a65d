"""What engines read of the chip: targets, errors, drift, copies, and which devices are written when."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.devices import DevicesOptions
from smalti.model.devices.memristors import Memristors
from smalti.model.neuron import NetworkOptions
from smalti.model.state import ChipState

DAY = 86400.0
Make = Callable[..., Memristors]


def number(seed: int, round_: int, drawn: int) -> int:
    return (seed << 40) + (round_ << 20) + drawn


def state(tiles: int = 2, share: float = 0.5, seed: int = 0, slots: int = 40) -> ChipState:
    fabric = Fabric(FabricOptions(rows=1, cols=tiles, neurons_per_tile=slots, wires=10))
    source = torch.full((fabric.tiles, fabric.rows_per_tile), -1)
    chip, chance = (
        ChipState.empty(fabric, NetworkOptions(precision="float64"), source),
        torch.Generator().manual_seed(seed),
    )
    with torch.no_grad():
        chip.mask.copy_(torch.rand(chip.mask.shape, generator=chance) < share)
        chip.weight.copy_(torch.rand(chip.mask.shape, generator=chance, dtype=torch.float64) - 0.5)
        chip.weight.mul_(chip.mask)
    return chip


def memristors(chip: ChipState, kind: str, seed: int = 0, **options: object) -> Memristors:
    made = DevicesOptions(kind=kind, **{"largest_weight": 1.0, **options})  # type: ignore[arg-type]
    return Memristors(made, SimpleNamespace(state=chip), partial(number, seed), seed)


def seen(devices: Memristors) -> Tensor:
    return devices.read().detach().clone()


def test_ideal_devices_are_the_weights_themselves() -> None:
    chip = state()
    devices = memristors(chip, "ideal")
    assert devices.read() is chip.weight
    assert devices.training().data_ptr() == chip.weight.data_ptr()


def test_the_error_of_a_weight_is_relative_to_the_largest_in_use() -> None:
    chip = state()
    with torch.no_grad():
        chip.weight[chip.mask] *= 0.8 / float(chip.weight.detach().abs().max())
    found = seen(memristors(chip, "mosaic", mosaic_noise=0.1))
    error = (found - chip.weight.detach())[chip.mask]
    assert float(error.std()) == pytest.approx(0.08, rel=0.06)
    assert abs(float(error.mean())) < 5 * 0.08 / len(error) ** 0.5
    assert bool((found[~chip.mask] == 0).all())


def test_what_is_not_written_keeps_its_conductances() -> None:
    chip = state()
    devices = memristors(chip, "mosaic")
    before = seen(devices)
    assert torch.equal(seen(devices), before)
    fresh = torch.zeros_like(chip.mask)
    fresh[0, 0, :3] = True
    with torch.no_grad():
        chip.mask[fresh] = True
        chip.weight[fresh] = 0.25
    after = seen(devices)
    assert torch.equal(after[~fresh], before[~fresh])
    assert bool((after[fresh] != 0.25).all())
    chip.mask[fresh] = False
    assert bool((seen(devices)[fresh] == 0).all())


def test_a_step_on_the_chip_writes_what_learns_and_leaves_what_is_frozen() -> None:
    chip = state()
    chip.frozen[0] = chip.mask[0]
    devices = memristors(chip, "mosaic")
    before, learns = devices.training().clone(), chip.mask & ~chip.frozen
    first = devices.wear.writes
    assert first == int(chip.mask.sum())
    with torch.no_grad():
        chip.weight.data.sub_(0.1 * learns)  # as an optimiser does, which torch does not count
    devices.learned(learns)
    after = devices.training()
    assert torch.equal(after[0], before[0])
    assert bool((after[1] != before[1])[learns[1]].all())
    assert devices.wear.writes - first == int(learns.sum())
    assert devices.wear.most == 2
    assert torch.equal(devices.wear.counts, chip.mask.int() + learns.int())


@pytest.mark.parametrize(("learning", "levels"), [("noise", 0), ("levels", 9), ("exact", 0)])
def test_a_copy_learns_and_is_programmed_once_when_the_chip_is_asked(learning: str, levels: int) -> None:
    chip = state()
    chip.frozen[0] = chip.mask[0]
    devices = memristors(chip, "mosaic", learning=learning, levels=levels)
    programmed = seen(devices)
    learns = chip.mask & ~chip.frozen
    before = devices.wear.writes
    minibatches = []
    for _ in range(3):
        minibatches.append(devices.training().clone())
        chip.weight.data.sub_(0.125 * learns)
        devices.learned(learns)
    assert devices.wear.writes == before
    for number, read in enumerate(minibatches):
        assert torch.equal(read[0], programmed[0])
        target = chip.weight.detach()[1] + 0.125 * (3 - number)
        error = (read[1] - target)[learns[1]]
        if learning == "noise":
            assert float(error.std()) == pytest.approx(0.05 * float(target[learns[1]].abs().max()), rel=0.25)
        else:
            assert float(error.abs().max()) <= (0.5 / 8 if levels else 0) + 1e-12
    if learning == "noise":
        assert not torch.equal(minibatches[0][1] - minibatches[1][1], torch.full_like(read[1], 0.125))
    after = seen(devices)
    assert devices.wear.writes - before == int(learns.sum())
    assert torch.equal(after[0], programmed[0])
    assert torch.equal(seen(devices), after)


@pytest.mark.parametrize("learning", ["chip", "noise", "levels", "exact"])
@pytest.mark.parametrize("scale", ["chip", "tile"])
def test_a_chip_without_a_device_in_use_is_read_trained_and_copied(learning: str, scale: str) -> None:
    chip = state(share=0.0)
    options = {"learning": learning, "scale": scale, "levels": 9, "compensation": True, "acceptance": 0.05}
    devices = memristors(chip, "pcm", **options)
    for now in range(2):
        devices.begin(now)
        assert not devices.training().any()
        devices.learned(chip.mask)
        devices.settle(chip.mask)
        devices.redraw(partial(number, 1))
        assert not seen(devices).any()
    assert (devices.wear.writes, devices.wear.most) == (0, 0)


@pytest.mark.parametrize("learning", ["chip", "noise", "levels", "exact"])
def test_where_all_is_frozen_a_minibatch_reads_the_chip_as_it_is(learning: str) -> None:
    chip = state()
    chip.frozen.copy_(chip.mask)
    devices = memristors(chip, "mosaic", learning=learning, levels=9)
    programmed, written = seen(devices), devices.wear.writes
    assert torch.equal(devices.training(), programmed)
    devices.learned(chip.mask & ~chip.frozen)
    assert torch.equal(seen(devices), programmed)
    assert devices.wear.writes == written


def test_targets_are_clipped_to_the_range() -> None:
    chip = state()
    devices = memristors(chip, "mosaic", largest_weight=0.25, negative_share=0.5)
    devices.read()
    assert [float(end) for end in chip.weight.detach().aminmax()] == [-0.125, 0.25]


def test_frozen_devices_drift_while_others_learn() -> None:
    """The weight of a PCM pair falls as ((t + 20) / 20)^-nu does, nu about .049 where it is not small."""
    chip = state()
    chip.frozen[0] = chip.mask[0]
    devices = memristors(chip, "pcm", programming=0, reading=0, round_seconds=DAY)
    before = seen(devices)
    devices.begin(1)
    chip.weight.data.add_(0.01 * (chip.mask & ~chip.frozen))
    devices.training()
    devices.learned(chip.mask & ~chip.frozen)
    after, big = seen(devices), chip.mask & (chip.weight.detach().abs() > 0.2)
    ratio = (after / before)[0][big[0]]
    assert float(ratio.mean()) == pytest.approx(((DAY + 20) / 20) ** -0.049, rel=0.02)
    torch.testing.assert_close(after[1], chip.weight.detach()[1])
    devices.begin(2)
    assert float((seen(devices) / after)[1][big[1]].mean()) == pytest.approx(((DAY + 20) / 20) ** -0.049, rel=0.02)


def test_one_factor_gives_the_mean_weight_back() -> None:
    chip = state()
    plain, mended = (
        memristors(copy.deepcopy(chip), "pcm", programming=0, reading=0, compensation=c) for c in (False, True)
    )
    for devices in (plain, mended):
        devices.read()
        devices.at(30 * DAY)
    weight = chip.weight.detach()[chip.mask].abs().mean()
    assert float(seen(plain)[chip.mask].abs().mean()) < 0.7 * float(weight)
    assert float(seen(mended)[chip.mask].abs().mean()) == pytest.approx(float(weight))
    ratio = seen(mended)[chip.mask] / seen(plain)[chip.mask]
    torch.testing.assert_close(ratio, torch.full_like(ratio, float(ratio[0])))


def test_read_noise_is_drawn_anew_for_every_run_with_its_deviation() -> None:
    """1 % of the weight that the range stands for, whatever the weight."""
    chip = state()
    devices = memristors(chip, "reram_wan", programming=0, largest_weight=2.0)
    reads = torch.stack([seen(devices)[chip.mask] for _ in range(200)])
    assert float(reads.std(0).mean()) == pytest.approx(0.02, rel=0.02)
    assert float((reads.mean(0) - chip.weight.detach()[chip.mask]).std()) == pytest.approx(0.02 / 200**0.5, rel=0.1)


def test_a_tile_has_a_scale_of_its_own_and_is_written_again_when_that_grows() -> None:
    chip = state()
    with torch.no_grad():
        chip.weight[0].mul_(0.1 / chip.weight[0].detach().abs().max())
        chip.weight[1].mul_(0.9 / chip.weight[1].detach().abs().max())
    devices = memristors(chip, "reram_wan", scale="tile", reading=0)
    small, large = ((seen(devices) - chip.weight.detach())[tile][chip.mask[tile]].std() for tile in (0, 1))
    assert float(large / small) == pytest.approx(8, rel=0.25)  # 1/8 holds .1
    count = devices.wear.counts.clone()
    where = torch.nonzero(chip.mask[0])[0]
    with torch.no_grad():
        chip.weight[0, where[0], where[1]] = 0.2
    devices.read()
    assert torch.equal(devices.wear.counts - count, torch.stack([chip.mask[0], torch.zeros_like(chip.mask[1])]).int())


def test_devices_that_are_on_the_right_level_are_left_alone() -> None:
    chip = state()
    devices = memristors(chip, "mosaic", levels=5, learning="chip")
    before, writes = seen(devices), devices.wear.writes
    chip.weight.data.copy_(
        devices.pair.weights(devices.pair.conductances(chip.weight.data.view(-1), 1.0), 1.0).view_as(chip.weight)
    )
    devices.learned(chip.mask)
    assert devices.wear.writes == writes
    assert torch.equal(seen(devices), before)


@pytest.mark.parametrize("kind", ["mosaic", "reram_wan", "reram_cmo", "pcm"])
def test_goes_on_bit_for_bit_from_its_state(kind: str) -> None:
    first = state()
    devices = memristors(first, kind, round_seconds=DAY, stuck_on=0.02)
    devices.begin(0)
    devices.read()
    devices.settle(first.mask)
    devices.begin(1)
    devices.read()
    devices.settle(first.mask)
    second = state(seed=9)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    again = memristors(second, kind, round_seconds=DAY, stuck_on=0.02)
    again.load_state_dict(copy.deepcopy(devices.state_dict()))
    again.begin(1)
    for one in (devices, again):
        one.begin(2)
        one.training()
    learns = first.mask & ~first.frozen
    for chip, one in ((first, devices), (second, again)):
        chip.weight.data.mul_(0.9)
        one.learned(learns)
        one.settle(torch.zeros_like(learns))
    assert torch.equal(seen(devices), seen(again))
    assert torch.equal(devices.wear.counts, again.wear.counts)


def test_another_chip_has_other_errors_and_the_same_age() -> None:
    chip = state()
    devices = memristors(chip, "pcm", reading=0, round_seconds=DAY)
    first = seen(devices)
    devices.begin(1)
    aged = seen(devices)
    devices.redraw(partial(number, 5))
    other = seen(devices)
    assert not torch.equal(other, aged)
    assert float(other.abs().mean()) == pytest.approx(float(aged.abs().mean()), rel=0.05)
    assert float(other.abs().mean()) < 0.8 * float(first.abs().mean())


def test_gradients_of_what_is_read_are_those_of_the_targets() -> None:
    chip = state()
    devices = memristors(chip, "mosaic")
    devices.read().square().sum().backward()  # type: ignore[no-untyped-call]
    assert chip.weight.grad is not None
    torch.testing.assert_close(chip.weight.grad, 2 * seen(devices))


@pytest.mark.parametrize("kind", ["ideal", "mosaic"])
def test_what_is_laid_and_what_is_rewritten_count_once_each(kind: str) -> None:
    """Three pairs: one stays, one gets another weight, one comes into use."""
    chip = state(share=0.0)
    devices = memristors(chip, kind)
    with torch.no_grad():
        chip.mask[0, 0, :2], chip.weight[0, 0, :2] = True, 0.3
    devices.settle(chip.mask.clone())
    before = devices.wear.writes
    with devices.rewriting(laid=True), torch.no_grad():
        chip.weight[0, 0, 1], chip.mask[0, 0, 2] = -0.2, True
    assert devices.wear.writes - before == 2
    assert devices.wear.counts[0, 0, :3].tolist() == [1, 2, 1]


def test_a_refresh_programs_what_is_asked_for_to_the_weights_that_it_has() -> None:
    chip = state(tiles=1, share=1.0)
    devices = memristors(chip, "pcm")
    devices.settle(chip.mask.clone())
    fresh, before = seen(devices), devices.wear.counts.clone()
    devices.begin(1)
    devices.at(1e7)
    faded = seen(devices)
    asked = torch.zeros_like(chip.mask)
    asked[:, :5] = True
    devices.refresh(asked)
    now, target = devices.read().detach(), chip.weight.detach()
    assert torch.equal(devices.wear.counts - before, asked.int())
    assert torch.allclose(now[~asked], faded[~asked], atol=0.2)
    assert (now[asked] - target[asked]).abs().mean() < (faded[asked] - target[asked]).abs().mean()
    assert (fresh[asked] - target[asked]).abs().mean() == pytest.approx(
        float((now[asked] - target[asked]).abs().mean()), rel=0.5
    )
