"""Environments of gymnasium (the extra `control`), several episodes side by side. Knows no network.

Towers and others 2024 (arXiv 2407.17032); the thresholds are those that the environments name. A task is an
environment, or one that is changed: a pole of another length or mass, a motor of another power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class World:
    """An environment, and what of it is told to neurons."""

    name: str  # in gymnasium
    low: tuple[float, ...]  # of each observation; what lies beyond is heard as this
    high: tuple[float, ...]
    actions: int  # discrete ones; 0: one real number
    strength: float = 0.0  # largest real action
    solved: float | None = None  # mean return of 100 episodes that counts as solved

    @property
    def outputs(self) -> int:
        """Output units: one for each action, two that pull a real one up and down."""
        return self.actions or 2


TURN = 4 * np.pi
WORLDS = {
    "cartpole": World("CartPole-v1", (-2.4, -3.0, -0.21, -3.0), (2.4, 3.0, 0.21, 3.0), 2, solved=475.0),
    "acrobot": World(
        "Acrobot-v1", (-1, -1, -1, -1, -TURN, -9 * np.pi), (1, 1, 1, 1, TURN, 9 * np.pi), 3, solved=-100.0
    ),
    "mountain-car": World("MountainCarContinuous-v0", (-1.2, -0.07), (0.6, 0.07), 0, strength=1.0, solved=90.0),
    "pendulum": World("Pendulum-v1", (-1.0, -1.0, -8.0), (1.0, 1.0, 8.0), 0, strength=2.0),
}


class Episodes:
    """Episodes of one environment, one after the other in each of several places.

    Args:
        world: a name of ``WORLDS``.
        places: episodes side by side.
        changes: attributes of the environment that are otherwise, such as ``{"length": 1.0}`` (half of the pole's, in
            metres) or ``{"masspole": 0.3}`` of CartPole.

    Raises:
        ValueError: there is no such world or attribute, or gymnasium is not installed.
    """

    def __init__(self, world: str, places: int, changes: Mapping[str, float] | None = None) -> None:
        if world not in WORLDS:
            raise ValueError(f"there is no environment {world!r}; take one of {', '.join(WORLDS)}")
        self.world = WORLDS[world]
        make = _gymnasium().make
        self._all = [make(self.world.name, disable_env_checker=True) for _ in range(places)]
        for one in self._all:
            _change(one.unwrapped, dict(changes or {}))

    @property
    def places(self) -> int:
        """Episodes side by side."""
        return len(self._all)

    def begin(self, seeds: Sequence[int]) -> Reals:
        """Begin one episode each with these seeds; observations [E, F]. At most as many as there are places."""
        begun = [one.reset(seed=seed)[0] for one, seed in zip(self._all, seeds, strict=False)]
        if len(begun) < len(seeds):
            raise ValueError(f"{len(seeds)} episodes do not fit {len(self._all)} places; give at most that")
        return np.array(begun, dtype=np.float32)

    def step(self, who: NDArray[np.int64], outputs: Reals) -> tuple[Reals, NDArray[np.float64], NDArray[np.bool_]]:
        """Act in some places [L] by the outputs [L, O] there: observations [L, F], rewards [L], and who is done [L]."""
        seen, rewards, over = [], [], []
        for place, action in zip(who.tolist(), self._actions(outputs), strict=True):
            observation, reward, ended, cut, _ = self._all[place].step(action)
            seen.append(observation)
            rewards.append(float(reward))
            over.append(ended or cut)
        return np.array(seen, dtype=np.float32), np.array(rewards), np.array(over)

    def _actions(self, outputs: Reals) -> list[Any]:
        if self.world.actions:
            chosen: list[Any] = outputs.argmax(1).tolist()
            return chosen
        pulled = self.world.strength * np.clip(outputs[:, :1] - outputs[:, 1:], -1, 1)
        return list(pulled)


def _change(environment: Any, changes: Mapping[str, float]) -> None:
    for name, value in changes.items():
        if not isinstance(getattr(environment, name, None), float | int):
            numbers = sorted(k for k, v in vars(environment).items() if isinstance(v, float) and not k.startswith("_"))
            raise ValueError(f"{name!r} is no number of the environment; there are {', '.join(numbers)}")
        setattr(environment, name, value)
    if hasattr(environment, "polemass_length"):  # of CartPole, worked out once
        worked_out = {
            "polemass_length": environment.masspole * environment.length,
            "total_mass": environment.masspole + environment.masscart,
        }
        for name in worked_out.keys() & changes:
            raise ValueError(f"{name!r} follows from masscart, masspole and length: change those")
        vars(environment).update(worked_out)


def _gymnasium() -> ModuleType:
    try:
        import gymnasium
    except ImportError as error:
        raise ValueError("environments need the package gymnasium: pip install 'smalti[control]'") from error
    module: ModuleType = gymnasium
    return module
