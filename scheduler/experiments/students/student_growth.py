"""Ways to add a neuron to many small students at once. Knows nothing of schedules, optimisers and seeds.

Every rule here sets one side of the newborn to zero, so the student's function is kept exactly. Where the fan-in is
zero, the neuron learns only because the derivative of the rectifier at 0 is taken as 1.

Shapes: S students, B points, H hidden neurons, I inputs, O outputs. Hidden activation h = max(0, fan_in x), output
z = fan_out h, loss L.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SCALE = 1.0  # norm of new weights in units of the mean norm of the existing ones


class Newborn(NamedTuple):
    """One new neuron for every student."""

    fan_in: Floats  # [S, I]
    fan_out: Floats  # [S, O]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All students at the moment when a neuron is to be added."""

    fan_in: Floats  # [S, H, I] of the neurons there are
    fan_out: Floats  # [S, O, H]
    x: Floats  # [S, I, B] points
    adjoint: Floats  # [S, O, B] dL/dz

    def signal(self) -> Floats:
        """The growth signal dL/dz x^T, summed over the points, [S, O, I]."""
        return self.adjoint @ self.x.swapaxes(1, 2)


Grow = Callable[[Scene, np.random.Generator], Newborn]


def random_uniform(scene: Scene, rng: np.random.Generator) -> Newborn:
    """Zero fan-in; fan-out U[0, 1), so never negative, then normalised. What the official code calls random."""
    return _zero_fan_in(scene, rng.random(scene.adjoint.shape[:2]))


def random(scene: Scene, rng: np.random.Generator) -> Newborn:
    """Zero fan-in; fan-out of uniform direction and either sign, same norm."""
    return _zero_fan_in(scene, rng.normal(size=scene.adjoint.shape[:2]))


def gradmax(scene: Scene, rng: np.random.Generator) -> Newborn:
    """Zero fan-in; fan-out along the first left singular vector of the growth signal (arXiv 2201.05125).

    Of all fan-outs of this norm it gives the new weights the largest gradient.
    """
    left, _, _ = np.linalg.svd(scene.signal())
    return _zero_fan_in(scene, left[:, :, 0])


def random_out0(scene: Scene, rng: np.random.Generator) -> Newborn:
    """Zero fan-out; fan-in of uniform direction, its norm the mean of the existing ones."""
    return _zero_fan_out(scene, rng.normal(size=(len(scene.x), scene.x.shape[1])))


def gradmax_out0(scene: Scene, rng: np.random.Generator) -> Newborn:
    """Zero fan-out; fan-in along the first right singular vector of the growth signal, its norm the mean one.

    A rectifier tells v from -v, the signal does not: the one that gives the fan-out the larger gradient
    dL/dz max(0, v x)^T is taken.
    """
    _, _, right = np.linalg.svd(scene.signal())
    forward, backward = (_zero_fan_out(scene, sign * right[:, 0]) for sign in (1, -1))
    better = _fan_out_gradient(scene, forward.fan_in) >= _fan_out_gradient(scene, backward.fan_in)
    return Newborn(np.where(better[:, None], forward.fan_in, backward.fan_in), forward.fan_out)


def _zero_fan_in(scene: Scene, direction: Floats) -> Newborn:
    norm = SCALE * np.linalg.norm(scene.fan_out, axis=1).mean(axis=1, keepdims=True)
    fan_out = norm * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return Newborn(np.zeros((len(direction), scene.x.shape[1])), fan_out)


def _zero_fan_out(scene: Scene, direction: Floats) -> Newborn:
    norm = SCALE * np.linalg.norm(scene.fan_in, axis=2).mean(axis=1, keepdims=True)
    fan_in = norm * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return Newborn(fan_in, np.zeros((len(direction), scene.adjoint.shape[1])))


def _fan_out_gradient(scene: Scene, fan_in: Floats) -> Floats:
    """Norm of the gradient of a newborn's fan-out, [S]."""
    hidden = np.maximum(fan_in[:, None] @ scene.x, 0.0)
    norm: Floats = np.linalg.norm(scene.adjoint @ hidden.swapaxes(1, 2), axis=(1, 2))
    return norm


@dataclass(frozen=True, kw_only=True)
class Method:
    """A student: how wide it starts, how it grows, and what that keeps."""

    start: int  # hidden neurons at step 0
    births: int  # neurons added later, one at a time
    grow: Grow | None
    keeps: str
    source: str


def _growing(grow: Grow, keeps: str, source: str) -> Method:
    return Method(start=5, births=5, grow=grow, keeps=keeps, source=source)


METHODS: dict[str, Method] = {
    "small": Method(start=5, births=0, grow=None, keeps="no growth", source="arXiv 2201.05125"),
    "random_uniform": _growing(random_uniform, "function; fan-in 0", "official code"),
    "random": _growing(random, "function; fan-in 0", "fair baseline"),
    "gradmax": _growing(gradmax, "function; fan-in 0", "arXiv 2201.05125"),
    "random_out0": _growing(random_out0, "function; fan-out 0", "control"),
    "gradmax_out0": _growing(gradmax_out0, "function; fan-out 0", "variant of gradmax"),
    "big": Method(start=10, births=0, grow=None, keeps="no growth", source="arXiv 2201.05125"),
}
"""Every method of the experiment by name, in the order of the table."""
