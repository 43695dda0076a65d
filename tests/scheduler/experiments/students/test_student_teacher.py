from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from smalti.scheduler.experiments.students import student_teacher
from smalti.scheduler.experiments.students.student_growth import METHODS, Method, Newborn, Scene
from smalti.scheduler.experiments.students.student_teacher import (
    OPTIMISERS,
    PUBLISHED,
    STEPS,
    Problem,
    StudentTeacherOptions,
    first_weights,
    run,
    sgd,
    teachers,
    train,
)

TINY = StudentTeacherOptions(teachers=2, seeds=2, points=30)


def rectified(z: torch.Tensor) -> torch.Tensor:
    """max(0, z) with derivative 1 at 0."""
    return torch.where(z >= 0, z, torch.zeros_like(z))


def quiet(*_: str) -> None:
    pass


def test_loss_and_gradients_are_those_of_autograd_also_at_zero() -> None:
    chance = np.random.default_rng(0)
    x, target = chance.normal(size=(3, 6, 20)), chance.normal(size=(3, 4, 20))
    fan_in, fan_out = chance.normal(size=(3, 5, 6)), chance.normal(size=(3, 4, 5))
    fan_in[:, 2] = 0.0  # its neuron sits exactly at the kink
    problem = Problem(x, target, 5)
    loss, gradients = problem.loss(fan_in, fan_out), problem.gradients(fan_in, fan_out)
    for s in range(3):
        w, u = (torch.tensor(weights[s], requires_grad=True) for weights in (fan_in, fan_out))
        error = u @ rectified(w @ torch.tensor(x[s])) - torch.tensor(target[s])
        mean = (error**2).mean()
        mean.backward()  # type: ignore[no-untyped-call]
        assert loss[s] == pytest.approx(mean.item())
        for ours, theirs in zip(gradients, (w.grad, u.grad), strict=True):
            assert theirs is not None
            np.testing.assert_allclose(ours[s], theirs.numpy(), atol=1e-12)
    assert abs(gradients[0][:, 2]).min() > 0


def test_teachers_answer_as_told_and_every_seed_of_one_has_its_points() -> None:
    options = StudentTeacherOptions(teachers=40, seeds=2, points=200)
    x, answers = teachers(options)
    assert x.shape == answers.shape == (80, 10, 200)
    np.testing.assert_array_equal(x[0::2], x[1::2])
    np.testing.assert_array_equal(answers[0::2], answers[1::2])
    assert not np.array_equal(x[0], x[2])
    assert (x.mean(), x.std()) == pytest.approx((0.0, 1.0), abs=0.01)
    # h = max(0, w x) of w ~ U[-1, 1]^10 has E h^2 = 10 / 3 / 2; ten of them with variance 1 / 3 of the fan-out
    assert (answers**2).mean() == pytest.approx(10 * (1 / 3) * (10 / 3 / 2), rel=0.1)


def test_first_weights_are_glorot_and_the_same_for_all_that_start_alike() -> None:
    options = StudentTeacherOptions(teachers=100, seeds=2, points=10)
    fan_in, fan_out = first_weights(options, METHODS["gradmax"])
    for weights in (fan_in[:, :5], fan_out[:, :, :5]):
        limit = np.sqrt(6 / 15)
        assert np.abs(weights).max() <= limit
        assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert not fan_in[:, 5:].any()
    assert not fan_out[:, :, 5:].any()
    small_in, small_out = first_weights(options, METHODS["small"])
    np.testing.assert_array_equal(small_in, fan_in[:, :5])
    np.testing.assert_array_equal(small_out, fan_out[:, :, :5])
    assert np.abs(first_weights(options, METHODS["big"])[0]).max() <= np.sqrt(6 / 20)


def same_birth(scene: Scene, rng: np.random.Generator) -> Newborn:
    """A newborn that needs no gradient: fan-in 0.3, fan-out -0.2, everywhere."""
    return Newborn(np.full(scene.fan_in[:, 0].shape, 0.3), np.full(scene.fan_out[:, :, 0].shape, -0.2))


def reference(options: StudentTeacherOptions, method: Method, student: int, steps: int, interval: int) -> list[float]:
    """One student in torch; every neuron is a parameter of its own, so a newborn has fresh moments and steps."""
    x, target = (torch.tensor(part[student]) for part in teachers(options))
    starts = [torch.tensor(w[student]) for w in first_weights(options, method)]
    neurons = [(starts[0][k].clone(), starts[1][:, k].clone()) for k in range(method.start)]
    weights = [weight.requires_grad_() for neuron in neurons for weight in neuron]
    rate = OPTIMISERS[options.optimiser][1]
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[options.optimiser]
    optimiser, losses = kind(weights, lr=rate), []
    for step in range(steps + 1):
        if step in [interval * (birth + 1) for birth in range(method.births)]:
            newborn = [torch.full((10,), value, dtype=torch.float64, requires_grad=True) for value in (0.3, -0.2)]
            weights += newborn
            optimiser.add_param_group({"params": newborn})
        answer = sum((torch.outer(u, rectified(w @ x)) for w, u in zip(weights[0::2], weights[1::2], strict=True)))
        loss = ((answer - target) ** 2).mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return losses


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_training_and_births_are_those_of_a_plain_loop_in_torch(
    optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(student_teacher, "STEPS", 60)
    monkeypatch.setattr(student_teacher, "INTERVAL", 15)
    options = StudentTeacherOptions(teachers=2, seeds=2, points=30, optimiser=optimiser)  # type: ignore[arg-type]
    method = Method(start=3, births=2, grow=same_birth, keeps="", source="")
    losses = train(method, options, quiet)
    assert losses.shape == (61, 4)
    for student in (0, 3):
        np.testing.assert_allclose(losses[:, student], reference(options, method, student, 60, 15), rtol=1e-9)
    without = train(Method(start=3, births=0, grow=None, keeps="", source=""), options, quiet)
    np.testing.assert_allclose(losses[:15], without[:15], rtol=1e-12)
    assert (np.abs(losses[15] - without[15]) > 1e-3).all()


def test_the_published_order_is_found_with_few_points() -> None:
    losses = run(StudentTeacherOptions(teachers=16, seeds=1, points=50), quiet)
    final = {name: float(values[-1].mean()) for name, values in losses.items()}
    assert all(final[worse] > final[better] for worse, better in pairwise(PUBLISHED))
    assert final["gradmax_out0"] < final["gradmax"] < final["random"] < final["small"]


@pytest.mark.slow
def test_the_published_order_is_found_in_pairs() -> None:
    losses = run(StudentTeacherOptions(), quiet)
    for worse, better in pairwise(PUBLISHED):
        apart = losses[worse][-1] - losses[better][-1]
        assert apart.mean() > 2 * apart.std(ddof=1) / np.sqrt(len(apart))


def test_every_method_is_told_of_at_every_step_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student_teacher, "STEPS", 12)
    monkeypatch.setattr(student_teacher, "INTERVAL", 2)
    told: list[str] = []
    losses = run(TINY, told.append)
    assert told == [name for name in METHODS for _ in range(12)]
    assert {values.shape for values in losses.values()} == {(13, 4)}
    again, other = run(TINY, quiet), run(StudentTeacherOptions(teachers=2, seeds=2, points=30, seed=1), quiet)
    for name, values in losses.items():
        np.testing.assert_array_equal(values, again[name])
        assert (values != other[name]).all()


def test_divergence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student_teacher, "STEPS", 30)
    monkeypatch.setitem(OPTIMISERS, "sgd", (sgd, 1e6))
    with pytest.raises(FloatingPointError, match="diverged"):
        train(METHODS["small"], TINY, quiet)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teachers": 0}, "teachers = 0 must be at least 1"),
        ({"seeds": -1}, "seeds = -1 must be at least 1"),
        ({"seed": -1}, "seed = -1 must not be negative"),
        ({"points": 9}, "points = 9 must be at least 10"),
        ({"teachers": 1, "seeds": 1}, "give at least 2 teachers"),
        ({"teachers": 1, "seeds": 3, "quick": True}, "give at least 2 teachers"),
        ({"optimiser": "rmsprop"}, "optimiser = 'rmsprop' is unknown; allowed: sgd, adam"),
        ({"teachers": 10**9}, "teachers = 1000000000 must be at least 1, at most 10,000"),
        ({"seeds": 10**12}, "seeds = 1000000000000 must be at least 1, at most 10,000"),
        ({"seed": 2**64}, "seed = 18446744073709551616 must"),
        ({"points": 10**400}, "points = 1000"),
        ({"points": 1e3}, r"points = 1000\.0 must be a whole number"),
    ],
)
def test_bad_options_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StudentTeacherOptions(**changes)  # type: ignore[arg-type]


def test_what_no_machine_holds_is_refused_before_it_is_drawn() -> None:
    many = StudentTeacherOptions(teachers=10_000, seeds=10_000, points=1_000_000)
    with pytest.raises(
        ValueError,
        match=r"100,000,000 students of 1,000,000 points would take at least .* lower teachers, seeds or points",
    ):
        student_teacher.check_memory(many)
    student_teacher.check_memory(StudentTeacherOptions(teachers=48, seeds=3))


def test_quick_only_ever_shrinks() -> None:
    assert StudentTeacherOptions(quick=True).resolved() == StudentTeacherOptions(teachers=4, seeds=1, points=200)
    few = StudentTeacherOptions(teachers=2, points=50, quick=True).resolved()
    assert few == StudentTeacherOptions(teachers=2, seeds=1, points=50)
    assert StudentTeacherOptions().resolved() == StudentTeacherOptions()


def test_the_published_values_stand_from_large_to_small() -> None:
    assert list(PUBLISHED.values()) == sorted(PUBLISHED.values(), reverse=True)
    assert set(PUBLISHED) <= set(METHODS)
    assert STEPS == 1500
