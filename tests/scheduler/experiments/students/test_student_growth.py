from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.experiments.students.student_growth import METHODS, Floats, Newborn, Scene, random
from smalti.scheduler.experiments.students.student_teacher import Problem

STUDENTS, POINTS, INPUTS, OUTPUTS, BORN = 3, 40, 6, 4, 5
GROWING = {name: method.grow for name, method in METHODS.items() if method.grow is not None}


class Class:
    """Students with ``BORN`` neurons and an empty slot behind them."""

    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        x = chance.normal(size=(STUDENTS, INPUTS, POINTS))
        target = chance.normal(size=(STUDENTS, OUTPUTS, POINTS))
        self.summary = Problem(x, target, BORN + 1)
        self.fan_in, self.fan_out = np.zeros((STUDENTS, BORN + 1, INPUTS)), np.zeros((STUDENTS, OUTPUTS, BORN + 1))
        self.fan_in[:, :BORN] = chance.normal(size=(STUDENTS, BORN, INPUTS))
        self.fan_out[:, :, :BORN] = chance.normal(size=(STUDENTS, OUTPUTS, BORN))
        self.loss = self.summary.loss(self.fan_in, self.fan_out)
        self.adjoint = self.summary.adjoint.copy()
        self.scene = Scene(
            fan_in=self.fan_in[:, :BORN], fan_out=self.fan_out[:, :, :BORN], x=x, adjoint=self.adjoint.copy()
        )

    def graft(self, newborn: Newborn) -> None:
        self.fan_in[:, BORN], self.fan_out[:, :, BORN] = newborn

    def newborn_gradient(self, newborn: Newborn) -> Floats:
        """Norm of the gradient of all weights of a newborn, [S]."""
        self.graft(newborn)
        self.summary.loss(self.fan_in, self.fan_out)
        gradient_in, gradient_out = self.summary.gradients(self.fan_in, self.fan_out)
        return np.sqrt((gradient_in[:, BORN] ** 2).sum(axis=1) + (gradient_out[:, :, BORN] ** 2).sum(axis=1))


@pytest.mark.parametrize("name", GROWING)
def test_a_birth_keeps_the_function_bit_for_bit_and_the_newborn_learns(name: str) -> None:
    school = Class()
    newborn = GROWING[name](school.scene, np.random.default_rng(1))
    assert all((np.linalg.norm(side, axis=1) > 0).all() or not side.any() for side in newborn)
    assert sum(side.any() for side in newborn) == 1  # one side is zero, the other is not
    assert (school.newborn_gradient(newborn) > 0).all()
    np.testing.assert_array_equal(school.summary.adjoint, school.adjoint)
    np.testing.assert_array_equal(school.summary.loss(school.fan_in, school.fan_out), school.loss)


@pytest.mark.parametrize("name", GROWING)
def test_new_weights_have_the_mean_norm_of_the_existing_ones(name: str) -> None:
    scene = Class().scene
    newborn = GROWING[name](scene, np.random.default_rng(1))
    for s in range(STUDENTS):
        if name.endswith("_out0"):
            wanted = np.mean([np.linalg.norm(scene.fan_in[s, k]) for k in range(BORN)])
            assert np.linalg.norm(newborn.fan_in[s]) == pytest.approx(wanted)
        else:
            wanted = np.mean([np.linalg.norm(scene.fan_out[s, :, k]) for k in range(BORN)])
            assert np.linalg.norm(newborn.fan_out[s]) == pytest.approx(wanted)


def test_the_signal_is_the_sum_over_points() -> None:
    scene = Class().scene
    for s in range(STUDENTS):
        summed = sum(np.outer(scene.adjoint[s, :, b], scene.x[s, :, b]) for b in range(POINTS))
        np.testing.assert_allclose(scene.signal()[s], summed, atol=1e-12)


def test_no_direction_of_the_same_norm_gives_the_newborn_a_larger_gradient_than_gradmax() -> None:
    school = Class()
    grown = GROWING["gradmax"](school.scene, np.random.default_rng(1))
    best = school.newborn_gradient(grown)
    largest = np.sqrt([np.linalg.eigvalsh(m @ m.T)[-1] for m in school.scene.signal()])
    np.testing.assert_allclose(best, largest * np.linalg.norm(grown.fan_out, axis=1))
    chance = np.random.default_rng(2)
    others = np.array([school.newborn_gradient(random(school.scene, chance)) for _ in range(300)])
    assert (others <= best + 1e-12).all()
    assert (others.max(axis=0) > 0.8 * best).all()  # so the bound is a tight one


def test_gradmax_with_zero_fan_out_takes_the_right_vector_and_its_better_sign() -> None:
    school = Class()
    grown = GROWING["gradmax_out0"](school.scene, np.random.default_rng(1))
    for s, signal in enumerate(school.scene.signal()):
        leading = np.linalg.eigh(signal.T @ signal)[1][:, -1]
        assert abs(leading @ grown.fan_in[s]) == pytest.approx(np.linalg.norm(grown.fan_in[s]))
    here = school.newborn_gradient(grown)
    assert (here > school.newborn_gradient(Newborn(-grown.fan_in, grown.fan_out))).all()


def test_the_official_baseline_is_positive_and_the_fair_one_symmetric() -> None:
    scene, chance = Class().scene, np.random.default_rng(3)
    official = np.array([GROWING["random_uniform"](scene, chance).fan_out for _ in range(200)])
    fair = np.array([GROWING["random"](scene, chance).fan_out for _ in range(200)])
    assert (official >= 0).all()
    assert (fair > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_only_small_and_big_do_not_grow_and_all_others_end_as_wide_as_big() -> None:
    assert {name for name, method in METHODS.items() if not method.births} == {"small", "big"}
    assert all((method.grow is None) == (method.births == 0) for method in METHODS.values())
    assert {method.start + method.births for name, method in METHODS.items() if name != "small"} == {10}
