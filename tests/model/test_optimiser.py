from __future__ import annotations

import importlib.util
import math
from functools import partial

import pytest
import torch
from torch import Tensor

from smalti.model.optimiser import Moments, OptimiserOptions, step

SHAPE, RATE = (2, 5, 3), 0.01
UNCLIPPED = OptimiserOptions(clip=0)


WITHOUT_NUMBA = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


@pytest.fixture(params=["torch", pytest.param("numba", marks=WITHOUT_NUMBA)], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All tests of this file are passed by both."""
    name: str = request.param
    monkeypatch.setattr(request.module, "step", partial(step, fused=name == "numba"))
    return name


def gradients(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *SHAPE, generator=generator, dtype=torch.float64)


def start(seed: int = 9) -> Tensor:
    return gradients(1, seed)[0].requires_grad_()


def descend(
    grads: Tensor, options: OptimiserOptions, learns: Tensor | None = None, weight: Tensor | None = None
) -> tuple[Tensor, Moments]:
    """Weights and moments after these gradients."""
    weight = start() if weight is None else weight
    moments = Moments.fresh(weight)
    everyone = torch.ones(SHAPE, dtype=torch.bool)
    for gradient in grads:
        step(weight, gradient, everyone if learns is None else learns, moments, RATE, options)
    return weight.detach(), moments


def reference(optimiser: torch.optim.Optimizer, weight: Tensor, grads: Tensor) -> Tensor:
    for gradient in grads:
        weight.grad = gradient.clone()
        optimiser.step()
    return weight.detach()


def test_adam_is_torchs_when_all_devices_were_born_together() -> None:
    grads = gradients(60)
    weight = start()
    adam = torch.optim.Adam([weight], lr=RATE, betas=(0.8, 0.99))
    expected = reference(adam, weight, grads)
    found, _ = descend(grads, OptimiserOptions(momentum=0.8, decay=0.99, clip=0))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert (found - start().detach()).abs().max() > 10 * RATE / 2


def test_adam_in_float32_is_close_to_torchs() -> None:
    grads = gradients(30).float()
    weight = start().detach().float().requires_grad_()
    adam = torch.optim.Adam([weight], lr=RATE)
    expected = reference(adam, weight, grads)
    found, _ = descend(grads, UNCLIPPED, weight=start().detach().float().requires_grad_())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_sgd_is_torchs() -> None:
    grads = gradients(60)
    weight = start()
    expected = reference(torch.optim.SGD([weight], lr=RATE, momentum=0.7), weight, grads)
    found, _ = descend(grads, OptimiserOptions(method="sgd", momentum=0.7, clip=0))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_decoupled_decay_with_a_rate_for_every_device_is_torchs() -> None:
    """AdamW with two groups of weights, one at three times the learning rate."""
    grads, fast = gradients(40), torch.rand(SHAPE, generator=torch.Generator().manual_seed(5)) < 0.5
    groups = [start().detach()[part].requires_grad_() for part in (fast, ~fast)]
    adamw = torch.optim.AdamW(
        [{"params": [groups[0]], "lr": 3 * RATE}, {"params": [groups[1]], "lr": RATE}], weight_decay=0.7
    )
    for gradient in grads:
        groups[0].grad, groups[1].grad = gradient[fast], gradient[~fast]
        adamw.step()
    weight, everyone = start(), torch.ones(SHAPE, dtype=torch.bool)
    moments, options = Moments.fresh(weight), OptimiserOptions(clip=0, weight_decay=0.7)
    for gradient in grads:
        step(weight, gradient, everyone, moments, RATE, options, torch.where(fast, 3.0, 1.0).double())
    for part, expected in zip((fast, ~fast), groups, strict=True):
        torch.testing.assert_close(weight.detach()[part], expected.detach(), rtol=0, atol=1e-12)
    assert (weight.detach() - descend(grads, UNCLIPPED)[0]).abs().min() > 1e-4


def test_sgd_decays_apart_from_its_momentum() -> None:
    """One weight by hand: w <- w - rate x factor x (decay w + momentum)."""
    weight, everyone = torch.full(SHAPE, 2.0, dtype=torch.float64), torch.ones(SHAPE, dtype=torch.bool)
    moments = Moments.fresh(weight)
    options = OptimiserOptions(method="sgd", momentum=0.5, clip=0, weight_decay=3.0)
    half, one = torch.full(SHAPE, 0.5, dtype=torch.float64), torch.ones(SHAPE, dtype=torch.float64)
    w, velocity = 2.0, 0.0
    for _ in range(4):
        velocity = 0.5 * velocity + 1
        w -= RATE * 0.5 * (3.0 * w + velocity)
        step(weight, one, everyone, moments, RATE, options, half)
    torch.testing.assert_close(weight, torch.full_like(weight, w), rtol=1e-13, atol=0)


@pytest.mark.parametrize("method", ["adam", "sgd"])
def test_the_young_are_spared_from_decay(method: str) -> None:
    """Without a gradient nothing else moves: born devices stay for three more steps, old ones go on decaying."""
    options = OptimiserOptions(method=method, clip=0, weight_decay=10.0, guard=3)  # type: ignore[arg-type]
    born, everyone = torch.zeros(SHAPE, dtype=torch.bool), torch.ones(SHAPE, dtype=torch.bool)
    born[1, 2] = True
    weight, nothing = torch.ones(SHAPE, dtype=torch.float64), torch.zeros(SHAPE, dtype=torch.float64)
    moments = Moments.fresh(weight)
    for number in range(8):
        if number == 4:
            moments.reset(born)
        step(weight, nothing, everyone, moments, RATE, options)
    expected = 0.9 ** torch.where(born, 2, 5).double()  # steps 3 and 7 of the born, 3 to 7 of the others
    torch.testing.assert_close(weight, expected, rtol=1e-13, atol=0)


def test_devices_that_do_not_learn_do_not_decay() -> None:
    learns = torch.zeros(SHAPE, dtype=torch.bool)
    learns[0] = True
    found, _ = descend(gradients(5), OptimiserOptions(weight_decay=5.0), learns)
    assert torch.equal(found[1], start().detach()[1])
    assert (found[0] != start().detach()[0]).all()


@pytest.mark.parametrize("method", ["adam", "sgd"])
def test_newborns_move_as_with_fresh_state_and_the_old_undisturbed(method: str) -> None:
    options = OptimiserOptions(method=method, clip=0)  # type: ignore[arg-type]
    early, late = gradients(25), gradients(25, seed=1)
    born = torch.rand(SHAPE, generator=torch.Generator().manual_seed(2)) < 0.4
    weight = start()
    moments = Moments.fresh(weight)
    for gradient in early:
        step(weight, gradient, ~born, moments, RATE, options)
    assert torch.equal(weight.detach()[born], start().detach()[born])
    moments.reset(born)
    for gradient in late:
        step(weight, gradient, torch.ones_like(born), moments, RATE, options)
    undisturbed, _ = descend(torch.cat([early, late]), options)
    fresh, _ = descend(late, options)
    torch.testing.assert_close(weight.detach()[~born], undisturbed[~born], rtol=0, atol=1e-14)
    torch.testing.assert_close(weight.detach()[born], fresh[born], rtol=0, atol=1e-14)
    assert (undisturbed - fresh)[born].abs().max() > 1e-3


def test_a_reset_forgets_only_the_devices_named() -> None:
    _, moments = descend(gradients(5), UNCLIPPED)
    before = [moment.clone() for moment in (moments.first, moments.second, moments.count, moments.norm)]
    chosen = torch.zeros(SHAPE, dtype=torch.bool)
    chosen[1, 2] = True
    moments.reset(chosen)
    for moment, old in zip((moments.first, moments.second, moments.count), before, strict=False):
        assert not moment[chosen].any()
        assert torch.equal(moment[~chosen], old[~chosen])
        assert old[chosen].all()
    assert torch.equal(moments.norm, before[3])


@pytest.mark.parametrize("method", ["adam", "sgd"])
def test_devices_that_do_not_learn_never_move(method: str) -> None:
    """Neither before nor after they have gathered moments."""
    options = OptimiserOptions(method=method)  # type: ignore[arg-type]
    weight, moments = descend(gradients(20), options)
    weight = weight.clone().requires_grad_()
    learns = torch.rand(SHAPE, generator=torch.Generator().manual_seed(3)) < 0.5
    before, counts = weight.detach().clone(), moments.count.clone()
    for gradient in gradients(20, seed=4):
        step(weight, gradient, learns, moments, RATE, options)
    assert torch.equal(weight.detach()[~learns], before[~learns])
    assert (weight.detach() != before)[learns].all()
    assert torch.equal(moments.count - counts, 20.0 * learns)


def test_the_norm_returned_is_that_of_learning_devices() -> None:
    weight, learns = start(), torch.zeros(SHAPE, dtype=torch.bool)
    learns[0, 0] = True
    gradient = torch.full(SHAPE, 2.0, dtype=torch.float64)
    assert step(weight, gradient, learns, Moments.fresh(weight), RATE, UNCLIPPED) == pytest.approx(2 * 3**0.5)
    assert (gradient == 2).all()  # the caller's gradient is left alone


def test_large_gradients_are_clipped_at_a_multiple_of_the_running_norm() -> None:
    """After ten steps of norm 1 a step of norm 50 counts as 2, and the running mean grows by as much only."""
    options = OptimiserOptions(method="sgd", momentum=0.0, clip=2.0)
    unit = torch.zeros(SHAPE, dtype=torch.float64)
    unit[0, 0, 0] = 1
    weight, moments = descend(unit.repeat(10, 1, 1, 1), options)
    assert moments.norm.tolist() == pytest.approx([1, 10])
    before = weight.clone()
    everyone = torch.ones(SHAPE, dtype=torch.bool)
    assert step(weight, 50 * unit, everyone, moments, RATE, options) == pytest.approx(50)
    torch.testing.assert_close(before - weight, RATE * 2 * unit)
    assert moments.norm.tolist() == pytest.approx([(10 * 1 + 2) / 11, 11])
    before = weight.clone()
    step(weight, 1.5 * unit, everyone, moments, RATE, options)
    torch.testing.assert_close(before - weight, RATE * 1.5 * unit)


def test_nothing_is_clipped_in_the_first_ten_steps_or_when_switched_off() -> None:
    grads = gradients(11)
    grads[9] *= 100
    for options, same in ((OptimiserOptions(clip=2.0), grads[:10]), (UNCLIPPED, grads)):
        weight = start()
        adam = torch.optim.Adam([weight], lr=RATE)
        torch.testing.assert_close(descend(same, options)[0], reference(adam, weight, same), rtol=0, atol=1e-12)


def test_a_network_that_was_silent_at_first_still_learns() -> None:
    """A running norm of zero clips nothing: otherwise nothing could ever move."""
    grads = torch.cat([torch.zeros(12, *SHAPE, dtype=torch.float64), gradients(1)])
    found, moments = descend(grads, OptimiserOptions())
    assert (found != start().detach()).all()
    assert moments.norm[0] > 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_raises_and_changes_nothing(bad: float) -> None:
    weight, moments = descend(gradients(12), OptimiserOptions())
    before = [t.clone() for t in (weight, moments.first, moments.second, moments.count, moments.norm)]
    gradient = gradients(1)[0]
    gradient[1, 1, 1] = bad
    with pytest.raises(FloatingPointError, match=r"not finite; lower training\.learning_rate"):
        step(weight, gradient, torch.ones(SHAPE, dtype=torch.bool), moments, RATE, OptimiserOptions())
    after = (weight, moments.first, moments.second, moments.count, moments.norm)
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("decay", 1.0),
        ("decay", math.nan),
        ("clip", -1.0),
        ("weight_decay", -0.1),
        ("weight_decay", math.inf),
        ("guard", -1),
    ],
)
def test_refuses_bad_options(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"training\.optimiser\.{field} = {value}"):
        OptimiserOptions(**{field: value})  # type: ignore[arg-type]


def test_the_bits_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "torch":
        pytest.skip("torch has its own threads")
    monkeypatch.setattr("smalti.model.optimiser.CHUNK", 7)
    everyone, found = torch.ones(SHAPE, dtype=torch.bool), []
    for threads in (1, 2, 3):
        weight = start()
        moments = Moments.fresh(weight)
        for gradient in gradients(15):
            step(weight, gradient, everyone, moments, RATE, OptimiserOptions(), threads=threads)
        found.append((weight.detach(), moments.norm))
    assert all(torch.equal(a, b) for one in found[1:] for a, b in zip(one, found[0], strict=True))


def test_the_bias_correction_ends_where_it_is_one(kind: str) -> None:
    """40,000 steps are beyond the end of the table of corrections, in either precision."""
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-13)):
        weight = torch.ones(1, 1, 1, dtype=dtype)
        moments = Moments.fresh(weight)
        moments.first.fill_(0.3), moments.second.fill_(0.2), moments.count.fill_(40_000)
        gradient, everyone = torch.full((1, 1, 1), 0.5, dtype=dtype), torch.ones(1, 1, 1, dtype=torch.bool)
        step(weight, gradient, everyone, moments, RATE, UNCLIPPED)
        expected = 1 - RATE * (0.9 * 0.3 + 0.1 * 0.5) / (math.sqrt(0.999 * 0.2 + 0.001 * 0.25) + 1e-8)
        assert float(weight) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("method", ["adam", "sgd"])
@pytest.mark.parametrize("pause", [1, 5, 600])
def test_devices_that_learn_again_go_on_where_they_stopped(method: str, pause: int) -> None:
    options = OptimiserOptions(method=method, clip=0)  # type: ignore[arg-type]
    grads, weight, unbroken = gradients(40), start(), start()
    moments, expected = Moments.fresh(weight), Moments.fresh(unbroken)
    everyone, nobody = torch.ones(SHAPE, dtype=torch.bool), torch.zeros(SHAPE, dtype=torch.bool)
    for number, gradient in enumerate(grads):
        step(unbroken, gradient, everyone, expected, RATE, options)
        if number == 20:
            for other in gradients(pause, seed=1):
                step(weight, other, nobody, moments, RATE, options)
        step(weight, gradient, everyone, moments, RATE, options)
    assert torch.equal(weight, unbroken)
    for name in ("first", "second", "count"):
        assert torch.equal(getattr(moments, name), getattr(expected, name))
